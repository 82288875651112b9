"""Rendering of publication figures as PNG, SVG, PDF and CSV."""

import base64
import io
import math
import threading
from typing import TYPE_CHECKING, Any

from daexplore.errors import InputError
from daexplore.views.figures.base import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DPI", "FORMATS", "WIDTHS", "csv_text", "figure", "render", "svg_data_uri"]


WIDTHS = {"one column": 84.0, "two columns": 174.0}
"""Of a figure in a journal [mm]."""
FORMATS = ("png", "svg", "pdf")
DPI = 300
"""Of PNG, and of what is a raster within SVG and PDF."""
_MM = 25.4  # an inch [mm]
_INK = "#1a1a1a"
_CURRENT = "#010203"  # represents the colour of the text around the figure
_ON_PAGE = (
    "<style>svg{color:#1a1a1a}@media (prefers-color-scheme:dark){svg{color:#f2f2f2}}@media"
    " print{svg{color:#1a1a1a}}</style>"
)
# Matplotlib's settings belong to the whole process, and figures are drawn in threads.
_lock = threading.RLock()


def figure(drawing: FigureSpec, width: float = WIDTHS["two columns"], ink: str = _INK) -> "Figure":
    """The drawing as a Matplotlib figure of exactly this width; no text is smaller than 7 points.

    Args:
        drawing: what to draw.
        width: [mm].
        ink: colour of text and axes.

    Raises:
        InputError: no plot of that name, or nothing to draw.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from daexplore.views.figures.registry import FIGURES

    if drawing.name not in FIGURES:
        raise InputError(
            f"There is no plot {drawing.name!r} for publication; there are {', '.join(FIGURES)}."
        )
    if drawing.table.empty:
        raise InputError(f"There is nothing to draw: {drawing.summary}")
    plot = FIGURES[drawing.name].layout
    with _lock, rc_context(_settings(ink)):
        panels = plot.panels(drawing)
        columns = min(len(panels), max(1, int(width // plot.narrowest)))
        rows = math.ceil(len(panels) / columns)
        keys = plot.key(drawing, ink)
        across = min(len(keys), max(1, int(width // 42)))
        head = plot.lines * 3.4 + 9.0
        height = (
            rows * (width / columns * plot.ratio + head) + 4.0 * math.ceil(len(keys) / across) + 2.0
        )
        shared = plot.shared(drawing)
        made = Figure(figsize=(width / _MM, height / _MM), layout="constrained")
        grid = made.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)
        for place, axes in enumerate(grid.flat):
            if place >= len(panels):
                axes.remove()
                continue
            plot.draw(axes, drawing, panels[place], int(width / columns / 1.55))
            axes.grid(alpha=0.25, linewidth=0.4)
            if shared:
                last = place + columns >= len(panels)
                axes.xaxis.set_tick_params(labelbottom=last)
                axes.yaxis.set_tick_params(labelleft=place % columns == 0)
                axes.xaxis.label.set_visible(last)
                axes.yaxis.label.set_visible(place % columns == 0)
        made.legend(
            handles=keys,
            loc="outside lower center",
            ncols=across,
            frameon=False,
            handletextpad=0.4,
            columnspacing=1.2,
        )
        return made


def render(drawing: FigureSpec, kind: str, width: float = WIDTHS["two columns"]) -> bytes:
    """The figure as a file: the same bytes whenever it is made from the same drawing.

    Args:
        drawing: what to draw.
        kind: one of ``FORMATS``.
        width: [mm].

    Raises:
        InputError: another format, or nothing to draw.
    """
    if kind not in FORMATS:
        raise InputError(f"A figure can be saved as {', '.join(FORMATS)}; got {kind!r}.")
    return _file(drawing, kind, width, _INK)


def svg_data_uri(drawing: FigureSpec, width: float = WIDTHS["two columns"]) -> str:
    """The figure as an SVG image for the ``src`` of a page that is light or dark as the reader's
    system is.
    """
    text = _file(drawing, "svg", width, _CURRENT).decode().replace(_CURRENT, "currentColor")
    start = text.index("<svg")
    end = text.index(">", start) + 1
    return (
        "data:image/svg+xml;base64,"
        + base64.b64encode((text[start:end] + _ON_PAGE + text[end:]).encode()).decode()
    )


def csv_text(drawing: FigureSpec) -> str:
    """What is drawn, in full precision, below lines that start with "#" and say what it rests
    on.
    """
    lines = [
        f"# {name}: {' '.join(text.split())}"
        for name, text in (*drawing.meta.items(), ("figure", drawing.summary))
    ]
    return "\n".join(lines) + "\n" + str(drawing.table.to_csv(index=False, lineterminator="\n"))


def _file(drawing: FigureSpec, kind: str, width: float, ink: str) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    with _lock, rc_context(_settings(ink)):
        figure(drawing, width, ink).savefig(
            stream,
            format=kind,
            dpi=DPI,
            transparent=ink == _CURRENT,
            metadata=_metadata(drawing, kind),
        )
    return stream.getvalue()


def _metadata(drawing: FigureSpec, kind: str) -> dict[str, Any]:
    title, about = drawing.meta.get("view", drawing.name), drawing.summary
    made = drawing.meta.get("made by", "daexplore")
    if kind == "pdf":
        return {"Title": title, "Subject": about, "Creator": made, "CreationDate": None}
    if kind == "svg":
        return {"Title": title, "Description": about, "Creator": made, "Date": None}
    return {"Title": title, "Description": about, "Software": made}


def _settings(ink: str) -> Any:
    return {
        "font.family": "DejaVu Sans",
        "font.size": 7,
        "axes.titlesize": 8,
        "axes.labelsize": 7.5,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "axes.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.1,
        **{f"{part}.color": ink for part in ("text", "xtick", "ytick")},
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        # TrueType, which editors and publishers can read, instead of Type 3.
        "pdf.fonttype": 42,
        # Letters as outlines look the same without the font.
        "svg.fonttype": "path",
        "svg.hashsalt": "daexplore",
    }
