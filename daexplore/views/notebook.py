"""Plots and progress below a notebook's cells."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import holoviews as hv

__all__ = ["init_notebook", "progress_bar", "show"]


def init_notebook() -> None:
    """Have plots drawn by Bokeh, from scripts that are in the notebook itself: they need no
    network.
    """
    from bokeh.io import output_notebook
    from bokeh.resources import INLINE

    hv.Store.set_current_backend("bokeh")
    output_notebook(INLINE, hide_banner=True)


def show(plot: Any) -> None:
    """Draw a HoloViews plot or a Bokeh model below the cell."""
    from bokeh.io import show as show_bokeh
    from bokeh.models import Model, Plot

    model = plot if isinstance(plot, Model) else hv.render(plot, backend="bokeh")
    for figure in model.select({"type": Plot}):
        # The frame has a fixed size; Bokeh would ask for the outer one too.
        figure.sizing_mode = None
    show_bokeh(model)


def progress_bar(title: str) -> Callable[..., None]:
    """A progress bar below the cell.

    Args:
        title: what is in progress.

    Returns:
        Something to call with done, total and, if more is to be said, a text.
    """
    from IPython.display import HTML, display

    handle, start, told = display(HTML(""), display_id=True), time.monotonic(), 0.0  # type: ignore[no-untyped-call]

    def update(done: int, total: int, text: str = "") -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told > 0.3:
            told = now
            said = escape(text or f"{done} of {total}")
            name = f"aria-label='{escape(title, quote=True)}' style='vertical-align: middle'"
            bar = f"<progress value='{done}' max='{total}' {name}></progress>"
            handle.update(HTML(f"{escape(title)} {bar} {said}, {now - start:.0f} s"))  # type: ignore[no-untyped-call]

    return update
