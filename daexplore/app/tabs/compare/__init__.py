"""Compare tab: latent plots side by side."""
