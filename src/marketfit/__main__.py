"""`python -m marketfit` is `marketfit`."""

from marketfit.cli import main

if __name__ == "__main__":
    main()
