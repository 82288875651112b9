"""Publication figure: losses and metrics over epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.utils.text import capitalise
from daexplore.views.figures.base import (
    DASHES,
    MARKERS,
    Figure,
    FigureInput,
    FigureSpec,
    PlotLayout,
    RunResult,
    figure_metadata,
    independent_axes,
    oracle_note,
    run_key,
    title,
)
from daexplore.views.plots.history import summary_curves
from daexplore.views.style import DOMAIN_COLORS, QUANTITIES, domain_title, run_styles

__all__ = ["FIGURE", "curves_drawing"]


_CURVES = ("mmd2", "accuracy")


def curves_drawing(
    compared: Sequence[RunResult], histories: Mapping[str, pd.DataFrame], split: str = "test"
) -> FigureSpec:
    """MMD^2 of the latents, and the accuracy in both domains, over the epochs.

    Args:
        compared: the runs.
        histories: by label: ``Run.history()``.
        split: which galaxies they were computed on.
    """
    parts = [history.assign(run=label) for label, history in histories.items()]
    history = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["run", "epoch", "split", "domain", "name", "value"])
    )
    rows = history[history["name"].isin(_CURVES) & (history["split"] == split)]
    # In the order of the runs, by which they get their dashes: the same in every figure.
    place = {"name": list(_CURVES), "run": list(histories)}
    table = rows.sort_values(
        ["name", "run"], key=lambda column: column.map(place[str(column.name)].index), kind="stable"
    )
    table = table.reindex(columns=["name", "run", "domain", "split", "epoch", "value", "oracle"])
    summary = " ".join(
        summary_curves(history, name, split) for name in _CURVES if (rows["name"] == name).any()
    )
    sample = "; ".join(
        f"{each.label} {int(each.evaluation.mask(split=split).sum())}" for each in compared
    )
    meta = figure_metadata(
        "MMD² and accuracy over the epochs",
        compared,
        split,
        "the most probable class",
        sample,
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec(
        "curves", table, meta, summary or f"No MMD or accuracy was logged on {split} galaxies."
    )


def _draw_curves(axes: Any, drawing: "FigureSpec", name: str, letters: int) -> None:
    """Columns name, run, domain, split, epoch, value."""
    rows = drawing.table[drawing.table["name"] == name]
    styles = run_styles(drawing.table["run"])
    for (run, domain), part in rows.groupby(["run", "domain"], sort=False):
        style = styles[str(run)]
        line = {"linestyle": DASHES[style.dash], "marker": MARKERS[style.marker], "markersize": 2.5}
        axes.plot(part["epoch"], part["value"], color=DOMAIN_COLORS[str(domain)], **line)
    quantity = QUANTITIES.get(name, name)
    axes.set(xlabel="epoch", ylabel=quantity)
    axes.xaxis.get_major_locator().set_params(integer=True)
    title(axes, letters, capitalise(quantity), f"{drawing.meta['split']} galaxies")


def _curve_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    names = {"both": "both domains together"}
    present = [domain for domain in (*DOMAINS, "both") if (drawing.table["domain"] == domain).any()]
    hues = [
        Line2D([], [], color=DOMAIN_COLORS[d], linewidth=3, label=names.get(d, domain_title(d)))
        for d in present
    ]
    return [*run_key(drawing, ink), *hues]


def _build(given: FigureInput) -> FigureSpec:
    return curves_drawing(given.runs, given.histories(), given.split)


FIGURE = Figure(
    PlotLayout(
        lambda drawing: list(dict.fromkeys(drawing.table["name"])),
        _draw_curves,
        _curve_key,
        70.0,
        0.62,
        2,
        independent_axes,
    ),
    "MMD² and accuracy over epochs",
    _build,
)
