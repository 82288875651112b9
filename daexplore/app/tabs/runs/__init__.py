"""Runs tab: table of runs, notes, trash and archives."""
