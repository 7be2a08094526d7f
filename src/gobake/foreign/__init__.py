"""What others wrote, checked before anything is done with it."""
