"""What several commands share: options, printed tables, progress bars."""
