"""Files and folders that gobake reads and writes: atomically, without following links, private to the user."""
