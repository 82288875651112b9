"""Flips tab: predictions that change between runs."""
