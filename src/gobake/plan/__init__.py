"""What follows from a project before anything is built."""
