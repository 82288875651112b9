"""Publication figure: predictions that change between two runs."""

from collections.abc import Sequence
from itertools import pairwise
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
    domain_panel_title,
    domains_of,
    figure_metadata,
    independent_axes,
    oracle_note,
)

__all__ = ["FIGURE", "flips_drawing"]


_OUTCOMES = {
    (True, True): "right in both",
    (False, True): "fixed",
    (True, False): "broken",
    (False, False): "wrong in both",
}


def flips_drawing(
    compared: Sequence[RunResult],
    split: str = "test",
    threshold: float = 0.5,
    pair: tuple[int, int] = (0, 1),
) -> FigureSpec:
    """What becomes of the labelled galaxies that all runs evaluated, from each run to the next:
    fixed, broken, right or wrong in both.
    """
    rows, words = [], []
    for domain in DOMAINS:
        right: list[pd.Series] = []
        for each in compared:
            found = each.evaluation
            mask = found.mask(domain, split) & np.isin(found.labels, pair)
            called = np.where(found.pair_probability(pair)[mask] > threshold, pair[1], pair[0])
            right.append(
                pd.Series(called == found.labels[mask], index=found.sample_ids[mask].astype(str))
            )
        for place, (before, after) in enumerate(pairwise(right)):
            both = pd.concat([before, after], axis=1, join="inner").to_numpy(bool)
            step = f"{compared[place].label} → {compared[place + 1].label}"
            for outcome, name in _OUTCOMES.items():
                count = int((both == outcome).all(axis=1).sum())
                rows.append(
                    {
                        "step": step,
                        "domain": domain,
                        "outcome": name,
                        "count": count,
                        "n": len(both),
                    }
                )
            counts = {row["outcome"]: row["count"] for row in rows[-4:]}
            if len(both):
                words.append(
                    f"{step} on {domain}, n = {len(both)}: {counts['fixed']} fixed,"
                    f" {counts['broken']} broken"
                )
    table = pd.DataFrame(rows, columns=["step", "domain", "outcome", "count", "n"])
    table = table[table["n"] > 0].reset_index(drop=True)
    sample = "; ".join(
        f"{row['domain']} {row['n']}" for row in table.drop_duplicates("domain").to_dict("records")
    )
    meta = figure_metadata(
        "Flips",
        compared,
        split,
        f"p = {threshold:g}",
        sample or "0",
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec(
        "flips",
        table,
        meta,
        f"Flips, {split} split:"
        f" {'; '.join(words) or 'two runs with labelled galaxies are needed'}.",
    )


# Okabe & Ito 2008; the hatches tell the same without hue.
_FLIPS = {
    "right in both": ("#999999", ""),
    "fixed": ("#009E73", "////"),
    "broken": ("#CC79A7", "xxxx"),
    "wrong in both": ("#F0E442", "...."),
}


def _draw_flips(axes: Any, drawing: "FigureSpec", domain: str, letters: int) -> None:
    """Columns step, domain, outcome, count, n."""
    rows = drawing.table[drawing.table["domain"] == domain]
    steps = list(dict.fromkeys(rows["step"]))
    for place, step in enumerate(steps):
        left = 0.0
        for outcome, (colour, hatch) in _FLIPS.items():
            [row] = rows[(rows["step"] == step) & (rows["outcome"] == outcome)].to_dict("records")
            share = row["count"] / row["n"]
            axes.barh(
                place,
                share,
                left=left,
                height=0.62,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0.4,
            )
            if share > 0.07:
                box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1}
                axes.text(
                    left + share / 2,
                    place,
                    str(row["count"]),
                    ha="center",
                    va="center",
                    color="#1a1a1a",
                    bbox=box,
                )
            left += share
    axes.set(
        xlabel="share of galaxies",
        xlim=(0, 1),
        yticks=range(len(steps)),
        yticklabels=[step.replace(" → ", "\n→ ") for step in steps],
    )
    axes.invert_yaxis()
    domain_panel_title(axes, letters, drawing, domain, rows)


def _flips_key(drawing: "FigureSpec", ink: str) -> list[Any]:  # noqa: ARG001
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name)
        for name, (colour, hatch) in _FLIPS.items()
    ]


def _build(given: FigureInput) -> FigureSpec:
    return flips_drawing(given.runs, given.split, given.threshold, given.pair)


FIGURE = Figure(
    PlotLayout(domains_of, _draw_flips, _flips_key, 80.0, 0.6, 2, independent_axes),
    "Flips from run to run",
    _build,
)
