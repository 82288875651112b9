"""Raster of many points, painted in the browser."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS

from daexplore.utils.files import static_text

__all__ = ["MANY", "Raster"]

MANY = 4000
"""From so many points a panel on they are painted into an image."""
_SCRIPT = static_text("app", "raster.js")


class Raster:
    """An image in the place of a scatter's markers, which is painted again whenever points, axes or
    frame change.

    Args:
        plot: the Bokeh figure.
        dots: the scatter of it that has columns x, y, marker, colour, edge and alpha. Its columns
            stay what the points are; only who paints them changes.
    """

    def __init__(self, plot: Any, dots: Any) -> None:
        self._dots = dots
        nothing = ColumnDataSource(
            {
                "image": [np.zeros((1, 1), np.uint32)],
                "x": [0.0],
                "y": [0.0],
                "dw": [0.0],
                "dh": [0.0],
            }
        )
        self._image = plot.image_rgba(
            "image",
            "x",
            "y",
            "dw",
            "dh",
            source=nothing,
            origin="top_left",
            name="raster",
            visible=False,
        )
        repaint = CustomJS(args={"figure": plot, "dots": dots, "raster": self._image}, code=_SCRIPT)
        dots.data_source.js_on_change("data", repaint)
        dots.glyph.js_on_change("line_alpha", repaint)
        self._image.js_on_change("visible", repaint)
        for size in ("inner_width", "inner_height"):
            plot.js_on_change(size, repaint)
        for axis in (plot.x_range, plot.y_range):
            for end in ("start", "end"):
                axis.js_on_change(end, repaint)

    def choose_renderer(self, count: int) -> None:
        """Who paints so many points."""
        many = count >= MANY
        self._image.visible, self._dots.visible = many, not many
        # Bokeh reads every colour even of markers that it does not paint.
        names = ("fill_color", "colour"), ("line_color", "edge"), ("fill_alpha", "alpha")
        self._dots.glyph.update(
            **{
                name: (0.0 if "alpha" in name else "black") if many else {"field": column}
                for name, column in names
            }
        )
