"""What programs need when they run, told from their sources."""
