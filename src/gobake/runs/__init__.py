"""Run records and the store that keeps them."""
