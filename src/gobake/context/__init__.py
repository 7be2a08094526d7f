"""The build context: which files of the user's tree a build reads, and the copies that BuildKit gets."""
