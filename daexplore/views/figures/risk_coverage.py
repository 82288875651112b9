"""Publication figure: risk against coverage."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.figures.base import (
    DASHES,
    MARKERS,
    Figure,
    FigureInput,
    FigureSpec,
    PlotLayout,
    RunResult,
    count_summary,
    domain_panel_title,
    domains_of,
    figure_metadata,
    independent_axes,
    labelled,
    oracle_note,
    run_key,
)
from daexplore.views.style import DOMAIN_COLORS, run_styles

__all__ = ["FIGURE", "risk_coverage_drawing"]


def risk_coverage_drawing(compared: Sequence[RunResult], split: str = "test") -> FigureSpec:
    """The share of errors among the galaxies a run is surest of, for each share that is kept, with
    95% intervals over galaxies.
    """
    from daexplore.analysis.metrics.risk_coverage import risk_coverage

    parts, words = [], []
    for label, domain, labels, probabilities, groups in labelled(compared, split):
        curve = risk_coverage(labels, probabilities, groups)
        parts.append(
            pd.DataFrame(curve.rows()).assign(
                run=label, domain=domain, n=len(labels), aurc=curve.aurc["value"]
            )
        )
        words.append(f"{label} on {domain}, n = {len(labels)}: AURC {curve.aurc['value']:.3f}")
    columns = ["run", "domain", "n", "aurc", "coverage", "risk", "low", "high"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    meta = figure_metadata(
        "Risk and coverage",
        compared,
        split,
        "the most probable class",
        count_summary(table),
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec(
        "risk-coverage",
        table,
        meta,
        f"Risk and coverage, {split} split: {'; '.join(words) or 'no labelled galaxy'}.",
    )


def _draw_risk(axes: Any, drawing: "FigureSpec", domain: str, letters: int) -> None:
    """Columns run, domain, n, aurc, coverage, risk, low, high."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    for run, part in rows.groupby("run", sort=False):
        style = styles[str(run)]
        axes.fill_between(
            part["coverage"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0
        )
        label = f"{run}: AURC {part['aurc'].iloc[0]:.3f}"
        line = {
            "linestyle": DASHES[style.dash],
            "marker": MARKERS[style.marker],
            "markevery": 8,
            "markersize": 3.5,
        }
        axes.plot(part["coverage"], part["risk"], color=colour, label=label, **line)
    axes.legend(loc="upper left", frameon=False, handlelength=2.6)
    axes.set(
        xlabel="share of galaxies kept", ylabel="share of errors among them", xlim=(-0.01, 1.01)
    )
    axes.set_ylim(bottom=0)
    domain_panel_title(axes, letters, drawing, domain, rows)


def _build(given: FigureInput) -> FigureSpec:
    return risk_coverage_drawing(given.runs, given.split)


FIGURE = Figure(
    PlotLayout(domains_of, _draw_risk, run_key, 70.0, 0.78, 2, independent_axes),
    "Risk and coverage",
    _build,
)
