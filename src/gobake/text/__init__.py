"""Text for the terminal: made printable, and written."""
