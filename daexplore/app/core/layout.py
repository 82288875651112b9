"""Layout helpers that tabs share."""

from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
from bokeh.models import Legend, Whisker

__all__ = ["responsive_figure"]


def responsive_figure(plot: hv.Overlay, tag: str) -> Any:
    """The Bokeh figure of a plot, tagged, as large as the page has room; the page's ground shows through."""
    figure = hv.renderer("bokeh").get_plot(plot).state
    figure.update(frame_width=None, frame_height=None, sizing_mode="stretch_both", tags=[tag])
    figure.update(background_fill_alpha=0.0, border_fill_alpha=0.0, outline_line_alpha=0.0)
    figure.toolbar.logo = None
    for legend in figure.above:
        if isinstance(legend, Legend):
            # HoloViews has it hang into the frame.
            legend.location = (0, 2)
    for bar in figure.select({"type": Whisker}):
        # Their ends are black by default, which a dark page swallows.
        for end in (bar.lower_head, bar.upper_head):
            end.line_color = bar.line_color
    return figure
