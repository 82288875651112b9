"""``python -m daexplore`` is the ``daexplore`` command."""

from daexplore.cli import main

if __name__ == "__main__":
    main()
