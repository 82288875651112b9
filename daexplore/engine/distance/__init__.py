"""Domain distances of saved runs."""
