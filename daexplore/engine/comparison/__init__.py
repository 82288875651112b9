"""Comparison of runs and methods, and its verdict."""
