"""Predicted catalogues of whole surveys."""
