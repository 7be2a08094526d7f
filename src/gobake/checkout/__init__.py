"""Where a run happens: the Git checkout and the CI."""
