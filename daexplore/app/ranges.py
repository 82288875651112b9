"""The axes of panels: shared, fitted to their points, and left alone once the visitor has moved them."""

from collections.abc import Sequence

import numpy as np
from bokeh.models import Range1d

from daexplore.app.scene import Scene

__all__ = ["Ranges", "fitted", "new_ranges", "set_ranges", "share_inside", "untouched"]

Ranges = tuple[Range1d, Range1d]


def fitted(scenes: Sequence[Scene]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and y that hold all but the outermost half per cent of the points, with a margin; outliers are a zoom away."""
    ranges = []
    for name in ("x", "y"):
        values = np.concatenate([getattr(scene, name) for scene in scenes]) if scenes else np.zeros(0)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, [0.5, 99.5]) if len(values) else (-1.0, 1.0)
        margin = 0.1 * (high - low) or 1.0
        ranges.append((float(low - margin), float(high + margin)))
    return ranges[0], ranges[1]


def new_ranges() -> Ranges:
    """Of a panel that is still empty."""
    return Range1d(-3, 3), Range1d(-3, 3)


def set_ranges(ranges: Ranges, limits: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Shows these limits, and comes back to them on reset."""
    for axis, (low, high) in zip(ranges, limits, strict=True):
        axis.update(start=low, end=high, reset_start=low, reset_end=high)


def untouched(ranges: Ranges) -> bool:
    """Whether the visitor has neither zoomed nor panned."""
    return all(bool(np.isclose(axis.start, axis.reset_start) and np.isclose(axis.end, axis.reset_end)) for axis in ranges)


def share_inside(ranges: Ranges, scenes: list[Scene]) -> float:
    """The share of the drawn galaxies that the ranges hold."""
    across, up = ranges
    inside = [(s.x > across.start) & (s.x < across.end) & (s.y > up.start) & (s.y < up.end) for s in scenes]
    return float(np.concatenate(inside).mean()) if any(len(each) for each in inside) else 1.0
