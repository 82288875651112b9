"""Publication figure: precision against recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.figures.base import (
    Figure,
    FigureInput,
    FigureSpec,
    PlotLayout,
    RunResult,
    count_summary,
    curve_and_point,
    domain_panel_title,
    domains_of,
    figure_metadata,
    independent_axes,
    oracle_note,
    threshold_key,
)
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, run_styles

__all__ = ["FIGURE", "precision_recall_drawing"]


def precision_recall_drawing(
    compared: Sequence[RunResult],
    split: str = "test",
    threshold: float = 0.5,
    pair: tuple[int, int] = (0, 1),
) -> FigureSpec:
    """Precision against recall of each threshold, and the point of the one on screen."""
    from daexplore.analysis.metrics.classification import precision_recall, roc

    parts, words = [], []
    for each in compared:
        found = each.evaluation
        for domain in DOMAINS:
            mask = found.mask(domain, split) & np.isin(found.labels, pair)
            positive, score = found.labels[mask] == pair[1], found.pair_probability(pair)[mask]
            if not positive.any() or positive.all():
                continue
            curve = roc(positive, score)
            precision, average = precision_recall(
                curve, int(positive.sum()), int((~positive).sum())
            )
            common: dict[str, Any] = {
                "run": each.label,
                "domain": domain,
                "n": len(score),
                "positive": float(positive.mean()),
                "ap": average,
            }
            rows = pd.DataFrame(
                {"recall": curve.tpr, "precision": precision, "threshold": curve.thresholds}
            )
            parts.append(rows.assign(series="curve", **common))
            called = score > threshold
            hit = int((called & positive).sum())
            at = {
                "recall": hit / positive.sum(),
                "precision": hit / called.sum() if called.any() else np.nan,
                "threshold": threshold,
            }
            parts.append(pd.DataFrame([{**at, "series": "threshold", **common}]))
            words.append(
                f"{each.label} on {domain}, n = {len(score)}: average precision {average:.3f}"
            )
    columns = ["series", "run", "domain", "n", "positive", "ap", "recall", "precision", "threshold"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    meta = figure_metadata(
        "Precision-recall",
        compared,
        split,
        f"p = {threshold:g}",
        count_summary(table),
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec(
        "precision-recall",
        table,
        meta,
        f"Precision-recall, {split} split: {'; '.join(words) or 'no labelled galaxy'}.",
    )


def _draw_precision_recall(axes: Any, drawing: "FigureSpec", domain: str, letters: int) -> None:
    """Columns series (curve, threshold), run, domain, n, positive, ap, recall, precision."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.axhline(rows["positive"].iloc[0], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        curve, point = (part[part["series"] == name] for name in ("curve", "threshold"))
        label = f"{run}: AP {curve['ap'].iloc[0]:.3f}"
        curve_and_point(
            axes, curve, point, ("recall", "precision"), styles[str(run)], colour, label
        )
    axes.legend(loc="lower left", frameon=False, handlelength=2.6)
    axes.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_box_aspect(1)
    domain_panel_title(axes, letters, drawing, domain, rows)


def _build(given: FigureInput) -> FigureSpec:
    return precision_recall_drawing(given.runs, given.split, given.threshold, given.pair)


FIGURE = Figure(
    PlotLayout(domains_of, _draw_precision_recall, threshold_key, 70.0, 0.78, 2, independent_axes),
    "Precision-recall",
    _build,
)
