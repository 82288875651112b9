"""Cutouts from survey tiles."""
