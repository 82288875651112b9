"""Inspection of two domains before training: what their images and catalogues hold."""
