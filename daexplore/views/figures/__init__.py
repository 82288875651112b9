"""Publication figures: one file each, rendered by matplotlib."""
