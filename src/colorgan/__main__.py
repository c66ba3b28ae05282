"""`python -m colorgan` is the same as `colorgan`."""

from colorgan.cli import main

if __name__ == "__main__":
    main()
