"""What programs need at run time, found in their sources."""
