"""Readers of FITS cutouts, folders and headers."""
