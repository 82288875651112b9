"""Zip archives of runs: written, verified, imported and reduced to a subset."""
