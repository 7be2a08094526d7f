"""The version information that is linked into programs: stamps, and the values for them."""
