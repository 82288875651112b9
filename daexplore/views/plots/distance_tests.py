"""Domain distance with its chance level, and the witness along the decision margin."""

import holoviews as hv
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.domains import DOMAINS
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker

__all__ = [
    "class_bands",
    "null_histogram",
    "summary_bands",
    "summary_null",
    "summary_witness",
    "witness_margin",
]


def summary_null(null: NDArray[np.float64], value: float, n: tuple[int, int], split: str) -> str:
    """Of ``domain_distance.null_histogram``: the observed MMD^2 and the central 95% of what chance
    gives.

    >>> text = summary_null(np.linspace(-0.1, 0.1, 201), 0.3, (40, 50), "test")
    >>> text.partition(": ")[2]
    '0.3, above 95% of chance (−0.095 to 0.095).'
    """
    low, high = (float(end) for end in np.quantile(null, (0.025, 0.975)))
    where = "above" if value > high else "below" if value < low else "within"
    chance = f"{_short(low)} to {_short(high)}"
    return (
        f"MMD² of the latents, {split}, n = {n[0]} source, {n[1]} target images: {_short(value)},"
        f" {where} 95% of chance ({chance})."
    )


def summary_bands(measures: pd.DataFrame) -> str:
    """Of ``domain_distance.class_bands``: which distances are beyond chance."""
    rows = measures[measures["name"].isin(["mmd2", "class_mmd2"]) & np.isfinite(measures["value"])]
    parts = []
    for row in rows.to_dict("records"):
        classes = " (oracle)" if row["oracle"] else " (predicted)" if row["kind"] else ""
        what = f"{row['kind'] or 'all galaxies'}{classes}"
        beyond = "beyond" if not row["null_low"] <= row["value"] <= row["null_high"] else "within"
        parts.append(
            f"{what} {_short(row['value'])}, {beyond} chance (n = {row['n_source']} +"
            f" {row['n_target']})"
        )
    split = ", ".join(dict.fromkeys(rows["split"]))
    return (
        f"MMD² by class, {split}: {'; '.join(parts)}."
        if parts
        else "MMD² by class: nothing measured."
    )


def summary_witness(witness: pd.DataFrame, split: str) -> str:
    """Of ``domain_distance.witness_margin``: how many images of each domain are where the source is
    denser.
    """
    shown = witness[np.isfinite(witness["margin"]) & np.isfinite(witness["witness"])]
    parts = []
    for domain in DOMAINS:
        values = shown.loc[shown["domain"] == domain, "witness"]
        if len(values):
            parts.append(f"{(values > 0).mean():.0%} of {len(values)} {domain}")
    told = " and ".join(parts) or "no"
    return (
        f"Witness, {split}: {told} images are where the source is denser; {len(shown)} of"
        f" {len(witness)} shown."
    )


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


_BINS = 40


def null_histogram(
    null: NDArray[np.float64],
    value: float,
    *,
    n: tuple[int, int],
    split: str,
    size: tuple[int, int] | None = (320, 180),
) -> hv.Overlay:
    """The observed MMD^2 beside those of relabelled galaxies: the grey band holds the central 95%
    of what chance gives.

    Args:
        null: (P,) of the relabellings.
        value: the observed one.
        n: source and target images compared.
        split: which held-out images.
        size: of the frame; None stretches.

    Returns:
        An overlay of the band, the histogram and the observed value's line, in this order.
    """
    low, high = (float(end) for end in np.quantile(null, (0.025, 0.975)))
    counts, edges = np.histogram(null, _BINS)
    elements: list[hv.Element] = [
        hv.VSpan(low, high).opts(color=NEUTRAL, alpha=0.18, line_alpha=0, backend="bokeh"),
        hv.Histogram((edges, counts), kdims="MMD²", vdims="relabellings", label="by chance").opts(
            fill_color=NEUTRAL, line_alpha=0, alpha=0.7, tools=["hover"], backend="bokeh"
        ),
        hv.Spikes(
            [(float(value), float(counts.max()))],
            "MMD²",
            "relabellings",
            label=f"observed {value:.3g}",
        ).opts(color=DOMAIN_COLORS["both"], line_width=3, backend="bokeh"),
    ]
    title = f"MMD² by chance and observed, {split} n = {n[0]} source, {n[1]} target"
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="MMD² of the latents",
        ylabel="relabellings",
        legend="top_right",
        size=size,
        xticks=4,
    )


def class_bands(measures: pd.DataFrame, *, size: tuple[int, int] | None = (320, 180)) -> hv.Overlay:
    """The MMD^2 of all galaxies and of each class, each over the band of what chance gives; hollow
    where target labels were used.

    Args:
        measures: columns name, kind, value, null_low, null_high, n_source, n_target, split, oracle,
            as ``DomainDistance.measures``.
        size: of the frame; None stretches.

    Returns:
        An overlay of the bands, then the values: label-free ones filled, the oracle's hollow.
    """
    rows = measures[measures["name"].isin(["mmd2", "class_mmd2"]) & np.isfinite(measures["value"])]
    named = rows.assign(
        what=[
            f"{kind or 'all'}{' (oracle)' if oracle else ' (predicted)' if kind else ''}, n = {n}"
            f" + {m}"
            for kind, oracle, n, m in zip(
                rows["kind"], rows["oracle"], rows["n_source"], rows["n_target"], strict=True
            )
        ]
    )
    bands = hv.Segments(
        named.assign(end=named["what"])[["null_low", "what", "null_high", "end"]],
        ["null_low", "what", "null_high", "end"],
    )
    elements: list[hv.Element] = [
        bands.opts(color=NEUTRAL, line_width=9, alpha=0.45, backend="bokeh")
    ]
    for oracle, label in ((False, "observed"), (True, "observed (oracle)")):
        part = named[named["oracle"] == oracle]
        if part.empty:
            continue
        columns = ["p_value", "effect"] if {"p_value", "effect"} <= set(part.columns) else []
        points = hv.Points(
            part[["value", "what", *columns]], ["value", "what"], columns, label=label
        )
        color = DOMAIN_COLORS["both"]
        fill = "white" if oracle else color
        elements.append(
            points.opts(
                color=fill, line_color=color, line_width=2, size=9, tools=["hover"], backend="bokeh"
            )
        )
    split = ", ".join(dict.fromkeys(rows["split"]))
    title = f"MMD² by class over chance (grey, 95%), {split}"
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="MMD² of the latents",
        ylabel="",
        legend="bottom",
        size=size,
        xticks=3,
    )


def witness_margin(
    witness: pd.DataFrame, *, split: str, size: tuple[int, int] | None = (320, 240)
) -> hv.Overlay:
    """The witness of each image along its distance to the decision boundary: hue is the domain,
    marker the predicted class.

    Above 0 the source is denser than the target, below 0 the target is.

    Args:
        witness: indexed by sample_id, columns domain, predicted, witness, margin.
        split: which held-out images.
        size: of the frame; None stretches.

    Returns:
        An overlay of the zero line, the boundary, and points for each domain and predicted class.
    """
    shown = witness[np.isfinite(witness["margin"]) & np.isfinite(witness["witness"])]
    elements: list[hv.Element] = [
        hv.HLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"),
        hv.VLine(0).opts(color=NEUTRAL, line_width=2, backend="bokeh"),
    ]
    for domain in DOMAINS:
        for kind, part in shown[shown["domain"] == domain].groupby("predicted"):
            columns = part.reset_index()[["margin", "witness", "sample_id"]]
            points = hv.Points(columns, ["margin", "witness"], ["sample_id"], label=domain)
            style = {
                "color": DOMAIN_COLORS[domain],
                "marker": class_marker(int(str(kind))),
                "size": 5,
                "alpha": 0.5,
                "line_alpha": 0,
            }
            elements.append(points.opts(**style, tools=["hover"], backend="bokeh"))
    counts = ", ".join(f"{int((shown['domain'] == domain).sum())} {domain}" for domain in DOMAINS)
    return style_overlay(
        hv.Overlay(elements),
        title=f"Where the domains differ, {split} n = {counts} of {len(witness)}",
        xlabel="distance to boundary [source σ]",
        ylabel="witness (source minus target density)",
        legend="top_right",
        size=size,
    )
