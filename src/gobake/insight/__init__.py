"""What records tell: scorecards, causes, trends. Pure functions over run records; nothing here reads a file."""
