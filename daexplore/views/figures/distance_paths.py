"""Publication figure: domain distance against accuracy over epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.utils.text import count_range
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
from daexplore.views.style import DOMAIN_COLORS, run_styles

__all__ = ["FIGURE", "paths_drawing"]


def paths_drawing(
    compared: Sequence[RunResult], histories: Mapping[str, pd.DataFrame], split: str = "test"
) -> FigureSpec:
    """Each run's way from epoch to epoch in MMD^2 and target accuracy (oracle).

    Args:
        compared: the runs, at the epoch that is marked.
        histories: by label: ``Run.history()``.
        split: of which galaxies.
    """
    parts, words = [], []
    for each in compared:
        history = histories[each.label]
        here = history[history["split"] == split]
        mmd2 = here[(here["name"] == "mmd2") & (here["domain"] == "both")].set_index("epoch")[
            "value"
        ]
        accuracy = here[(here["name"] == "accuracy") & (here["domain"] == "target")].set_index(
            "epoch"
        )["value"]
        rows = pd.DataFrame({"mmd2": mmd2, "accuracy": accuracy}).dropna().reset_index()
        n = int((each.evaluation.mask("target", split) & (each.evaluation.labels >= 0)).sum())
        parts.append(rows.assign(run=each.label, n=n, shown=rows["epoch"] == each.evaluation.epoch))
        if len(rows):
            first, last = rows.iloc[0], rows.iloc[-1]
            words.append(
                f"{each.label}: MMD² {first['mmd2']:.3g} to {last['mmd2']:.3g}, accuracy"
                f" {first['accuracy']:.3f} to {last['accuracy']:.3f}"
            )
    columns = ["run", "epoch", "mmd2", "accuracy", "n", "shown"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    sample = "; ".join(
        f"{run} {int(n)}" for run, n in table.groupby("run", sort=False)["n"].first().items()
    )
    meta = figure_metadata(
        "Distance and target accuracy",
        compared,
        split,
        "the most probable class",
        sample,
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec(
        "paths",
        table,
        meta,
        f"From the first epoch to the last, {split} split:"
        f" {'; '.join(words) or 'nothing was logged'}.",
    )


def _draw_paths(axes: Any, drawing: "FigureSpec", _: str, letters: int) -> None:
    """Columns run, epoch, mmd2, accuracy, n, shown. A hollow marker is the first epoch, a large one
    the epoch shown.
    """
    styles = run_styles(drawing.table["run"])
    for run, part in drawing.table.groupby("run", sort=False):
        style, part = styles[str(run)], part.sort_values("epoch")
        marker = MARKERS[style.marker]
        axes.plot(
            part["mmd2"],
            part["accuracy"],
            linestyle=DASHES[style.dash],
            marker=marker,
            markersize=2.5,
            color=DOMAIN_COLORS["both"],
        )
        first, shown = part.iloc[:1], part[part["shown"]]
        axes.plot(
            first["mmd2"],
            first["accuracy"],
            marker=marker,
            markersize=5.5,
            markerfacecolor="white",
            color=DOMAIN_COLORS["both"],
        )
        axes.plot(
            shown["mmd2"],
            shown["accuracy"],
            marker=marker,
            markersize=7,
            color=DOMAIN_COLORS["target"],
            linestyle="none",
        )
    axes.set(xlabel="MMD² of the latents", ylabel="target accuracy (oracle)")
    title(
        axes,
        letters,
        "Distance and target accuracy",
        f"{drawing.meta['split']}, target n = {count_range(drawing.table['n'].dropna())}",
    )


def _paths_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    hollow = Line2D(
        [],
        [],
        color=ink,
        marker="o",
        markersize=5,
        markerfacecolor="white",
        linestyle="none",
        label="first epoch",
    )
    shown = Line2D(
        [],
        [],
        color=DOMAIN_COLORS["target"],
        marker="o",
        markersize=6,
        linestyle="none",
        label="epoch shown",
    )
    return [*run_key(drawing, ink), hollow, shown]


def _one(drawing: "FigureSpec") -> list[Any]:  # noqa: ARG001
    return ["all"]


def _build(given: FigureInput) -> FigureSpec:
    return paths_drawing(given.runs, given.histories(), given.split)


FIGURE = Figure(
    PlotLayout(_one, _draw_paths, _paths_key, 80.0, 0.6, 2, independent_axes),
    "Distance and target accuracy",
    _build,
)
