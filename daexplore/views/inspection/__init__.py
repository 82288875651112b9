"""Inspection of two domains as plots, cards and an HTML report."""
