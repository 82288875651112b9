"""Metrics, prediction changes and seed variability of the selected runs."""
