"""Helpers without knowledge of galaxies: files, processes and text."""
