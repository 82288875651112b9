"""Reliability diagrams and risk-coverage curves."""

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.utils.text import capitalise, count_range
from daexplore.views.plots.frame import style_overlay
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, domain_title, run_styles

__all__ = [
    "reliability_diagram",
    "reliability_panels",
    "risk_coverage_curves",
    "risk_coverage_panels",
    "summary_reliability",
    "summary_risk_coverage",
]

Size = tuple[int, int] | None
_AXES = {
    "class 1": ("probability of class 1", "share of class 1"),
    "top label": ("confidence", "accuracy"),
}


def reliability_diagram(
    bins: pd.DataFrame,
    *,
    title: str = "Reliability",
    legend: str = "top_left",
    size: Size = (320, 320),
    who: Sequence[str] | None = None,
) -> hv.Overlay:
    """Predicted probability against observed frequency, with intervals: on the diagonal,
    probabilities mean what they say.

    Args:
        bins: one row a bin, columns who, domain, of, probability, frequency, low, high, counts,
            galaxies: ``Uncertainty.reliability`` of one stage.
        title: above the plot.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
        who: all predictors of the comparison in their order, where ``bins`` holds only some: each
            then keeps its marker.

    Returns:
        The diagonal, then for each predictor and domain intervals, a line and points: hue is the
            domain, dash and marker the predictor.
    """
    elements: list[hv.Element] = [
        hv.Curve([(0.0, 0.0), (1.0, 1.0)], "probability", "frequency").opts(
            color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"
        )
    ]
    styles = run_styles(who if who is not None else bins["who"])
    several = bins["domain"].nunique() > 1
    for (name, domain), rows in bins.groupby(["who", "domain"], sort=False):
        color, style = DOMAIN_COLORS[str(domain)], styles[str(name)]
        label = f"{name} · {domain_title(str(domain))}" if several else str(name)
        bars = rows.assign(
            below=rows["frequency"] - rows["low"], above=rows["high"] - rows["frequency"]
        )
        shown = rows[["probability", "frequency", "low", "high", "counts", "galaxies"]].assign(
            who=str(name)
        )
        elements += [
            hv.ErrorBars(bars, "probability", ["frequency", "below", "above"]).opts(
                color=color, backend="bokeh"
            ),
            hv.Curve(shown, "probability", ["frequency"], label=label).opts(
                color=color, line_dash=style.dash, line_width=1.5, backend="bokeh"
            ),
            hv.Points(shown, ["probability", "frequency"], label=label).opts(
                color=color, marker=style.marker, size=8, tools=["hover"], backend="bokeh"
            ),
        ]
    of = str(bins["of"].iloc[0]) if len(bins) else "class 1"
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel=_AXES[of][0],
        ylabel=_AXES[of][1],
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        legend=legend,
        size=size,
    )


def reliability_panels(bins: pd.DataFrame, *, size: Size = (300, 300)) -> hv.Layout:
    """One panel for each domain and stage; the titles say n, split and domain.

    Args:
        bins: ``Uncertainty.reliability``, with its columns split, stage and n.
        size: of each frame.
    """
    who = list(dict.fromkeys(bins["who"]))
    panels = []
    for domain in (name for name in DOMAINS if (bins["domain"] == name).any()):
        part = bins[bins["domain"] == domain]
        for stage in dict.fromkeys(part["stage"]):
            rows = part[part["stage"] == stage]
            title = (
                f"{capitalise(domain_title(domain))}, {rows['split'].iloc[0]}, {stage}: n ="
                f" {count_range(rows['n'])}"
            )
            panels.append(reliability_diagram(rows, title=title, size=size, who=who))
    return hv.Layout(panels).cols(2).opts(shared_axes=True, backend="bokeh")


def risk_coverage_curves(
    curves: pd.DataFrame,
    *,
    title: str = "Risk and coverage",
    legend: str = "top_left",
    size: Size = (340, 280),
    who: Sequence[str] | None = None,
) -> hv.Overlay:
    """Share of errors among the galaxies kept, the surest first, with intervals.

    Args:
        curves: one row a point, columns who, domain, coverage, risk, low, high:
            ``Uncertainty.risk_coverage`` of one ranking.
        title: above the plot.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
        who: as in :func:`reliability_diagram`.
    """
    elements: list[hv.Element] = []
    styles = run_styles(who if who is not None else curves["who"])
    several = curves["domain"].nunique() > 1
    lines: list[hv.Element] = []
    for (name, domain), rows in curves.groupby(["who", "domain"], sort=False):
        color, style = DOMAIN_COLORS[str(domain)], styles[str(name)]
        label = f"{name} · {domain_title(str(domain))}" if several else str(name)
        elements.append(
            hv.Area(rows, "coverage", ["low", "high"]).opts(
                color=color, alpha=0.12, line_alpha=0, backend="bokeh"
            )
        )
        lines.append(
            hv.Curve(rows, "coverage", ["risk", "low", "high"], label=label).opts(
                color=color, line_dash=style.dash, line_width=2, tools=["hover"], backend="bokeh"
            )
        )
    if not lines:
        lines.append(hv.Curve([], "coverage", "risk"))
    return style_overlay(
        hv.Overlay(elements + lines),
        title=title,
        xlabel="coverage (share of galaxies kept)",
        ylabel="risk (share of errors)",
        xlim=(0, 1),
        ylim=(0, None),
        legend=legend,
        size=size,
    )


def risk_coverage_panels(
    curves: pd.DataFrame, *, ranking: str = "confidence", size: Size = (320, 260)
) -> hv.Layout:
    """One panel a domain of the curves of one ranking; the titles say n, split, domain and ranking.

    Args:
        curves: ``Uncertainty.risk_coverage``, with its columns split, ranking and n.
        ranking: "confidence", "in-domain" or "agreement".
        size: of each frame.
    """
    who = list(dict.fromkeys(curves["who"]))
    curves = curves[curves["ranking"] == ranking]
    panels = []
    for domain in (name for name in DOMAINS if (curves["domain"] == name).any()):
        rows = curves[curves["domain"] == domain]
        title = (
            f"{capitalise(domain_title(domain))}, {rows['split'].iloc[0]}, kept by {ranking}: n ="
            f" {count_range(rows['n'])}"
        )
        panels.append(risk_coverage_curves(rows, title=title, size=size, who=who))
    return hv.Layout(panels).cols(2).opts(shared_axes=True, backend="bokeh")


def summary_reliability(scores: pd.DataFrame, domain: str = "target") -> str:
    """The calibration error of all predictors on one domain before and after, with intervals, and
    how many images it rests on.

    Args:
        scores: ``Uncertainty.scores``: who, domain, split, stage, name, value, low, high, n.
        domain: which.
    """
    rows = (
        scores[(scores["domain"] == domain) & (scores["name"] == "ece")] if len(scores) else scores
    )
    if rows.empty:
        return f"Calibration on the {domain} is not known: no labelled galaxy there."
    parts = []
    for name, found in rows.groupby("who", sort=False):
        texts = [f"{_interval(row)} {row['stage']}" for row in found.to_dict("records")]
        parts.append(f"{name} {', '.join(texts)}")
    start = (
        f"Calibration error (ECE, debiased) on {count_range(rows['n'])} {rows['split'].iloc[0]}"
        f" galaxies of the {domain_title(domain)}"
    )
    return f"{start}: {'; '.join(parts)}."


def summary_risk_coverage(
    selective: pd.DataFrame, domain: str = "target", ranking: str = "confidence"
) -> str:
    """The area under the risk-coverage curve of all predictors on one domain, with intervals.

    Args:
        selective: ``Uncertainty.selective``: who, domain, split, ranking, name, value, low, high,
            n.
        domain: which.
        ranking: by what galaxies are kept.
    """
    chosen = selective
    if len(selective):
        chosen = selective[
            (selective["domain"] == domain)
            & (selective["name"] == "aurc")
            & (selective["ranking"] == ranking)
        ]
    if chosen.empty:
        return f"Risk and coverage on the {domain} are not known: no labelled galaxy there."
    values = "; ".join(f"{row['who']} {_interval(row)}" for row in chosen.to_dict("records"))
    start = (
        f"Area under the risk-coverage curve on {count_range(chosen['n'])}"
        f" {chosen['split'].iloc[0]} galaxies of the {domain_title(domain)}"
    )
    return f"{start}, kept by {ranking}: {values}."


def _interval(row: dict[Any, Any]) -> str:
    return interval_text(row["value"], row["low"], row["high"])
