"""ROC curves of several runs, with bands and the point of the chosen threshold."""

from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.runs import Evaluation
from daexplore.utils.text import count_range
from daexplore.views.plots.frame import style_overlay
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.style import (
    DOMAIN_COLORS,
    NEUTRAL,
    RunStyle,
    domain_title,
    run_styles,
)

__all__ = [
    "band_areas",
    "operating_points",
    "roc_curves",
    "roc_panels",
    "roc_tables",
    "summary_roc",
    "threshold_point",
]


def summary_roc(curves: pd.DataFrame, split: str = "test") -> str:
    """The area under each curve, by domain.

    Args:
        curves: columns run, domain, auc, n (constant along a curve), as ``views.roc.roc_curves``
            takes them.
        split: which galaxies they were computed on.
    """
    parts = []
    for domain in (name for name in DOMAINS if (curves["domain"] == name).any()):
        first = curves[curves["domain"] == domain].drop_duplicates("run")
        values = ", ".join(
            f"{row['run']} {interval_text(row['auc'])}" for row in first.to_dict("records")
        )
        parts.append(f"{domain_title(domain)}, n = {count_range(first['n'])}: {values}")
    return (
        f"Area under the ROC curve on {split} galaxies: {'; '.join(parts)}."
        if parts
        else "No ROC curve can be drawn: both classes are needed."
    )


def roc_tables(
    evaluations: Mapping[str, Evaluation], split: str = "test", pair: tuple[int, int] = (0, 1)
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """ROC curves of both domains and their bands, as :mod:`daexplore.views.plots.roc` draws them.

    For more than two classes: the second class of the pair against the first, among the galaxies of
    those two.

    Args:
        evaluations: by the name of the run.
        split: which held-out images.
        pair: the negative and the positive class.

    Returns:
        Curves (run, domain, n, auc, fpr, tpr, threshold), and bands (run, domain, fpr, low, high),
        None if there is nothing to draw.
    """
    from daexplore.analysis.metrics.bootstrap import roc_band
    from daexplore.analysis.metrics.classification import roc

    curves, bands = [], []
    for name, found in evaluations.items():
        score = found.pair_probability(pair)
        for domain in DOMAINS:
            mask = found.mask(domain, split) & np.isin(found.labels, pair)
            labels = (found.labels[mask] == pair[1]).astype(np.int64)
            if len(set(labels.tolist())) < 2:
                continue
            curve, band = (
                roc(labels, score[mask]),
                roc_band(labels, score[mask], found.group_ids[mask]),
            )
            common = {"run": name, "domain": domain}
            points = pd.DataFrame(
                {"fpr": curve.fpr, "tpr": curve.tpr, "threshold": curve.thresholds}
            )
            curves.append(points.assign(**common, n=int(mask.sum()), auc=curve.auc))
            bands.append(
                pd.DataFrame({"fpr": band.fpr, "low": band.low, "high": band.high}).assign(**common)
            )
    if not curves:
        return pd.DataFrame(columns=["run", "domain", "n", "auc", "fpr", "tpr", "threshold"]), None
    return pd.concat(curves, ignore_index=True), pd.concat(bands, ignore_index=True)


def band_areas(bands: pd.DataFrame | None, x: str) -> list[hv.Element]:
    """One area a run and domain.

    Args:
        bands: columns run, domain, low, high and ``x``; None where there are none.
        x: name of the horizontal rate.
    """
    if bands is None:
        return []
    return [
        hv.Area(band, x, ["low", "high"]).opts(
            color=DOMAIN_COLORS[str(domain)], alpha=0.13, line_alpha=0, backend="bokeh"
        )
        for (_, domain), band in bands.groupby(["run", "domain"], sort=False)
    ]


def threshold_point(
    at: tuple[float, float], names: list[str], label: str, domain: str, style: RunStyle
) -> hv.Element:
    """Point of a curve at the chosen threshold.

    Args:
        at: both rates.
        names: of the rates.
        label: of the curve, whose entry of the legend it joins.
        domain: whose hue it has.
        style: of the run.
    """
    return hv.Points([at], names, label=label).opts(
        color=DOMAIN_COLORS[domain],
        marker=style.marker,
        size=11,
        line_color="white",
        line_width=1.2,
        backend="bokeh",
    )


def operating_points(curves: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Point of each curve at a decision threshold.

    Args:
        curves: columns run, domain, fpr, tpr, threshold, as :func:`roc_curves` takes them.
        threshold: objects with a score of at least this are called positive.

    Returns:
        Columns run, domain, fpr, tpr, threshold: of each curve the last point whose own threshold
        is still not below the chosen one, which is exact for curves that hold every distinct score.
    """
    points = []
    for (run, domain), curve in curves.groupby(["run", "domain"], sort=False):
        reached = curve[curve["threshold"] >= threshold]
        row = (
            (reached if len(reached) else curve)
            .sort_values("threshold")
            .iloc[0 if len(reached) else -1]
        )
        points.append(
            {
                "run": run,
                "domain": domain,
                "fpr": row["fpr"],
                "tpr": row["tpr"],
                "threshold": threshold,
            }
        )
    return pd.DataFrame(points, columns=["run", "domain", "fpr", "tpr", "threshold"])


def roc_curves(
    curves: pd.DataFrame,
    *,
    bands: pd.DataFrame | None = None,
    threshold: float | None = None,
    title: str = "ROC",
    legend: str = "bottom_right",
    size: tuple[int, int] | None = (340, 340),
    runs: Sequence[str] | None = None,
) -> hv.Overlay:
    """All curves of a table in one frame: hue is the domain, dash and marker the run.

    Args:
        curves: one row a point, columns run, domain, fpr, tpr, threshold; optionally auc, n
            (constant along a curve), shown in the legend.
        bands: columns run, domain, fpr, low, high: a pointwise interval of the true positive rate.
        threshold: marks the point of each curve where it is reached.
        title: above the plot.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
        runs: all runs of the comparison in their order, where ``curves`` holds only some: a run
            then keeps its dash.

    Returns:
        An overlay of the chance line, areas, curves and points, in this order.
    """
    styles = run_styles(runs if runs is not None else curves["run"])
    elements: list[hv.Element] = [
        hv.Curve([(0.0, 0.0), (1.0, 1.0)], "fpr", "tpr").opts(
            color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"
        )
    ]
    elements += band_areas(bands, "fpr")
    labels: dict[Any, str] = {}
    several = curves["domain"].nunique() > 1
    for (run, domain), curve in curves.groupby(["run", "domain"], sort=False):
        shown = curve.assign(run=str(run), domain=domain_title(str(domain)))[
            ["fpr", "tpr", "threshold", "run", "domain"]
        ]
        # The first threshold of a ROC is infinite by convention, which JSON and the hover text
        # cannot show.
        shown["threshold"] = shown["threshold"].clip(upper=1.0)
        elements.append(
            hv.Curve(
                shown,
                "fpr",
                ["tpr", "threshold", "run", "domain"],
                label=_label(str(run), str(domain) if several else "", curve),
            ).opts(
                color=DOMAIN_COLORS[str(domain)],
                line_dash=styles[str(run)].dash,
                line_width=2.2,
                tools=["hover"],
                backend="bokeh",
            )
        )
        labels[run, domain] = elements[-1].label
    if threshold is not None:
        for row in operating_points(curves, threshold).to_dict("records"):
            at, label = (row["fpr"], row["tpr"]), labels[row["run"], row["domain"]]
            elements.append(
                threshold_point(at, ["fpr", "tpr"], label, row["domain"], styles[row["run"]])
            )
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="false positive rate",
        ylabel="true positive rate",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        legend=legend,
        size=size,
    )


def roc_panels(
    curves: pd.DataFrame,
    *,
    bands: pd.DataFrame | None = None,
    threshold: float | None = None,
    split: str = "test",
    size: tuple[int, int] | None = (340, 340),
) -> hv.Layout:
    """One panel a domain, so that runs are compared like with like; the titles say n, split and
    domain.

    Arguments as in :func:`roc_curves`.
    """
    runs = list(dict.fromkeys(curves["run"]))
    panels = []
    for domain in [name for name in DOMAINS if (curves["domain"] == name).any()]:
        part = curves[curves["domain"] == domain]
        title = f"{domain_title(domain).capitalize()}, {split}{_count(part)}"
        band = None if bands is None else bands[bands["domain"] == domain]
        panels.append(
            roc_curves(part, bands=band, threshold=threshold, title=title, size=size, runs=runs)
        )
    return hv.Layout(panels).cols(2).opts(shared_axes=True, backend="bokeh")


def _label(run: str, domain: str, curve: pd.DataFrame) -> str:
    auc = (
        f" · AUC {curve['auc'].iloc[0]:.3f}"
        if "auc" in curve and np.isfinite(curve["auc"].iloc[0])
        else ""
    )
    return f"{run} · {domain}{auc}" if domain else f"{run}{auc}"


def _count(curves: pd.DataFrame) -> str:
    if "n" not in curves or curves.empty:
        return ""
    counts = sorted(set(curves["n"].astype(int)))
    return f", n = {counts[0]}" if len(counts) == 1 else f", n = {counts[0]} to {counts[-1]}"
