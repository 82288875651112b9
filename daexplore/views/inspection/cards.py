"""Plot cards of an inspection, each with heading and summary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import pandas as pd

from daexplore.views.inspection.counts import FEWEST, PIXEL_FAULTS, class_plot, fault_plot
from daexplore.views.inspection.differences import difference_plot, probe_plot
from daexplore.views.inspection.pixels import pixel_panels, quantity_panels, spectrum_panels
from daexplore.views.inspection.summaries import (
    summary_classes,
    summary_differences,
    summary_faults,
    summary_pixels,
    summary_probe,
    summary_quantity,
    summary_spectrum,
)

__all__ = ["Card", "fluid_figure", "inspection_cards"]

_ALWAYS = ("total_snr", "colour")
_MORE = 2
_LINE = 25
# Room for title and axis [screen pixel].
_AROUND = 66
_LEFT = 62


@dataclass(frozen=True)
class Card:
    """One question put to the data.

    Attributes:
        title: heading.
        panels: frames that are side by side; none where there is nothing to draw.
        summary: what they show, in a line of text.
        oracle: whether target labels were used.
        columns: how wide it wants to be, of 6.
        rows: how many cards beside it it is as high as.
    """

    title: str
    panels: tuple[hv.Overlay, ...]
    summary: str
    oracle: bool = False
    columns: int = 6
    rows: int = 1


def inspection_cards(tables: Mapping[str, pd.DataFrame]) -> list[Card]:
    """What an inspection found as cards: differences, probe and classes first, then pixels,
    spectra, faults and measured quantities.

    Args:
        tables: see :func:`daexplore.views.inspection.pixels.inspection_tables`.
    """
    measured = list(_measured(tables))
    split = len(_ALWAYS)
    return [
        *_far_apart(tables),
        _classes(tables),
        *_pixels(tables),
        *measured[:split],
        _faults(tables),
        *measured[split:],
    ]


def fluid_figure(panel: hv.Overlay) -> Any:
    """The Bokeh figure of a card's frame, as high as it was asked for and as wide as the page has
    room; the page's ground shows through.
    """
    from bokeh.models import FixedTicker

    figure = hv.renderer("bokeh").get_plot(panel).state
    height = figure.frame_height
    figure.update(
        frame_width=None, frame_height=None, height=height + _AROUND, sizing_mode="stretch_width"
    )
    figure.update(background_fill_alpha=0.0, border_fill_alpha=0.0, outline_line_alpha=0.0)
    if not isinstance(figure.yaxis[0].ticker, FixedTicker):
        # Frames side by side are equally wide, whatever their numbers.
        figure.min_border_left = _LEFT
    return figure


def _far_apart(tables: Mapping[str, pd.DataFrame]) -> Iterator[Card]:
    distances, probe = tables["distances"], tables["probe"]
    if distances["ks"].notna().any():
        lines = min(12, int(distances["ks"].notna().sum()))
        plot = difference_plot(distances, size=(360, 20 + _LINE * lines), title="")
        yield Card(
            "In what do they differ?", (plot,), summary_differences(distances), columns=4, rows=2
        )
    known = probe["auc"].notna().any()
    plots = (probe_plot(probe, size=(300, 90), title=""),) if known else ()
    yield Card("Can a classifier separate them?", plots, summary_probe(probe), columns=2)


def _pixels(tables: Mapping[str, pd.DataFrame]) -> Iterator[Card]:
    histograms, spectrum = tables["histograms"], tables["spectrum"]
    if len(histograms):
        panels = tuple(pixel_panels(histograms, legend=False))
        yield Card("Pixel values", panels, summary_pixels(histograms), columns=_columns(panels))
    if len(spectrum):
        panels = tuple(spectrum_panels(spectrum, legend=False))
        yield Card("Power spectra", panels, summary_spectrum(spectrum), columns=_columns(panels))


def _measured(tables: Mapping[str, pd.DataFrame]) -> Iterator[Card]:
    """Signal-to-noise and colours, and what differs most besides."""
    summaries, distributions = tables["summaries"], tables["distributions"]
    measured = set(distributions["quantity"])
    always = [name for name in _ALWAYS if name in measured]
    others = [
        name
        for name in dict.fromkeys(tables["distances"]["quantity"])
        if name in measured and name not in always
    ]
    for quantity in [*always, *others[:_MORE]]:
        label = str(summaries.loc[summaries["quantity"] == quantity, "label"].iloc[0])
        panels = tuple(quantity_panels(distributions, summaries, quantity, legend=False))
        yield Card(
            label[:1].upper() + label[1:],
            panels,
            summary_quantity(summaries, quantity),
            columns=_columns(panels),
        )


def _columns(panels: tuple[hv.Overlay, ...]) -> int:
    return min(2 * len(panels), 6)


def _classes(tables: Mapping[str, pd.DataFrame]) -> Card:
    classes = tables["classes"]
    oracle = bool(classes["oracle"].astype(bool).any())
    lines = classes.dropna(subset=["share"])["label"].nunique()
    plots = (class_plot(classes, size=(300, 50 + 45 * lines), title=""),) if lines else ()
    return Card("Class balance", plots, summary_classes(classes), oracle, columns=2)


def _faults(tables: Mapping[str, pd.DataFrame]) -> Card:
    values = tables["values"]
    faults = [name for name in PIXEL_FAULTS if (values[name].astype(float) >= FEWEST).any()]
    size = (300, 30 + 36 * len(faults) * values["band"].nunique())
    plots = (fault_plot(values, size=size, title=""),) if faults else ()
    return Card("Missing and odd pixels", plots, summary_faults(values), columns=2)
