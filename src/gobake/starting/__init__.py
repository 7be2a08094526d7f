"""Starts images in the engine: whether they answer, how soon, with how much memory and how few rights."""
