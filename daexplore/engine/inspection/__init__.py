"""Inspection of two domains before training: their images and catalogues."""
