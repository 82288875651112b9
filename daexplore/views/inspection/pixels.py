"""Plots of pixels, spectra and measured quantities of two domains."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL

__all__ = [
    "DOMAIN_DASHES",
    "QUIET_AXES",
    "inspection_tables",
    "pixel_panels",
    "quantity_panels",
    "shown_quantities",
    "spectrum_panels",
]

DOMAIN_DASHES = {"source": "solid", "target": "dashed"}
"""The second sign of a domain beside its hue."""

QUIET_AXES = {
    f"{axis}.{part}": value
    for axis in ("xaxis", "yaxis")
    for part, value in (
        ("minor_tick_line_color", None),
        ("axis_label_text_font_style", "normal"),
        ("axis_line_alpha", 0.3),
    )
}
"""Bokeh's axes with less ink."""

_SIZE = (228, 170)
_TICKS = 5


def inspection_tables(inspection: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of an inspection's JSON as frames, by name.

    Args:
        inspection: what ``daexplore inspect --json`` wrote.
    """
    return {
        name: pd.DataFrame(table["data"], columns=table["columns"])
        for name, table in inspection["tables"].items()
    }


def pixel_panels(
    histograms: pd.DataFrame, size: tuple[int, int] = _SIZE, legend: bool = True
) -> hv.Layout:
    """Histograms of pixel values, one frame a band.

    The bins are drawn equally wide, as they are even in asinh(value): faint and bright pixels both
    show. The ticks say the values.

    Args:
        histograms: columns domain, band, left, right, share.
        size: of each frame [screen pixel].
        legend: whether the first frame says which line is which domain.
    """

    def frame(band: str, rows: pd.DataFrame, first: bool) -> hv.Overlay:
        edges = np.array([*np.unique(rows["left"]), rows["right"].max()], float)
        elements = [
            _steps(part, np.arange(len(edges), dtype=float), domain)
            for domain, part in _domains(rows)
        ]
        zero = _position(edges, 0.0)
        if 0 < zero < len(edges) - 1:
            elements.insert(
                0,
                hv.VLine(zero).opts(
                    color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"
                ),
            )
        return _panel(
            elements,
            band,
            "pixel value",
            "share of pixels [%]" if first else "",
            size,
            first and legend,
            xticks=_ticks(edges),
        )

    return _layout(histograms, frame)


def quantity_panels(
    distributions: pd.DataFrame,
    summaries: pd.DataFrame,
    quantity: str,
    size: tuple[int, int] = _SIZE,
    legend: bool = True,
) -> hv.Layout:
    """How a measured quantity is distributed over the images, one frame a band.

    Args:
        distributions: columns domain, quantity, band, left, right, share.
        summaries: columns domain, quantity, band, label, unit, scale, median; the median is marked
            below the curve.
        quantity: which.
        size: of each frame [screen pixel].
        legend: whether the first frame says which line is which domain.
    """
    chosen = distributions[distributions["quantity"] == quantity]
    about = summaries[summaries["quantity"] == quantity]
    first_row = about.iloc[0]
    logarithmic = str(first_row["scale"]) == "log"
    unit = f" [{first_row['unit']}]" if first_row["unit"] else ""

    def frame(band: str, rows: pd.DataFrame, first: bool) -> hv.Overlay:
        elements: list[hv.Element] = []
        for domain, part in _domains(rows):
            edges = np.array([*part["left"], part["right"].iloc[-1]], float)
            elements.append(_steps(part, edges, domain))
            median = about.loc[
                (about["band"] == band) & (about["domain"] == domain), "median"
            ].astype(float)
            if len(median) and np.isfinite(median.iloc[0]):
                point = hv.Points([(median.iloc[0], 0.0)], ["x", "share"]).opts(
                    marker="triangle", size=9, backend="bokeh"
                )
                fill = 1.0 if domain == "source" else 0.0
                elements.append(
                    point.opts(
                        color=DOMAIN_COLORS[domain],
                        fill_alpha=fill,
                        line_width=1.5,
                        backend="bokeh",
                    )
                )
        ylabel = "share of images [%]" if first else ""
        axis = (
            _logarithmic(rows["left"].min(), rows["right"].max())
            if logarithmic and (rows["left"] > 0).all()
            else {}
        )
        return _panel(
            elements, band, f"{first_row['label']}{unit}", ylabel, size, first and legend, **axis
        )

    return _layout(chosen, frame)


def spectrum_panels(
    spectrum: pd.DataFrame, size: tuple[int, int] = _SIZE, legend: bool = True
) -> hv.Layout:
    """Radial power spectra, one frame a band: the median over images, and a band from the 16th to
    the 84th percentile.

    Args:
        spectrum: columns domain, band, frequency [cycles / pixel], frequency_arcsec [cycles /
            arcsec], power, p16, p84; against cycles per arcsecond where both domains know their
            pixel scale.
        size: of each frame [screen pixel].
        legend: whether the first frame says which line is which domain.
    """
    angular = spectrum["frequency_arcsec"].notna().all()
    x, unit = (
        ("frequency_arcsec", "cycles / arcsec") if angular else ("frequency", "cycles / pixel")
    )

    def frame(band: str, rows: pd.DataFrame, first: bool) -> hv.Overlay:
        positive = rows[(rows[x] > 0) & (rows["power"] > 0)]
        elements: list[hv.Element] = [
            hv.HLine(1.0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh")
        ]
        for domain, part in _domains(positive):
            part = part.sort_values(x)
            band_area = hv.Area(part[part["p16"] > 0], x, ["p16", "p84"])
            elements.append(
                band_area.opts(
                    color=DOMAIN_COLORS[domain], alpha=0.14, line_alpha=0, backend="bokeh"
                )
            )
            elements.append(_line(hv.Curve(part, x, "power", label=domain), domain))
        axis = _logarithmic(positive[x].min(), positive[x].max())
        ylabel = "power, white noise = 1" if first else ""
        return _panel(
            elements,
            band,
            f"spatial frequency [{unit}]",
            ylabel,
            size,
            first and legend,
            logy=True,
            **axis,
        )

    return _layout(spectrum, frame)


def shown_quantities(summaries: pd.DataFrame) -> list[tuple[str, str]]:
    """The measured quantities and their labels, in the order of the table."""
    return list(
        summaries.drop_duplicates("quantity")[["quantity", "label"]].itertuples(
            index=False, name=None
        )
    )


def _layout(
    table: pd.DataFrame, frame: Callable[[str, pd.DataFrame, bool], hv.Overlay]
) -> hv.Layout:
    bands = list(dict.fromkeys(table["band"]))
    panels = [
        frame(str(band), table[table["band"] == band], place == 0)
        for place, band in enumerate(bands)
    ]
    return (
        hv.Layout(panels)
        .cols(max(len(panels), 1))
        .opts(shared_axes=False, toolbar=None, backend="bokeh")
    )


def _domains(rows: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    for domain in DOMAINS:
        part = rows[rows["domain"] == domain]
        if len(part):
            yield domain, part


def _steps(part: pd.DataFrame, edges: np.ndarray, domain: str) -> hv.Curve:
    """A histogram's outline; a curve of steps, since bars of two domains hide each other."""
    part = part.sort_values("left")
    x = np.repeat(edges, 2)[1:-1]
    percent = np.repeat(100 * part["share"].to_numpy(float), 2)
    return _line(hv.Curve((x, percent), "x", "share", label=domain), domain)


def _line(curve: hv.Curve, domain: str) -> hv.Curve:
    return curve.opts(
        color=DOMAIN_COLORS[domain], line_dash=DOMAIN_DASHES[domain], line_width=2, backend="bokeh"
    )


def _panel(
    elements: Sequence[hv.Element],
    title: str,
    xlabel: str,
    ylabel: str,
    size: tuple[int, int],
    legend: bool,
    **options: Any,
) -> hv.Overlay:
    """One of several small frames."""
    plot = style_overlay(
        hv.Overlay(list(elements)),
        title=title,
        xlabel=xlabel,
        ylabel=ylabel,
        legend="top_right",
        size=size,
        **options,
    )
    return plot.opts(show_legend=legend, toolbar=None, backend_opts=QUIET_AXES, backend="bokeh")


def _logarithmic(low: float, high: float) -> dict[str, Any]:
    """Options of a logarithmic x axis with a handful of round ticks: Bokeh's own run into each
    other on a small frame.
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    if len(decades) > _TICKS + 1:
        decades = decades[:: -(-len(decades) // _TICKS)]
        ticks = decades
    else:
        ticks = np.outer(decades, (1, 3) if len(decades) > 2 else (1, 2, 5)).ravel()
    return {
        "logx": True,
        "xticks": [(float(tick), f"{tick:.6g}") for tick in ticks if low <= tick <= high]
        or [(low, f"{low:.3g}"), (high, f"{high:.3g}")],
    }


def _position(edges: np.ndarray, value: float) -> float:
    """Where a value is on the axis of equally wide bins, in bins."""
    return float(np.interp(value, edges, np.arange(len(edges))))


_FEWEST = 2


def _ticks(edges: np.ndarray) -> list[tuple[float, str]]:
    """A handful of round values, well apart on the axis of equally wide bins."""
    powers = 10.0 ** np.arange(-12, 13)
    candidates = sorted((0.0, *powers, *-powers), key=abs)
    inside = [value for value in candidates if edges[0] <= value <= edges[-1]]
    # The largest decades first, zero before all: they are what a reader looks for.
    inside = inside[:1] + inside[:0:-1] if inside and inside[0] == 0 else inside[::-1]
    marks = [(_position(edges, value), f"{value:g}") for value in inside]
    if len(marks) < _FEWEST:
        # Within one decade, as the values of pictures may be: then the ends and the middle.
        bins = (0, len(edges) - 1, len(edges) // 2)
        marks += [(float(place), f"{edges[place]:.3g}") for place in bins]
    kept: list[tuple[float, str]] = []
    for place, text in marks:
        if all(abs(place - other) > (len(edges) - 1) / _TICKS / 1.3 for other, _ in kept):
            kept.append((place, text))
    return sorted(kept)
