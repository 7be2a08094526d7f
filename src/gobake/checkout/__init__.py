"""Where a run happens: the repository's checkout, and the CI that runs it."""
