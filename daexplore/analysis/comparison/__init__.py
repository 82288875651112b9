"""Paired comparison of two networks or methods on the same galaxies."""
