"""Latent plots of Compare: positions, colours and rendering."""
