"""Headline above the tabs, and the overlay shown while the page loads."""
