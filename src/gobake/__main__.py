"""`python -m gobake`."""

from gobake.cli import main

if __name__ == "__main__":
    main()
