"""Live plots of a training: margin plane and loss curves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, Range1d
from bokeh.models.annotations import BoxAnnotation, Label, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from daexplore.domains import DOMAINS
from daexplore.runs import Run
from daexplore.views.plots.history import with_epoch_position
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker, set_aria_label

__all__ = ["LiveCurves", "LivePlane", "PlanePoints", "SharedAxes", "plane_points"]

# More points than this make no picture clearer, and every epoch sends them again.
_DRAWN = 600
# In units of the source's within-class spread; beyond these the source would be a speck.
_X_LIMITS, _Y_LIMITS = (-12.0, 12.0), (-8.0, 16.0)
_EDGE = 0.3


@dataclass(frozen=True, eq=False)
class PlanePoints:
    """What one epoch's margin plane draws.

    Attributes:
        epoch: of the weights.
        x: for each (domain, label) the distances to the boundary.
        y: as above, the domain-probe scores.
        boundary: where the probability is one half.
        shown: galaxies drawn.
        total: galaxies of the split, both domains.
        split: which one.
    """

    epoch: int
    x: dict[tuple[str, int], NDArray[np.float32]]
    y: dict[tuple[str, int], NDArray[np.float32]]
    boundary: float
    shown: int
    total: int
    split: str


def plane_points(run: Run, epoch: int, split: str = "validation") -> PlanePoints:
    """The margin plane of an epoch, thinned to what a small figure can show: the same galaxies at
    every epoch. May take a second.
    """
    from daexplore.app.latents.embeddings import margin_plane

    plane, found = margin_plane(run, epoch), run.evaluation(epoch)
    x, y, shown = {}, {}, 0
    for domain in DOMAINS:
        rows = np.flatnonzero(found.mask(domain, split))
        rows = rows[:: max(1, -(-len(rows) // _DRAWN))]
        shown += len(rows)
        for label in np.unique(found.labels[rows]):
            chosen = rows[found.labels[rows] == label]
            x[domain, int(label)], y[domain, int(label)] = plane.x[chosen], plane.y[chosen]
    boundary = plane.threshold_x(0.5) if plane.threshold_x is not None else 0.0
    return PlanePoints(epoch, x, y, boundary, shown, int(found.mask(split=split).sum()), split)


class SharedAxes:
    """Ranges that all cards of a page share, for one scale of comparison. They only ever grow: the
    data move, not the axes.
    """

    def __init__(self) -> None:
        self.x, self.y = Range1d(start=-6, end=6), Range1d(start=-3, end=7)
        self.accuracy, self.mmd2 = Range1d(start=0.4, end=1.0), Range1d(start=-0.01, end=0.1)

    def hold_plane(self, points: PlanePoints) -> int:
        """Widen the frame for all but the outermost hundredth of the galaxies on each side, and
        return how many are beyond the frame.

        There is a limit: a domain that is far away in one run is not to squeeze all the others.
        """
        beyond = np.zeros(points.shown, bool)
        for axis, parts, (least, most) in (
            (self.x, points.x, _X_LIMITS),
            (self.y, points.y, _Y_LIMITS),
        ):
            values = np.concatenate(list(parts.values()))
            low, high = np.percentile(values, [1, 99])
            # In steps, so that a galaxy more or less does not shift everything.
            _grow(
                axis, max(float(np.floor(low - 0.5)), least), min(float(np.ceil(high + 0.5)), most)
            )
            beyond |= (values < axis.start) | (values > axis.end)
        return int(beyond.sum())

    def hold_curves(self, history: pd.DataFrame) -> None:
        """Make room for a run's accuracies and MMD."""
        for axis, name in ((self.accuracy, "accuracy"), (self.mmd2, "mmd2")):
            values = history.loc[
                (history["name"] == name) & (history["split"] == "validation"), "value"
            ].dropna()
            if len(values):
                low, high = float(values.min()), float(values.max())
                margin = 0.1 * (high - low) + 0.03 * abs(high)
                _grow(
                    axis,
                    low - margin,
                    min(high + margin, 1.0) if name == "accuracy" else high + margin,
                )


def _grow(axis: Range1d, low: float, high: float) -> None:
    if low < axis.start or high > axis.end:
        axis.update(start=min(axis.start, low), end=max(axis.end, high))


class LivePlane:
    """Galaxies either side of the decision boundary, moving with each epoch.

    Args:
        axes: shared between runs, since x and y mean the same in all of them.
    """

    def __init__(self, axes: SharedAxes) -> None:
        self.figure = _small(240, x_range=axes.x, y_range=axes.y)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = (
            "distance to the boundary [source spread]",
            "domain probe [σ]",
        )
        set_aria_label(
            self.figure,
            "margin plane: distance to the boundary and domain probe of validation galaxies, by"
            " domain and class",
        )
        self._side = BoxAnnotation(
            left=0, fill_color=NEUTRAL, fill_alpha=0.08, line_color=None, level="underlay"
        )
        self._boundary = Span(location=0, dimension="height", line_color=NEUTRAL, line_width=1.6)
        style: dict[str, Any] = {
            "x": 0,
            "y": 4,
            "y_units": "screen",
            "text": "",
            "text_font_size": "11px",
            "text_color": NEUTRAL,
        }
        self._names = [
            Label(text_align="right", x_offset=-6, **style),
            Label(text_align="left", x_offset=6, **style),
        ]
        for annotation in (self._side, self._boundary, *self._names):
            self.figure.add_layout(annotation)
        self._source = ColumnDataSource({"x": [], "y": [], "colour": [], "marker": []})
        dots = self.figure.scatter(
            "x",
            "y",
            source=self._source,
            size=5,
            marker="marker",
            fill_color="colour",
            fill_alpha=0.7,
            line_color=None,
        )
        dots.selection_glyph = dots.nonselection_glyph = None

    def show(self, points: PlanePoints, classes: tuple[str, ...]) -> None:
        """Move the galaxies to where they are after an epoch; those farther out than any frame goes
        are at its edge.

        Args:
            points: the same galaxies at every epoch.
            classes: their names.
        """
        keys = sorted(points.x)
        parts = {"x": (points.x, _X_LIMITS), "y": (points.y, _Y_LIMITS)}
        # A little within it: half a marker is hard to see.
        moved = {
            name: np.clip(np.concatenate([at[key] for key in keys]), low + _EDGE, high - _EDGE)
            for name, (at, (low, high)) in parts.items()
        }
        if len(self._source.data["x"]) == len(moved["x"]):
            self._source.data.update(moved)
        else:
            counts = [len(points.x[key]) for key in keys]
            colours = np.repeat([DOMAIN_COLORS[domain] for domain, _ in keys], counts)
            self._source.data = {
                **moved,
                "colour": colours,
                "marker": np.repeat([class_marker(label) for _, label in keys], counts),
            }
        for name, text in zip(self._names, (f"◂ {classes[0]}", f"{classes[1]} ▸"), strict=True):
            name.update(x=points.boundary, text=text)
        self._boundary.location = self._side.left = points.boundary


# Which lines each figure has: (name, split, domain, dash).
_LINES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "accuracy": (
        ("accuracy", "validation", "source", "solid"),
        ("accuracy", "validation", "target", "dashed"),
    ),
    "mmd2": (("mmd2", "validation", "both", "solid"),),
    "loss": (("loss/task", "train", "source", "solid"),),
}
# Of the alignments' losses, in the order in which they appear, as drawn and as the title shows
# them.
_DASHES = (("dashed", "- -"), ("dotted", "···"), ("dotdash", "· -"), ("dashdot", "- ·"))
_TITLES = {
    "accuracy": "accuracy, validation: source ―, target - - (oracle)",
    "mmd2": "MMD² of the latents, validation",
    "loss": "loss, training: task ―",
}


class LiveCurves:
    """Accuracy of both domains, MMD and losses of one run over its epochs.

    Args:
        axes: shared between runs.
    """

    def __init__(self, axes: SharedAxes) -> None:
        self.figures: list[Any] = []
        self._sources: dict[tuple[str, str, str], ColumnDataSource] = {}
        self._epochs = Range1d(start=0, end=1)
        for key, lines in _LINES.items():
            own = getattr(axes, key, None)
            plot = _small(
                136 if key == "loss" else 96,
                title=_TITLES[key],
                x_range=self._epochs,
                **({} if own is None else {"y_range": own}),
            )
            for name, split, domain, dash in lines:
                source, color = self._line(plot, (name, split, domain), dash), DOMAIN_COLORS[domain]
                if split != "train":
                    plot.scatter(
                        "x",
                        "y",
                        source=source,
                        size=5,
                        fill_color=color if dash == "solid" else None,
                        line_color=color,
                    )
            # Only the lowest of the three says the epochs; their axes are linked.
            plot.xaxis.visible = key == "loss"
            self.figures.append(plot)
        self.figures[-1].xaxis.axis_label = "epoch"

    def show(self, history: pd.DataFrame, epochs: int) -> None:
        """Draw a run's history so far.

        Args:
            history: as ``Run.history`` gives it.
            epochs: planned, so that the axis does not move meanwhile.
        """
        self._epochs.end = max(epochs, 1)
        table = with_epoch_position(history.assign(run=""))
        found = dict(list(table.groupby(["name", "split", "domain"], sort=False)))
        losses = table[
            table["name"].astype(str).str.startswith("loss/")
            & ~table["name"].isin(["loss/task", "loss/total"])
        ]
        for name, split, domain in (
            losses[["name", "split", "domain"]].drop_duplicates().itertuples(index=False)
        ):
            if (name, split, domain) not in self._sources:
                self._further_loss((str(name), str(split), str(domain)))
        for key, source in self._sources.items():
            if key in found and len(found[key]) != len(source.data["x"]):
                rows = found[key].sort_values("position", kind="stable")
                source.data = {"x": rows["position"].to_numpy(), "y": rows["value"].to_numpy()}

    def _line(self, plot: Any, key: tuple[str, str, str], dash: str) -> ColumnDataSource:
        source = self._sources[key] = ColumnDataSource({"x": [], "y": []})
        plot.line(
            "x", "y", source=source, line_color=DOMAIN_COLORS[key[2]], line_width=2, line_dash=dash
        )
        return source

    def _further_loss(self, key: tuple[str, str, str]) -> None:
        drawn = sum(name.startswith("loss/") for name, _, _ in self._sources) - 1
        dash, shown = _DASHES[drawn % len(_DASHES)]
        plot = self.figures[-1]
        self._line(plot, key, dash)
        plot.title.text += f", {key[0].removeprefix('loss/')} {shown}"
        set_aria_label(plot, plot.title.text)


def _small(height: int, **options: Any) -> Any:
    plot: Any = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        output_backend="canvas",
        **options,
    )
    plot.update(min_border_left=48, min_border_right=8, min_border_top=4, min_border_bottom=4)
    plot.grid.grid_line_alpha = 0.18
    if plot.title:
        plot.title.update(text_font_size="11px", text_font_style="normal")
        set_aria_label(plot, plot.title.text)
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(
            axis_label_text_font_size="11px",
            major_label_text_font_size="10px",
            axis_label_standoff=3,
            minor_tick_line_color=None,
        )
    plot.yaxis.ticker.desired_num_ticks = 4
    return plot
