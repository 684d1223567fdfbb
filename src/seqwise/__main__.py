"""python -m seqwise: the command line."""

from seqwise.cli import main

if __name__ == "__main__":
    main()
