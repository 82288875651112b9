"""Pure functions that turn tables into pictures, for notebooks and the explorer alike; no state, no torch."""
