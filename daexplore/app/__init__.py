"""The explorer: a page over a folder of runs. Each tab imports what it needs when opened."""

__all__: list[str] = []
