"""Scorecards, causes and trends from run records. Pure functions; nothing here reads a file."""
