"""From a folder to a plan: everything that is decided before anything is built."""
