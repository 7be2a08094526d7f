"""What is built: services x strategies x platforms, and the commands and bases of each image."""
