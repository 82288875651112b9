"""The frame common to all HoloViews plots: sizes, grid, fonts, toolbar."""

import textwrap
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh

from daexplore.views.style import set_aria_label

__all__ = ["style_overlay"]

_LETTER = 7.9  # width of a bold letter of 11 points, in the mean [screen pixel]

# Importing the plotting module registers the backend, so that options can be given before a
# notebook or page asks for it.


def style_overlay(
    plot: hv.Overlay,
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    xlim: tuple[float | None, float | None] | None = None,
    ylim: tuple[float | None, float | None] | None = None,
    legend: str = "right",
    size: tuple[int, int] | None = (380, 330),
    **options: Any,
) -> hv.Overlay:
    """The overlay with title, axes and legend set. Text colours are left to the page's theme, light
    or dark.

    Args:
        plot: what to draw.
        title: above the plot; broken into lines where the frame is too narrow for it.
        xlabel: with its unit.
        ylabel: with its unit.
        xlim: None leaves the range to the data.
        ylim: as above.
        legend: HoloViews' ``legend_position``.
        size: (width, height) of the frame [screen pixel]; None stretches to the width of the page.
        options: further options of a HoloViews overlay.
    """
    words = f"{title}: {ylabel} against {xlabel}" if xlabel and ylabel else title
    hooks = [lambda drawn, _: set_aria_label(drawn.state, words), *options.pop("hooks", [])]
    frame: dict[str, Any] = (
        {"responsive": True, "min_height": 260}
        if size is None
        else {"frame_width": size[0], "frame_height": size[1]}
    )
    limits = {name: value for name, value in (("xlim", xlim), ("ylim", ylim)) if value is not None}
    framed_plot: hv.Overlay = plot.opts(
        title=title if size is None else _broken(title, size[0]),
        xlabel=xlabel,
        ylabel=ylabel,
        show_grid=True,
        show_legend=True,
        legend_position=legend,
        legend_opts={
            "background_fill_alpha": 0.6,
            "border_line_alpha": 0.0,
            "label_text_font_size": "9pt",
            "glyph_width": 34,
            "padding": 4,
        },
        gridstyle={"grid_line_alpha": 0.25},
        fontsize={"title": "11pt", "labels": "10pt", "ticks": "9pt"},
        toolbar="above",
        default_tools=["pan", "box_zoom", "wheel_zoom", "save", "reset"],
        active_tools=[],
        hooks=hooks,
        backend="bokeh",
        **frame,
        **limits,
        **options,
    )
    return framed_plot


def _broken(title: str, width: int) -> str:
    """Lines no wider than the frame; "n = 1500" stays together, for a number of galaxies must be
    seen whole.
    """
    kept = title.replace(" = ", "\u00a0=\u00a0")
    return "\n".join(textwrap.wrap(kept, max(12, int(width / _LETTER)))).replace(
        "\u00a0=\u00a0", " = "
    )
