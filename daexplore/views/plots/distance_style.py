"""Shared parts of distance plots: colours of runs, the asinh axis, points and tooltips."""

from collections.abc import Iterable
from dataclasses import dataclass

import holoviews as hv
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from daexplore.views.style import run_styles

__all__ = [
    "ALPHA",
    "FORMATS",
    "LARGE",
    "ON_AXIS",
    "RUN_COLORS",
    "WORDS",
    "AsinhAxis",
    "RunColours",
    "legend_width",
    "run_points",
    "tooltips",
]


ALPHA = 0.05


RUN_COLORS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Hues of Okabe & Ito for runs whose lines belong to both domains: none of them is the source's or
the target's.
"""


_TICKS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


_APART = 0.055  # of the axis, between two ticks


LARGE = 11


@dataclass(frozen=True)
class AsinhAxis:
    """An axis that is linear about 0 and logarithmic far from it, so that chance and a hundred
    times chance are both seen.

    Attributes:
        width: where the one passes into the other.

    >>> axis = AsinhAxis(0.01)
    >>> [round(float(place), 2) for place in axis.place([-0.01, 0.0, 0.01, 1.0])]
    [-0.88, 0.0, 0.88, 5.3]
    """

    width: float

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Coordinates of values on it."""
        return np.asarray(np.arcsinh(np.asarray(values, np.float64) / self.width))

    def limits(self, values: Iterable[float]) -> tuple[float, float]:
        """Both ends in places: all finite values and 0 are inside, with room around them."""
        places = self.place([value for value in values if np.isfinite(value)] + [0.0])
        low, high = float(places.min()), float(places.max())
        room = 0.08 * max(high - low, 1.0)
        return low - room, high + room

    def ticks(self, limits: tuple[float, float]) -> list[tuple[float, str]]:
        """Round numbers between the limits that do not come too close, as (place, text); 0 is one
        of them.
        """
        low, high = limits
        kept = [(0.0, "0")]
        for value in [sign * size for size in _TICKS[::-1] for sign in (1, -1)]:
            place = float(self.place(value))
            if low <= place <= high and all(
                abs(place - other) > _APART * (high - low) for other, _ in kept
            ):
                kept.append((place, f"{value:g}".replace("-", "−")))
        return sorted(kept)


class RunColours:
    """What distinguishes runs.

    Args:
        runs: their names, in order; a name may be more than once.

    Attributes:
        hue: of each.
        dash: of its lines.
        marker: of its points.
    """

    def __init__(self, runs: Iterable[str]) -> None:
        styles = run_styles(str(run) for run in runs)
        self.hue = {name: RUN_COLORS[place % len(RUN_COLORS)] for place, name in enumerate(styles)}
        self.dash = {name: style.dash for name, style in styles.items()}
        self.marker = {name: style.marker for name, style in styles.items()}

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the columns hue and look (the marker)."""
        return table.assign(hue=table["run"].map(self.hue), look=table["run"].map(self.marker))

    def offset(self, runs: "pd.Series[str]") -> "pd.Series[float]":
        """The runs' places about their middle."""
        places = {name: place - (len(self.hue) - 1) / 2 for place, name in enumerate(self.hue)}
        return runs.map(places).astype(float)


def run_points(rows: pd.DataFrame, keys: list[str], tips: list[str], label: str = "") -> hv.Points:
    """Markers in each run's look; columns ``solid`` and ``big`` say which are filled and how large
    they are.
    """
    columns = [name for name in (*tips, "hue", "look", "solid", "big") if name not in keys]
    points = hv.Points(rows, keys, columns, label=label)
    looks = {
        "color": hv.dim("hue"),
        "line_color": hv.dim("hue"),
        "marker": hv.dim("look"),
        "size": hv.dim("big"),
    }
    extra = {
        "tools": ["hover"],
        "hover_tooltips": tooltips(*tips, *(key for key in keys if key in ON_AXIS)),
        "backend": "bokeh",
    }
    return points.opts(**looks, fill_alpha=hv.dim("solid"), line_width=1.7, **extra)


ON_AXIS = ("epoch", "accuracy")


def tooltips(*names: str) -> list[tuple[str, str]]:
    """Return the tooltip rows of these columns."""
    return [(WORDS.get(name, name), f"@{{{name}}}{FORMATS.get(name, '')}") for name in names]


WORDS = {
    "value": "MMD²",
    "mmd2": "MMD²",
    "p_value": "p",
    "effect": "effect [σ of chance]",
    "n_source": "source",
    "n_target": "target",
}


FORMATS = {
    "value": "{0.0000}",
    "mmd2": "{0.0000}",
    "p_value": "{0.000}",
    "effect": "{0.0}",
    "accuracy": "{0.000}",
}


def legend_width(table: pd.DataFrame) -> float:
    """About how far chance reaches: the deviation of an unbiased MMD^2 under the null falls as 1 /
    n.
    """
    sizes = table[[name for name in ("n", "n_source", "n_target") if name in table]].to_numpy(float)
    return 5 / max(float(np.nanmax(sizes, initial=2.0)), 2.0)
