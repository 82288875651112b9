"""Data tab: inspection of two domains."""
