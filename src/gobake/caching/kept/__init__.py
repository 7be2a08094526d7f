"""Lists and prunes what builders and stores keep for projects."""
