"""Files and folders that gobake reads and writes: whole or not at all, through no link, for their user alone."""
