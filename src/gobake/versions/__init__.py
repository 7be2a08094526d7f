"""What a program says of its own version: the stamps of a service, and where their values come from."""
