"""The explorer inside a notebook."""
