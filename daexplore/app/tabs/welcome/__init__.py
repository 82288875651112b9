"""Welcome page of a first visit."""
