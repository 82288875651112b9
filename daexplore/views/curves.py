"""What was logged over the epochs, of several runs in one frame."""

from collections.abc import Sequence

import holoviews as hv
import pandas as pd

from daexplore.views.epochs import with_epoch_position
from daexplore.views.frame import framed
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, QUANTITIES, domain_title, run_styles

__all__ = ["history_curves"]


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
        history: the runs' histories stacked, with a column ``run``: run, epoch, step, split, domain, name, value.
        name: the quantity, e.g. "accuracy", "mmd2", "loss/task".
        split: "train", "validation" or "test"; None takes "train" for losses of the training and "validation" for all else.
        domains: which to draw; None draws all there are.
        epoch: marked by a vertical line.
        epochs: the planned number, so that the axis does not move while a run is going on.
        title: None writes the quantity and its split.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.

    Returns:
        An overlay of one curve (and its points, for what is known once an epoch) for each run and domain.
    """
    split = split or ("train" if name.startswith("loss/") or name == "learning_rate" else "validation")
    chosen = (history["name"] == name) & (history["split"] == split)
    if domains is not None:
        chosen &= history["domain"].isin(domains)
    styles = run_styles(history["run"])
    quantity = QUANTITIES.get(name, name)
    elements: list[hv.Element] = []
    for (run, domain), rows in with_epoch_position(history)[chosen].groupby(["run", "domain"], sort=False):
        rows = rows.sort_values("position", kind="stable")[["position", "value", "epoch"]]
        color, style = DOMAIN_COLORS[str(domain)], styles[str(run)]
        label = str(run) if domain == "both" else f"{run} · {domain_title(str(domain))}"
        curve = hv.Curve(rows, "position", ["value", "epoch"], label=label)
        elements.append(curve.opts(color=color, line_dash=style.dash, line_width=2, tools=["hover"], backend="bokeh"))
        if split != "train":
            points = hv.Points(rows, ["position", "value"], label=label)
            elements.append(points.opts(color=color, marker=style.marker, size=5, backend="bokeh"))
    if not elements:
        elements.append(hv.Curve([], "position", "value"))
    if epoch is not None:
        elements.append(hv.VLine(epoch).opts(color=NEUTRAL, line_width=1.2, line_dash="dotted", backend="bokeh"))
    return framed(
        hv.Overlay(elements),
        title=title or f"{quantity}, {split}",
        xlabel="epoch",
        ylabel=quantity,
        xlim=(0, epochs) if epochs else None,
        legend=legend,
        size=size,
    )
