"""What the modules that services link weigh: why each is there, and what goes with it."""
