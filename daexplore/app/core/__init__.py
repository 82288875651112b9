"""Background work, caches and the session of one page."""
