"""The cache store: tags, OCI layouts, whose a folder is, histories."""
