"""Positions of galaxies in latent space: margin plane, projections and typicality."""
