"""Publication figure: reliability diagram."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, run_styles

__all__ = ["FIGURE", "reliability_drawing"]


def reliability_drawing(compared: Sequence[RunResult], split: str = "test") -> FigureSpec:
    """Predicted probability against observed frequency, run by run and domain by domain, in bins of
    equal mass.
    """
    from daexplore.analysis.calibration.reliability import reliability

    parts = []
    for label, domain, labels, probabilities, groups in labelled(compared, split):
        bins = reliability(labels, probabilities, groups)
        columns = {
            name: getattr(bins, name)
            for name in ("probability", "frequency", "low", "high", "counts", "galaxies")
        }
        parts.append(
            pd.DataFrame(
                {"run": label, "domain": domain, "of": bins.of, "n": len(labels)} | columns
            )
        )
    table = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["run", "domain", "of", "n"])
    )
    words = "; ".join(
        f"{run} on {domain}, n = {int(rows['n'].iloc[0])}, from {rows['frequency'].iloc[0]:.2f} at"
        f" {rows['probability'].iloc[0]:.2f} to {rows['frequency'].iloc[-1]:.2f} at"
        f" {rows['probability'].iloc[-1]:.2f}"
        for (run, domain), rows in table.groupby(["run", "domain"], sort=False)
    )
    summary = (
        f"Observed share against predicted probability on {split} galaxies: {words}."
        if words
        else "No labelled galaxy here."
    )
    meta = figure_metadata(
        "Reliability", compared, split, "none", count_summary(table), oracle_note(compared, DOMAINS)
    )
    return FigureSpec("reliability", table, meta, summary, compared[0].classes if compared else ())


def _draw_reliability(axes: Any, drawing: "FigureSpec", domain: str, letters: int) -> None:
    """Columns run, domain, of, probability, frequency, low, high, n."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        style = styles[str(run)]
        errors = np.maximum([part["frequency"] - part["low"], part["high"] - part["frequency"]], 0)
        axes.errorbar(
            part["probability"],
            part["frequency"],
            yerr=errors,
            color=colour,
            linestyle=DASHES[style.dash],
            marker=MARKERS[style.marker],
            markersize=3.5,
            elinewidth=0.6,
        )
    first = drawing.table["of"].iloc[0]
    known = first == "class 1" and len(drawing.classes) == 2
    across, up = (
        (f"probability of {drawing.classes[1]}", f"share of {drawing.classes[1]}")
        if known
        else ("confidence", "accuracy")
    )
    axes.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_box_aspect(1)
    domain_panel_title(axes, letters, drawing, domain, rows)


def _build(given: FigureInput) -> FigureSpec:
    return reliability_drawing(given.runs, given.split)


FIGURE = Figure(
    PlotLayout(domains_of, _draw_reliability, run_key, 70.0, 0.78, 2, independent_axes),
    "Reliability",
    _build,
)
