"""What users see of a run: live progress on a terminal or in a CI log, and reports afterwards."""
