"""Logged quantities over epochs, several runs in one frame."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.utils.text import capitalise
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, QUANTITIES, domain_title, run_styles

__all__ = ["history_curves", "summary_curves", "with_epoch_position"]


def summary_curves(history: pd.DataFrame, name: str, split: str = "validation") -> str:
    """From which value to which a quantity went in each run and domain.

    Args:
        history: columns run, epoch, split, domain, name, value.
        name: the quantity.
        split: "train", "validation" or "test".
    """
    rows = history[(history["name"] == name) & (history["split"] == split)]
    quantity = capitalise(QUANTITIES.get(name, name))
    if rows.empty:
        return f"{quantity} ({split}): nothing logged yet."
    parts = []
    for (run, domain), line in rows.groupby(["run", "domain"], sort=False):
        where = "" if domain == "both" else f" on {domain_title(str(domain))}"
        first, last = line.iloc[0], line.iloc[-1]
        parts.append(
            f"{run}{where} {first['value']:.3g} to {last['value']:.3g} (epoch {int(first['epoch'])}"
            f" to {int(last['epoch'])})"
        )
    return f"{quantity} ({split}): {'; '.join(parts)}."


# The engine writes about ten windows of losses an epoch.
_WINDOWS = 10


def with_epoch_position(history: pd.DataFrame) -> pd.DataFrame:
    """A history with a column ``position``: training steps as fractions of an epoch, evaluations at
    the end of theirs.

    A window that ended at step s of an epoch of S steps is at (s / S) epochs. S is read off the
    last finished epoch; within the first one it is not known yet, and windows are then taken to be
    tenths of it.

    Args:
        history: columns run, epoch, step, split, domain, name, value.
    """
    parts = []
    for _, rows in history.groupby("run", sort=False):
        position = rows["epoch"].astype(float)
        train = rows["split"] == "train"
        steps = rows.loc[train].groupby("epoch")["step"].max()
        if train.any() and len(steps) > 1:
            position[train] = rows.loc[train, "step"] / (steps.iloc[-2] / steps.index[-2])
        elif train.any():
            rank = rows.loc[train, "step"].rank(method="dense")
            position[train] = rows.loc[train, "epoch"] - 1 + (rank / _WINDOWS).clip(upper=1.0)
        parts.append(rows.assign(position=position))
    return pd.concat(parts) if parts else history.assign(position=np.empty(0))


def history_curves(
    history: pd.DataFrame,
    name: str,
    *,
    split: str | None = None,
    domains: Sequence[str] | None = None,
    epoch: int | None = None,
    epochs: int | None = None,
    title: str | None = None,
    legend: str = "right",
    size: tuple[int, int] | None = (380, 220),
) -> hv.Overlay:
    """One logged quantity over the epochs: hue is the domain, dash and marker the run.

    Args:
        history: the runs' histories stacked, with a column ``run``: run, epoch, step, split,
            domain, name, value.
        name: the quantity, e.g. "accuracy", "mmd2", "loss/task".
        split: "train", "validation" or "test"; None takes "train" for losses of the training and
            "validation" for all else.
        domains: which to draw; None draws all there are.
        epoch: marked by a vertical line.
        epochs: the planned number, so that the axis does not move while a run is going on.
        title: None writes the quantity and its split.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.

    Returns:
        An overlay of one curve (and its points, for what is known once an epoch) for each run and
        domain.
    """
    split = split or (
        "train" if name.startswith("loss/") or name == "learning_rate" else "validation"
    )
    chosen = (history["name"] == name) & (history["split"] == split)
    if domains is not None:
        chosen &= history["domain"].isin(domains)
    styles = run_styles(history["run"])
    quantity = QUANTITIES.get(name, name)
    elements: list[hv.Element] = []
    for (run, domain), rows in with_epoch_position(history)[chosen].groupby(
        ["run", "domain"], sort=False
    ):
        rows = rows.sort_values("position", kind="stable")[["position", "value", "epoch"]]
        color, style = DOMAIN_COLORS[str(domain)], styles[str(run)]
        label = str(run) if domain == "both" else f"{run} · {domain_title(str(domain))}"
        curve = hv.Curve(rows, "position", ["value", "epoch"], label=label)
        elements.append(
            curve.opts(
                color=color, line_dash=style.dash, line_width=2, tools=["hover"], backend="bokeh"
            )
        )
        if split != "train":
            points = hv.Points(rows, ["position", "value"], label=label)
            elements.append(points.opts(color=color, marker=style.marker, size=5, backend="bokeh"))
    if not elements:
        elements.append(hv.Curve([], "position", "value"))
    if epoch is not None:
        elements.append(
            hv.VLine(epoch).opts(color=NEUTRAL, line_width=1.2, line_dash="dotted", backend="bokeh")
        )
    return style_overlay(
        hv.Overlay(elements),
        title=title or f"{quantity}, {split}",
        xlabel="epoch",
        ylabel=quantity,
        xlim=(0, epochs) if epochs else None,
        legend=legend,
        size=size,
    )
