"""Interactive plots, each with its summary in words."""
