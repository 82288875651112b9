"""Latent plot of one run as a Bokeh figure that reports taps and lassos."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxAnnotation, ColumnDataSource, Label, LassoSelectTool, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from daexplore.app.latents.plot_geometry import inside_polygon, nearest_on_screen
from daexplore.app.latents.raster import Raster
from daexplore.app.latents.view import LatentView

__all__ = ["AT_THRESHOLD", "PLACES", "LatentPlot"]

_TOOLS = "pan,wheel_zoom,box_zoom,reset,save"
AT_THRESHOLD = "at threshold"
"""The name of the models that are where the boundary is; their tag is where it is for a logit of
1.
"""
PLACES = 9
"""Decimals of where the boundary is drawn."""
_DIMMED = 0.1
_INK = {False: "#1a1a1a", True: "#f2f2f2"}
_PAPER = {False: "#ffffff", True: "#121212"}


class LatentPlot:
    """A figure that is made once and then only has its columns replaced.

    Bokeh's own selections would send every point back and forth; here a tap or a lasso arrives as
    an event of some bytes, the galaxies are found on the server, and only a small source with the
    halos, or with the selected points, goes back.

    Args:
        ranges: x and y, shared between panels whose axes mean the same.
        place: how many panels are to its left. The first one names the y axis for all.
        on_tap: called with the sample_id nearest to a tap.
        on_lasso: called with the outlined sample_ids, of all galaxies asked for, drawn or not; None
            if there are none.
    """

    def __init__(
        self,
        ranges: tuple[Range1d, Range1d],
        place: int,
        on_tap: Callable[[str], None],
        on_lasso: Callable[[frozenset[str] | None], None],
    ) -> None:
        self.scene: LatentView | None = None
        self._colours: list[str] = []
        self._selection: frozenset[str] | None = None
        self._alpha = 0.6
        self._leftmost = place == 0
        self._on_tap, self._on_lasso = on_tap, on_lasso
        self.points = ColumnDataSource(
            {"x": [], "y": [], "colour": [], "edge": [], "marker": [], "alpha": []}
        )
        self.halo = ColumnDataSource({"x": [], "y": []})
        self.twin = ColumnDataSource({"x": [], "y": []})
        self.figure = _empty_figure(ranges)
        self.figure.tags = [f"panel-{place}"]
        lasso = LassoSelectTool(continuous=False, renderers=[])
        self.figure.add_tools(lasso)
        self.figure.toolbar.active_drag = lasso
        # What is on the overlay is painted without painting the points again.
        self._side = BoxAnnotation(
            left=0, fill_color="#7f7f7f", fill_alpha=0.07, line_color=None, level="overlay"
        )
        self.boundary = Span(
            location=0, dimension="height", line_width=1.6, line_dash="solid", level="overlay"
        )
        label: dict[str, Any] = {
            "y_units": "screen",
            "text_font_size": "0.6875rem",
            "background_fill_alpha": 0.75,
            "level": "overlay",
        }
        self._left = Label(x=0, y=6, x_offset=-8, text_align="right", **label)
        self._right = Label(x=0, y=6, x_offset=8, text_align="left", **label)
        for annotation in (self._side, self.boundary, self._left, self._right):
            annotation.name = AT_THRESHOLD
            self.figure.add_layout(annotation)
        self._dots = self._scatter()
        self._raster = Raster(self.figure, self._dots)
        self._halos = [
            self.figure.scatter(
                "x",
                "y",
                name=name,
                source=source,
                size=17,
                fill_color=None,
                line_width=width,
                line_dash=dash,
                level="overlay",
            )
            for name, source, dash in (("halo", self.halo, "solid"), ("twin", self.twin, (4, 3)))
            for width in (5, 2.4)
        ]
        self.figure.on_event(Tap, self._tapped)
        self.figure.on_event(SelectionGeometry, self._outlined)
        self.set_theme(dark=False)

    def show(self, scene: LatentView, threshold: float, colours: list[str], outlined: bool) -> None:
        """Draw a scene by replacing the columns that changed.

        Args:
            scene: the galaxies.
            threshold: where the boundary is.
            colours: of the drawn galaxies.
            outlined: whether the outline of a point says its domain.
        """
        before, self.scene = self.scene, scene
        columns: dict[str, Any] = {"x": scene.x, "y": scene.y}
        same_galaxies = before is not None and before.galaxies == scene.galaxies
        if not same_galaxies:
            columns |= {
                "edge": scene.domain_colours,
                "marker": scene.markers,
                "alpha": self._alphas(),
            }
        if not same_galaxies or colours != self._colours:
            columns["colour"] = self._colours = colours
        if same_galaxies:
            self.points.data.update(columns)
        else:
            self.points.data = columns
        # An unlabelled galaxy's cross is all outline.
        crosses = bool((scene.evaluation.labels[scene.rows] < 0).any())
        self._dots.glyph.line_alpha = {"field": "alpha"} if outlined or crosses else 0.0
        self._dots.glyph.size = _size(len(scene.rows))
        self._raster.choose_renderer(len(scene.rows))
        self.figure.xaxis.axis_label = scene.coordinates.axes[0]
        self.figure.yaxis.axis_label = (
            scene.coordinates.axes[1] if self._leftmost or scene.coordinates.kind == "pca" else None
        )
        self.set_threshold(threshold)

    def set_threshold(self, threshold: float) -> None:
        """Move the boundary to a probability threshold; without a vertical boundary in this view it
        is hidden.
        """
        if self.scene is None:
            return
        place = self.scene.coordinates.threshold_x
        for annotation in (self._side, self.boundary, self._left, self._right):
            annotation.visible = place is not None
        if place is not None:
            # Far below a pixel; and the same number as in the page, which has moved the line
            # already and need not paint it again.
            x = round(float(place(threshold)), PLACES)
            # For the script that moves them while dragging: a position in units of the
            # threshold's logit.
            scale = float(place(1 / (1 + np.exp(-1.0))))
            self.boundary.location = self._side.left = self._left.x = self._right.x = x
            for annotation in (self._side, self.boundary, self._left, self._right):
                annotation.tags = [scale]
            first, second = (self.scene.run.classes[label] for label in self.scene.pair)
            self._left.text, self._right.text = f"◂ {first}", f"{second} ▸"

    def highlight(self, sample_id: str | None) -> None:
        """Put the halo on a galaxy, and a dashed one on the same galaxy in the other domain."""
        scene = self.scene
        row = scene.row_of(sample_id) if scene is not None else None
        twin = scene.counterpart_of(row) if scene is not None and row is not None else None
        self.halo.data, self.twin.data = self._at(row), self._at(twin)

    def select(self, sample_ids: frozenset[str] | None) -> None:
        """Dims all points but the selected ones; None shows all alike."""
        self._selection = sample_ids
        found = self._alphas()
        if not np.array_equal(found, self.points.data["alpha"]):
            self.points.data["alpha"] = found

    def set_theme(self, dark: bool) -> None:
        """Set what the page's theme does not reach: halos, boundary and their labels."""
        self._alpha = 0.85 if dark else 0.6
        ink, paper = _INK[dark], _PAPER[dark]
        self.boundary.line_color = self._left.text_color = self._right.text_color = ink
        self._left.background_fill_color = self._right.background_fill_color = paper
        for i, halo in enumerate(self._halos):
            halo.glyph.line_color = ink if i % 2 else paper

    def _alphas(self) -> NDArray[np.float32]:
        """(m,) of the drawn galaxies: the only column that a selection changes."""
        if self.scene is None:
            return np.zeros(0, np.float32)
        found = np.full(len(self.scene.rows), self._alpha, np.float32)
        if self._selection is not None:
            found[~self.scene.mask_of(self._selection)[self.scene.rows]] = _DIMMED
        return found

    def _scatter(self) -> Any:
        dots = self.figure.scatter(
            "x",
            "y",
            name="points",
            source=self.points,
            size=5,
            marker="marker",
            fill_color="colour",
            fill_alpha="alpha",
            line_color="edge",
            line_alpha=0.0,
        )
        dots.selection_glyph = dots.nonselection_glyph = dots.muted_glyph = None
        return dots

    def _at(self, row: int | None) -> dict[str, list[float]]:
        if row is None or self.scene is None:
            return {"x": [], "y": []}
        return {
            "x": [float(self.scene.coordinates.x[row])],
            "y": [float(self.scene.coordinates.y[row])],
        }

    def _tapped(self, event: Tap) -> None:
        scene, plot = self.scene, self.figure
        if scene is None or event.x is None or event.y is None:
            return
        pixels = (
            (plot.inner_width or 300) / abs(plot.x_range.end - plot.x_range.start),
            (plot.inner_height or 300) / abs(plot.y_range.end - plot.y_range.start),
        )
        nearest = nearest_on_screen(scene.x, scene.y, (event.x, event.y), pixels)
        if nearest is not None:
            self._on_tap(str(scene.evaluation.sample_ids[scene.rows[nearest]]))

    def _outlined(self, event: SelectionGeometry) -> None:
        if not event.final or event.geometry.get("type") != "poly" or self.scene is None:
            return
        found = self.scene
        inside = found.inside & inside_polygon(
            found.coordinates.x, found.coordinates.y, event.geometry["x"], event.geometry["y"]
        )
        self._on_lasso(self._ids(inside) or None)

    def _ids(self, mask: NDArray[np.bool_]) -> frozenset[str]:
        assert self.scene is not None
        return frozenset(map(str, self.scene.evaluation.sample_ids[mask]))


def _size(count: int) -> float:
    """Of a marker, so that few galaxies are seen and many do not run together [screen pixel]."""
    return 9 if count < 300 else 7 if count < 1200 else 5 if count < 10_000 else 4


def _empty_figure(ranges: tuple[Range1d, Range1d]) -> Any:
    plot = figure(
        x_range=ranges[0],
        y_range=ranges[1],
        tools=_TOOLS,
        active_scroll="wheel_zoom",
        sizing_mode="stretch_both",
    )
    plot.update(
        min_border_left=46,
        min_border_right=4,
        min_border_bottom=40,
        min_border_top=2,
        title=None,
        output_backend="canvas",
    )
    plot.toolbar.logo = None
    plot.grid.grid_line_alpha = 0.18
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(
            axis_label_text_font_size="0.6875rem",
            major_label_text_font_size="0.6875rem",
            axis_label_standoff=2,
            minor_tick_line_color=None,
        )
    return plot
