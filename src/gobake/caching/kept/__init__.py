"""What is kept for projects, on builders and in stores: listed and pruned."""
