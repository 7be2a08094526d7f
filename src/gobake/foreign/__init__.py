"""Data that others wrote, checked before it is used."""
