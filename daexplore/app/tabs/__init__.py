"""Tabs of the explorer: one folder each."""
