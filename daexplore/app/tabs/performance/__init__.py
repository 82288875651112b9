"""Performance tab: curves, confusion, calibration and slices."""
