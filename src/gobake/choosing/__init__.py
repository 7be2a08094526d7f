"""Compares the images that strategies make of a service, and recommends one with the reasons for it."""
