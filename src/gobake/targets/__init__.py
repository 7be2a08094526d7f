"""The targets of a run: services x strategies x platforms, and the commands and bases of each image."""
