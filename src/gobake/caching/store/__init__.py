"""The cache store: tags, OCI layouts, ownership of folders, histories."""
