"""`python -m playthrough` is `playthrough`."""

from playthrough.cli.main import main

if __name__ == "__main__":
    main()
