"""Domain distance over epochs, per class, and its relation to target accuracy."""

from collections.abc import Iterable
from dataclasses import dataclass

import holoviews as hv
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from daexplore.utils.text import count_range
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import NEUTRAL, run_styles

__all__ = [
    "RUN_COLORS",
    "AsinhAxis",
    "RunColours",
    "class_distances",
    "distance_paths",
    "mmd_curves",
    "summary_class_distances",
    "summary_distances",
    "summary_paths",
]


_ALPHA = 0.05


def summary_distances(table: pd.DataFrame, split: str) -> str:
    """From where to where the MMD^2 of each run went, and how far that is from chance at the epoch
    shown.

    Args:
        table: as :func:`daexplore.views.plots.distance_over_epochs.mmd_curves` takes it.
        split: which held-out images.
    """
    if table.empty:
        return f"MMD² of the latents ({split}): nothing logged yet."
    parts = []
    for run, rows in table.groupby("run", sort=False):
        rows = rows.sort_values("epoch")
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{run} {first['value']:.3g} (epoch {first['epoch']}) to {last['value']:.3g} (epoch"
            f" {last['epoch']}){_against_chance(rows[rows['shown']])}"
        )
    counts = table.iloc[0]
    return (
        f"MMD² of the latents, {split}, n = {counts['n_source']} source, {counts['n_target']}"
        f" target images: {'; '.join(parts)}."
    )


def summary_paths(table: pd.DataFrame, split: str) -> str:
    """What became of distance and target accuracy from the first to the selected epoch; oracle.

    Args:
        table: as :func:`daexplore.views.plots.distance_over_epochs.distance_paths` takes it.
        split: which held-out images.
    """
    if table.empty:
        return (
            f"Target accuracy ({split}, oracle) is not known: the target has no labels here, or"
            " nothing is logged yet."
        )
    parts = []
    for run, rows in table.groupby("run", sort=False):
        own = rows[rows["own"]].sort_values("epoch")
        if own.empty:
            continue
        first, end = own.iloc[0], (own[own["selected"]] if own["selected"].any() else own).iloc[-1]
        moved = "closer" if end["mmd2"] < first["mmd2"] else "farther"
        fared = (
            "better"
            if end["accuracy"] > first["accuracy"]
            else "worse"
            if end["accuracy"] < first["accuracy"]
            else "as good"
        )
        joint = "yet" if (moved == "closer") != (fared == "better") else "and"
        parts.append(
            f"{run} from epoch {first['epoch']} to {end['epoch']} {moved} ({first['mmd2']:.3g} to"
            f" {end['mmd2']:.3g}) {joint} {fared} ({first['accuracy']:.3f} to"
            f" {end['accuracy']:.3f}){_seeds(rows)}"
        )
    counts = sorted(set(table["n"]))
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return (
        f"MMD² and target accuracy (oracle), {split}, n = {n} labelled target images:"
        f" {'; '.join(parts)}."
    )


def summary_class_distances(measures: pd.DataFrame, split: str) -> str:
    """The MMD^2 of each class in each run, as called and (oracle) as labelled, and whether it lies
    beyond chance.

    Args:
        measures: as :func:`daexplore.views.plots.distance_over_epochs.class_distances` takes it.
        split: which held-out images.
    """
    if measures.empty:
        return f"MMD² class by class ({split}): being computed."
    parts = []
    for run, rows in measures.groupby("run", sort=False):
        classes = rows[rows["name"] == "class_mmd2"]
        free, oracle = (_each(classes[classes["oracle"] == flag]) for flag in (False, True))
        known = f"; true classes (oracle): {oracle}" if oracle else ""
        parts.append(f"{run}, predicted classes: {free}{known}{_hidden(rows)}")
    return f"MMD² class by class, {split}; * beyond chance (p ≤ {_ALPHA}): {'. '.join(parts)}."


def _against_chance(shown: pd.DataFrame) -> str:
    if shown.empty or not np.isfinite(shown["p_value"].iloc[0]):
        return ""
    row = shown.iloc[0]
    told = "beyond chance" if row["p_value"] <= _ALPHA else "not significant (p > 0.05)"
    return (
        f", at epoch {row['epoch']} {told} ({row['effect']:+.1f} σ, 95% of chance"
        f" {row['null_low']:.2g} to {row['null_high']:.2g})"
    )


def _seeds(rows: pd.DataFrame) -> str:
    others = rows[~rows["own"]]
    if others.empty:
        return ""
    ends = [
        (part[part["selected"]] if part["selected"].any() else part).sort_values("epoch").iloc[-1]
        for _, part in others.groupby("seed")
    ]
    values = [float(end["accuracy"]) for end in ends]
    many = f"{len(values)} further seed{'s' if len(values) > 1 else ''}"
    return (
        f", {many} {min(values):.3f} to {max(values):.3f}"
        if len(values) > 1
        else f", {many} {values[0]:.3f}"
    )


def _each(rows: pd.DataFrame) -> str:
    return ", ".join(
        (
            f"{row['kind']} {row['value']:.3g}{'*' if row['p_value'] <= _ALPHA else ''}"
            if np.isfinite(row["value"])
            else f"{row['kind']} –"
        )
        for row in rows.to_dict("records")
    )


def _hidden(rows: pd.DataFrame) -> str:
    """Marginals that match hide classes that do not."""
    whole = rows[rows["name"] == "mmd2"].iloc[0]
    classes = rows[(rows["name"] == "class_mmd2") & (rows["p_value"] <= _ALPHA)]
    if whole["p_value"] <= _ALPHA or classes.empty:
        return ""
    return " (as a whole the domains match, class by class they do not)"


RUN_COLORS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Hues of Okabe & Ito for runs whose lines belong to both domains: none of them is the source's or
the target's.
"""
_TICKS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_APART = 0.055  # of the axis, between two ticks
_FEW = 6
_ALPHA = 0.05
_BIG = 11


@dataclass(frozen=True)
class AsinhAxis:
    """An axis that is linear about 0 and logarithmic far from it, so that chance and a hundred
    times chance are both seen.

    Attributes:
        width: where the one passes into the other.

    >>> axis = AsinhAxis(0.01)
    >>> [round(float(place), 2) for place in axis.place([-0.01, 0.0, 0.01, 1.0])]
    [-0.88, 0.0, 0.88, 5.3]
    """

    width: float

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values stand on it."""
        return np.asarray(np.arcsinh(np.asarray(values, np.float64) / self.width))

    def limits(self, values: Iterable[float]) -> tuple[float, float]:
        """Both ends in places: all finite values and 0 are inside, with room around them."""
        places = self.place([value for value in values if np.isfinite(value)] + [0.0])
        low, high = float(places.min()), float(places.max())
        room = 0.08 * max(high - low, 1.0)
        return low - room, high + room

    def ticks(self, limits: tuple[float, float]) -> list[tuple[float, str]]:
        """Round numbers between the limits that do not come too close, as (place, text); 0 is one
        of them.
        """
        low, high = limits
        kept = [(0.0, "0")]
        for value in [sign * size for size in _TICKS[::-1] for sign in (1, -1)]:
            place = float(self.place(value))
            if low <= place <= high and all(
                abs(place - other) > _APART * (high - low) for other, _ in kept
            ):
                kept.append((place, f"{value:g}".replace("-", "−")))
        return sorted(kept)


def mmd_curves(
    table: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """MMD^2 over the epochs of each run, with a bar at each epoch that holds 95% of what chance
    gives.

    A hollow marker is a distance that the permutation test does not tell from chance (p > 0.05), a
    large one the epoch that is shown.

    Args:
        table: columns run, epoch, value, null_low, null_high, p_value, effect (NaN where not
            computed yet), shown, n_source, n_target.
        split: which held-out images.
        legend: whether the runs' names stand beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the zero line, the bars, a curve for each run, and the points.
    """
    looks, axis = RunColours(table["run"]), AsinhAxis(_width(table))
    placed = looks.of(table).assign(
        **{f"at_{name}": axis.place(table[name]) for name in ("value", "null_low", "null_high")}
    )
    placed = placed.sort_values("epoch", kind="stable")
    # Side by side, where several runs have one at the same epoch.
    band = placed.dropna(subset=["null_low"])
    band = band.assign(
        at=band["epoch"] + 0.12 * looks.offset(band["run"]), end=lambda rows: rows["at"]
    )
    bars = hv.Segments(band, ["at", "at_null_low", "end", "at_null_high"], ["hue"])
    elements: list[hv.Element] = [
        hv.HLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"),
        bars.opts(color=hv.dim("hue"), line_width=5, alpha=0.4, backend="bokeh"),
    ]
    for run, rows in placed.groupby("run", sort=False):
        curve = hv.Curve(rows, "epoch", "at_value", label=str(run))
        elements.append(
            curve.opts(
                color=looks.hue[str(run)],
                line_dash=looks.dash[str(run)],
                line_width=2.2,
                backend="bokeh",
            )
        )
    points = placed.assign(
        solid=np.where(placed["p_value"] > _ALPHA, 0.0, 1.0),
        big=np.where(placed["shown"], _BIG, 5.5),
    )
    elements.append(
        _points(
            points,
            ["epoch", "at_value"],
            ["run", "value", "null_low", "null_high", "p_value", "effect"],
        )
    )
    limits = axis.limits(table[["value", "null_low", "null_high"]].to_numpy(float).ravel())
    epochs = sorted({int(epoch) for epoch in table["epoch"]})
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"MMD² of the latents over the epochs, {split} n = {_counts(table)}",
        xlabel="epoch",
        ylabel="MMD² (asinh scale)",
        xlim=(epochs[0] - 0.5, epochs[-1] + 0.5),
        ylim=limits,
        yticks=axis.ticks(limits),
        legend="right",
        size=size,
    )
    # A tick between epochs would speak of what there is not.
    ticks = {"xticks": epochs} if len(epochs) < _FEW else {}
    return plot.opts(show_legend=legend, **ticks, backend="bokeh")


def distance_paths(
    table: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """Target accuracy (oracle) against MMD^2: each run's way from epoch to epoch; further seeds of
    the same settings faint behind it.

    A hollow marker is the first epoch, a large filled one the last, a ringed one the selected;
    their numbers stand beside them. A way to the left and down is negative transfer: the domains
    come closer and the target is called worse.

    Args:
        table: columns run, seed, own (whether it is the run itself or a further seed of its
            settings), epoch, mmd2, accuracy, selected, n.
        split: which held-out images.
        legend: whether the runs' names stand beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the further seeds' paths of each run that has some, a path for each run, the
        points, the rings of the selected epochs, and the marked epochs' numbers.
    """
    looks, axis = RunColours(table["run"]), AsinhAxis(_width(table))
    placed = (
        looks.of(table)
        .assign(at_mmd2=axis.place(table["mmd2"]))
        .sort_values("epoch", kind="stable")
    )
    limits = axis.limits(table["mmd2"])
    keys = ["at_mmd2", "accuracy"]
    faint: list[hv.Element] = []
    lines: list[hv.Element] = []
    for run, rows in placed.groupby("run", sort=False):
        style = {
            "color": looks.hue[str(run)],
            "line_dash": looks.dash[str(run)],
            "backend": "bokeh",
        }
        others = [part[keys].to_numpy() for _, part in rows[~rows["own"]].groupby("seed")]
        if others:
            faint.append(hv.Path(others, keys).opts(alpha=0.45, line_width=1.1, **style))
        # A path, not a curve, which would stand on its x axis; it has no legend, the points' stand
        # for it.
        lines.append(
            hv.Path([rows.loc[rows["own"], keys].to_numpy()], keys, label=str(run)).opts(
                line_width=2.2, **style
            )
        )
    own = placed[placed["own"]]
    place = own.groupby("run").cumcount()
    first, last = place == 0, own.groupby("run").cumcount(ascending=False) == 0
    marked = own.assign(
        solid=np.where(first & ~last, 0.0, 1.0), big=np.where(first | last, _BIG, 5.5)
    )
    rings = hv.Points(own[own["selected"]], keys, ["hue"])
    named = own[first | last | own["selected"]]
    words = hv.Labels(named.assign(text=named["epoch"].astype(str)), keys, "text")
    shift = 0.018 * (limits[1] - limits[0])
    elements = [
        *faint,
        *lines,
        _points(marked, keys, ["run", "epoch", "mmd2"]),
        rings.opts(
            color=hv.dim("hue"),
            fill_alpha=0,
            line_width=1.6,
            size=19,
            marker="circle",
            backend="bokeh",
        ),
        words.opts(
            text_color=NEUTRAL,
            text_font_size="9pt",
            text_align="left",
            text_baseline="bottom",
            xoffset=shift,
            backend="bokeh",
        ),
    ]
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"Distance against target accuracy (oracle), {split} n = {count_range(table['n'])}",
        xlabel="MMD² of the latents (asinh scale): left is closer",
        ylabel="target accuracy (oracle)",
        xlim=limits,
        xticks=axis.ticks(limits),
        legend="right",
        size=size,
        padding=(0, 0.12),
    )
    return plot.opts(show_legend=legend, backend="bokeh")


def class_distances(
    measures: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """MMD^2 of all galaxies and of each class in every run, over what chance gives; hollow where
    target labels were used.

    Args:
        measures: columns run, name, kind, value, null_low, null_high, p_value, effect, n_source,
            n_target, oracle.
        split: which held-out images.
        legend: whether the runs' names stand beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the zero line, the bands, and for each run its points.
    """
    looks = RunColours(measures["run"])
    rows = looks.of(
        measures[measures["name"].isin(["mmd2", "class_mmd2"]) & np.isfinite(measures["value"])]
    )
    axis = AsinhAxis(_width(rows))
    rows["what"] = [
        _what(str(kind), bool(oracle))
        for kind, oracle in zip(rows["kind"], rows["oracle"], strict=True)
    ]
    lines = {what: -float(place) for place, what in enumerate(dict.fromkeys(rows["what"]))}
    rows["y"] = rows["what"].map(lines) - 0.7 / len(looks.hue) * looks.offset(rows["run"])
    rows = rows.assign(solid=np.where(rows["oracle"], 0.0, 1.0), big=9.0, end=rows["y"])
    for name in ("value", "null_low", "null_high"):
        rows[f"at_{name}"] = axis.place(rows[name])
    bars = hv.Segments(
        rows.dropna(subset=["null_low"]), ["at_null_low", "y", "at_null_high", "end"], []
    )
    tips = [
        "run",
        "what",
        "value",
        "null_low",
        "null_high",
        "p_value",
        "effect",
        "n_source",
        "n_target",
    ]
    elements: list[hv.Element] = [
        hv.VLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"),
        bars.opts(color=NEUTRAL, line_width=7, alpha=0.4, backend="bokeh"),
        *(
            _points(part, ["at_value", "y"], tips, str(run))
            for run, part in rows.groupby("run", sort=False)
        ),
    ]
    limits = axis.limits(rows[["value", "null_low", "null_high"]].to_numpy(float).ravel())
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"MMD² class by class over what chance gives (grey, 95%), {split}",
        xlabel="MMD² of the latents (asinh scale)",
        ylabel="",
        xlim=limits,
        ylim=(-len(lines) + 0.4, 0.6),
        xticks=axis.ticks(limits),
        yticks=[(place, what) for what, place in lines.items()],
        legend="right",
        size=size,
    )
    return plot.opts(show_legend=legend, backend="bokeh")


class RunColours:
    """What tells runs apart.

    Args:
        runs: their names, in order; a name may stand more than once.

    Attributes:
        hue: of each.
        dash: of its lines.
        marker: of its points.
    """

    def __init__(self, runs: Iterable[str]) -> None:
        styles = run_styles(str(run) for run in runs)
        self.hue = {name: RUN_COLORS[place % len(RUN_COLORS)] for place, name in enumerate(styles)}
        self.dash = {name: style.dash for name, style in styles.items()}
        self.marker = {name: style.marker for name, style in styles.items()}

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the columns hue and look (the marker)."""
        return table.assign(hue=table["run"].map(self.hue), look=table["run"].map(self.marker))

    def offset(self, runs: "pd.Series[str]") -> "pd.Series[float]":
        """The runs' places about their middle."""
        places = {name: place - (len(self.hue) - 1) / 2 for place, name in enumerate(self.hue)}
        return runs.map(places).astype(float)


def _points(rows: pd.DataFrame, keys: list[str], tips: list[str], label: str = "") -> hv.Points:
    """Markers in each run's look; columns ``solid`` and ``big`` say which are filled and how large
    they are.
    """
    columns = [name for name in (*tips, "hue", "look", "solid", "big") if name not in keys]
    points = hv.Points(rows, keys, columns, label=label)
    looks = {
        "color": hv.dim("hue"),
        "line_color": hv.dim("hue"),
        "marker": hv.dim("look"),
        "size": hv.dim("big"),
    }
    extra = {
        "tools": ["hover"],
        "hover_tooltips": _tips(*tips, *(key for key in keys if key in _ON_AXIS)),
        "backend": "bokeh",
    }
    return points.opts(**looks, fill_alpha=hv.dim("solid"), line_width=1.7, **extra)


_ON_AXIS = ("epoch", "accuracy")


def _tips(*names: str) -> list[tuple[str, str]]:
    return [(_WORDS.get(name, name), f"@{{{name}}}{_FORMS.get(name, '')}") for name in names]


_WORDS = {
    "value": "MMD²",
    "mmd2": "MMD²",
    "p_value": "p",
    "effect": "effect [σ of chance]",
    "n_source": "source",
    "n_target": "target",
}
_FORMS = {
    "value": "{0.0000}",
    "mmd2": "{0.0000}",
    "p_value": "{0.000}",
    "effect": "{0.0}",
    "accuracy": "{0.000}",
}


def _width(table: pd.DataFrame) -> float:
    """About how far chance reaches: the deviation of an unbiased MMD^2 under the null falls as 1 /
    n.
    """
    sizes = table[[name for name in ("n", "n_source", "n_target") if name in table]].to_numpy(float)
    return 5 / max(float(np.nanmax(sizes, initial=2.0)), 2.0)


def _what(kind: str, oracle: bool) -> str:
    return (
        "all galaxies" if not kind else f"true {kind} (oracle)" if oracle else f"predicted {kind}"
    )


def _counts(table: pd.DataFrame) -> str:
    return f"{count_range(table['n_source'])} source, {count_range(table['n_target'])} target"
