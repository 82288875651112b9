"""Layout helpers that tabs share."""

from collections.abc import Sequence
from html import escape
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn
from bokeh.models import Legend, Whisker

from daexplore.app.theme import STYLE

__all__ = ["grid_styles", "html_pane", "responsive_figure", "sentences_html", "side_by_side"]


def html_pane(markup: str = "", stylesheets: Sequence[str] = (STYLE,)) -> pn.pane.HTML:
    """Return a pane of markup as wide as the page has room."""
    return pn.pane.HTML(
        markup, sizing_mode="stretch_width", stylesheets=list(stylesheets), margin=0
    )


def sentences_html(*sentences: str) -> str:
    """Return the lines of text below a figure, as markup; empty ones are left out."""
    return "".join(
        f"<p class='summary'>{escape(sentence)}</p>" for sentence in sentences if sentence
    )


def grid_styles(narrowest: int, gap: str = "12px 24px") -> dict[str, str]:
    """Return the styles of a grid whose columns are at least ``narrowest`` wide [px]."""
    columns = f"repeat(auto-fit, minmax(min({narrowest}px, 100%), 1fr))"
    return {"display": "grid", "grid-template-columns": columns, "gap": gap}


def side_by_side(*parts: pn.viewable.Viewable, narrowest: int = 460) -> pn.Row:
    """Return parts in a row, below one another where the page is narrow."""
    return pn.Row(*parts, sizing_mode="stretch_width", margin=0, styles=grid_styles(narrowest))


def responsive_figure(plot: hv.Overlay, tag: str) -> Any:
    """The Bokeh figure of a plot, tagged, as large as the page has room; the page's ground shows
    through.
    """
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
