"""From what networks said of galaxies to the tables and figures that compare them."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.analysis.latents.margin_plane import MarginPlane, margin_plane
from daexplore.runs import Evaluation, Run
from daexplore.views.frame import framed
from daexplore.views.style import DOMAIN_COLORS, DOMAINS, NEUTRAL, class_marker, domain_title

__all__ = ["MarginPlanes", "margin_planes", "plane_of", "roc_tables"]


def roc_tables(
    evaluations: Mapping[str, Evaluation], split: str = "test", pair: tuple[int, int] = (0, 1)
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """ROC curves of both domains and their bands, as :mod:`daexplore.views.roc` draws them.

    For more than two classes: the second class of the pair against the first, among the galaxies of those two.

    Args:
        evaluations: by the name of the run.
        split: which held-out images.
        pair: the negative and the positive class.

    Returns:
        Curves (run, domain, n, auc, fpr, tpr, threshold), and bands (run, domain, fpr, low, high), None if there is nothing to draw.
    """
    from daexplore.analysis.metrics.bootstrap import roc_band
    from daexplore.analysis.metrics.classification import roc

    curves, bands = [], []
    for name, found in evaluations.items():
        score = found.pair_probability(pair)
        for domain in DOMAINS:
            mask = found.where(domain, split) & np.isin(found.labels, pair)
            labels = (found.labels[mask] == pair[1]).astype(np.int64)
            if len(set(labels.tolist())) < 2:
                continue
            curve, band = roc(labels, score[mask]), roc_band(labels, score[mask], found.group_ids[mask])
            common = {"run": name, "domain": domain}
            points = pd.DataFrame({"fpr": curve.fpr, "tpr": curve.tpr, "threshold": curve.thresholds})
            curves.append(points.assign(**common, n=int(mask.sum()), auc=curve.auc))
            bands.append(pd.DataFrame({"fpr": band.fpr, "low": band.low, "high": band.high}).assign(**common))
    if not curves:
        return pd.DataFrame(columns=["run", "domain", "n", "auc", "fpr", "tpr", "threshold"]), None
    return pd.concat(curves, ignore_index=True), pd.concat(bands, ignore_index=True)


def plane_of(run: Run, epoch: int | None = None, pair: tuple[int, int] = (0, 1)) -> tuple[Evaluation, MarginPlane]:
    """What a run said after an epoch (the selected one by default), and where its margin plane puts each image."""
    found = run.evaluation(epoch)
    weight, bias = run.head(found.epoch)
    known = (found.latents, found.labels, found.domain, found.split)
    return found, margin_plane(*known, weight, bias, classes=pair, groups=found.group_ids, logits=found.logits)


class MarginPlanes(NamedTuple):
    """Margin planes side by side, with what has to stand beside them.

    Attributes:
        layout: one frame a run, on shared axes.
        key: what hue and marker mean, as HTML.
        note: how many points lie outside the frames.
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
    """The galaxies of several runs, or of several epochs of one, on both sides of the decision boundary.

    Args:
        places: by the title of the frame; see :func:`plane_of`.
        classes: names of the labels.
        split: which held-out images.
        threshold: probability at which the boundary is drawn.
        size: of each frame [screen pixel].
    """
    points = np.vstack([np.c_[plane.x, plane.y][found.where(split=split)] for found, plane in places.values()])
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    margin = 0.1 * (high - low)
    outside = ((points < low - margin) | (points > high + margin)).any(axis=1)
    limits = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    frames = []
    for title, (found, plane) in places.items():
        elements: list[hv.Element] = [hv.VLine(plane.threshold_x(threshold)).opts(color=NEUTRAL, line_width=2, backend="bokeh")]
        for domain in DOMAINS:
            for label in sorted(set(found.labels.tolist())):
                at = found.where(domain, split) & (found.labels == label)
                style = {"color": DOMAIN_COLORS[domain], "marker": class_marker(label), "size": 5, "alpha": 0.5, "line_alpha": 0}
                elements.append(hv.Points((plane.x[at], plane.y[at]), ["margin", "probe"]).opts(**style, backend="bokeh"))
        frames.append(
            framed(
                hv.Overlay(elements),
                title=f"{title}, {split} n = {int(found.where(split=split).sum())}",
                xlabel="distance to boundary [source σ]",
                ylabel="domain probe [source σ]",
                xlim=limits[0],
                ylim=limits[1],
                size=size,
            )
        )
    key = "".join(
        f"<b style='color: {DOMAIN_COLORS[domain]}; margin-right: 20px'>{sign} {domain_title(domain)}: {escape(kind)}</b>"
        for domain in DOMAINS
        for sign, kind in zip("●▲■◆", classes, strict=False)
    )
    return MarginPlanes(hv.Layout(frames), key, f"{int(outside.sum())} of {len(points)} points lie outside the frames.")
