"""Grad-CAM maps and their agreement."""
