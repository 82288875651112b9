"""Views: pure functions from tables to plots, without state and without torch."""
