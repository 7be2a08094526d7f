"""What a build reads of the user's tree: which files, and the copies of them that BuildKit is given."""
