"""Counts of galaxies per class, and of missing or bad pixels, in two domains."""

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.inspection.pixels import QUIET_AXES
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS

__all__ = ["FEWEST", "PIXEL_FAULTS", "class_plot", "fault_plot"]

PIXEL_FAULTS = {
    "missing_pixels": "missing",
    "saturated_pixels": "at the maximum",
    "zero_pixels": "exactly zero",
}
"""Shares of pixels that deserve a look, and how they are called."""

FEWEST = 1e-4
"""A share of pixels below which a fault is not drawn."""

_HALF = 0.17


def class_plot(
    classes: pd.DataFrame, size: tuple[int, int] | None = (300, 190), title: str = "Class balance"
) -> hv.Overlay:
    """The share of each class in both domains; target labels make it an oracle's plot.

    Args:
        classes: columns domain, label, images, share; the share is NaN for unlabelled images, which
            are left out.
        size: of the frame [screen pixel]; None stretches.
        title: above the plot.
    """
    rows = classes.dropna(subset=["share"])
    names = list(dict.fromkeys(rows["label"]))
    return _bars(
        [
            (str(row["domain"]), names.index(row["label"]), float(row["share"]))
            for row in rows.to_dict("records")
        ],
        [str(name) for name in names],
        title,
        "share of labelled images [%], target: oracle",
        size,
    )


def fault_plot(
    values: pd.DataFrame,
    size: tuple[int, int] | None = (300, 190),
    title: str = "Missing and odd pixels",
) -> hv.Overlay:
    """Missing, saturated and zero pixels by band; faults that are rarer than ``FEWEST`` everywhere
    are left out.

    Args:
        values: columns domain, band, missing_pixels, saturated_pixels, zero_pixels (shares).
        size: of the frame [screen pixel]; None stretches.
        title: above the plot.
    """
    entries, names = [], []
    for column, fault in PIXEL_FAULTS.items():
        if not (values[column].astype(float) >= FEWEST).any():
            continue
        for band in dict.fromkeys(values["band"]):
            names.append(f"{fault}, {band}")
            rows = values[values["band"] == band]
            entries += [
                (str(row["domain"]), len(names) - 1, float(row[column]))
                for row in rows.to_dict("records")
            ]
    return _bars(entries, names, title, "share of pixels [%]", size)


def _bars(
    entries: list[tuple[str, int, float]],
    names: list[str],
    title: str,
    xlabel: str,
    size: tuple[int, int] | None,
) -> hv.Overlay:
    """Two bars a line, the source's above the target's; the target's are hollow."""
    elements: list[hv.Element] = []
    for domain in DOMAINS:
        shift = _HALF if domain == "source" else -_HALF
        boxes = [
            (0.0, -line + shift - _HALF, 100 * share, -line + shift + _HALF)
            for of, line, share in entries
            if of == domain
        ]
        fill = 0.85 if domain == "source" else 0.15
        if boxes:
            color = DOMAIN_COLORS[domain]
            elements.append(
                hv.Rectangles(boxes, ["x0", "y0", "x1", "y1"]).opts(
                    color=color, fill_alpha=fill, line_color=color, backend="bokeh"
                )
            )
            texts = [(x1, (y0 + y1) / 2, f" {_percent(x1)} {domain}") for _, y0, x1, y1 in boxes]
            labels = hv.Labels(texts, ["x", "y"], "text").opts(
                text_align="left", text_font_size="8.5pt", text_color=color, backend="bokeh"
            )
            elements.append(labels)
    longest = max((100 * share for _, _, share in entries), default=1.0) or 1.0
    return style_overlay(
        hv.Overlay(elements or [hv.Curve([], "x", "y")]),
        title=title,
        xlabel=xlabel,
        ylabel="",
        xlim=(0.0, 1.45 * longest),
        ylim=(-len(names) + 0.4, 0.6),
        size=size,
        yticks=[(-float(i), name) for i, name in enumerate(names)],
    ).opts(toolbar=None, show_legend=False, backend_opts=QUIET_AXES, backend="bokeh")


def _percent(value: float) -> str:
    return (
        f"{value:.0f}%"
        if value >= 9.5
        else f"{np.format_float_positional(value, 2, fractional=False, trim='-')}%"
    )
