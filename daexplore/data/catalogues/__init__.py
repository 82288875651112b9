"""Catalogues: reading, matching with images, and writing."""
