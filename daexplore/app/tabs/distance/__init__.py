"""Domain distance tab."""
