"""The explorer: a page over a folder of runs. Importing it is cheap; each tab imports what it needs when it is first opened."""

__all__: list[str] = []
