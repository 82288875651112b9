"""Grad-CAM maps of saved runs, and their sanity checks."""
