"""Margin plane of one or several runs."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import holoviews as hv
import numpy as np

from daexplore.analysis.latents.margin_plane import MarginPlane, margin_plane
from daexplore.domains import DOMAINS
from daexplore.runs import Evaluation, Run
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker, domain_title

__all__ = ["MarginPlanes", "margin_planes", "plane_of", "summary_plane"]


def summary_plane(
    run: str, epoch: int, right: Mapping[str, float], counts: Mapping[str, int], positive: str
) -> str:
    """How much of each domain is beyond the decision boundary.

    Args:
        run: its label.
        epoch: which weights.
        right: for each domain the share of galaxies that are called ``positive``, 0 to 1.
        counts: for each domain how many galaxies are drawn.
        positive: name of the class on the right of the boundary.
    """
    parts = ", ".join(f"{right[domain]:.0%} of {counts[domain]} {domain}" for domain in right)
    return f"{run}, epoch {epoch}: {parts} galaxies are on the side of {positive}."


def plane_of(
    run: Run, epoch: int | None = None, pair: tuple[int, int] = (0, 1)
) -> tuple[Evaluation, MarginPlane]:
    """What a run said after an epoch (the selected one by default), and where its margin plane puts
    each image.
    """
    found = run.evaluation(epoch)
    weight, bias = run.head(found.epoch)
    known = (found.latents, found.labels, found.domain, found.split)
    return found, margin_plane(
        *known, weight, bias, classes=pair, groups=found.group_ids, logits=found.logits
    )


class MarginPlanes(NamedTuple):
    """Margin planes side by side, with what has to be beside them.

    Attributes:
        layout: one frame a run, on shared axes.
        key: what hue and marker mean, as HTML.
        note: how many points are outside the frames.
    """

    layout: hv.Layout
    key: str
    note: str


def margin_planes(
    places: Mapping[str, tuple[Evaluation, MarginPlane]],
    classes: tuple[str, ...],
    split: str = "test",
    threshold: float = 0.5,
    size: tuple[int, int] = (260, 270),
) -> MarginPlanes:
    """The galaxies of several runs, or of several epochs of one, on both sides of the decision
    boundary.

    Args:
        places: by the title of the frame; see :func:`plane_of`.
        classes: names of the labels.
        split: which held-out images.
        threshold: probability at which the boundary is drawn.
        size: of each frame [screen pixel].
    """
    points = np.vstack(
        [np.c_[plane.x, plane.y][found.mask(split=split)] for found, plane in places.values()]
    )
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    margin = 0.1 * (high - low)
    outside = ((points < low - margin) | (points > high + margin)).any(axis=1)
    limits = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    frames = []
    for title, (found, plane) in places.items():
        elements: list[hv.Element] = [
            hv.VLine(plane.threshold_x(threshold)).opts(
                color=NEUTRAL, line_width=2, backend="bokeh"
            )
        ]
        for domain in DOMAINS:
            for label in sorted(set(found.labels.tolist())):
                at = found.mask(domain, split) & (found.labels == label)
                style = {
                    "color": DOMAIN_COLORS[domain],
                    "marker": class_marker(label),
                    "size": 5,
                    "alpha": 0.5,
                    "line_alpha": 0,
                }
                elements.append(
                    hv.Points((plane.x[at], plane.y[at]), ["margin", "probe"]).opts(
                        **style, backend="bokeh"
                    )
                )
        frames.append(
            style_overlay(
                hv.Overlay(elements),
                title=f"{title}, {split} n = {int(found.mask(split=split).sum())}",
                xlabel="distance to boundary [source σ]",
                ylabel="domain probe [source σ]",
                xlim=limits[0],
                ylim=limits[1],
                size=size,
            )
        )
    key = "".join(
        f"<b style='color: {DOMAIN_COLORS[domain]}; margin-right: 20px'>{sign}"
        f" {domain_title(domain)}: {escape(kind)}</b>"
        for domain in DOMAINS
        for sign, kind in zip("●▲■◆", classes, strict=False)
    )
    return MarginPlanes(
        hv.Layout(frames),
        key,
        f"{int(outside.sum())} of {len(points)} points are outside the frames.",
    )
