"""Distances between domains in latent space, and their tests."""
