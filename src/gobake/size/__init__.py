"""Says where every byte of an image and of its program is, and what grew."""
