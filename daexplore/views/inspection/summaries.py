"""Each plot of an inspection in one line of text."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.utils.text import capitalise
from daexplore.views.inspection.counts import PIXEL_FAULTS
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.style import domain_title

__all__ = [
    "summary_classes",
    "summary_differences",
    "summary_faults",
    "summary_pixels",
    "summary_probe",
    "summary_quantity",
    "summary_spectrum",
]


def summary_probe(probe: pd.DataFrame) -> str:
    """How well a classifier distinguishes the domains.

    Args:
        probe: columns images, auc, low, high, verdict, n_source, n_target.
    """
    known = probe.dropna(subset=["auc"])
    if known.empty:
        return "No classifier was fitted: there are too few images."
    first = known.iloc[0]
    rows = known.to_dict("records")
    parts = "; ".join(
        f"{row['images']} {interval_text(row['auc'], row['low'], row['high'])} ({row['verdict']})"
        for row in rows
    )
    n = f"n = {int(first['n_source'])} source and {int(first['n_target'])} target images"
    return f"Cross-validated domain-probe AUC, 95% interval over galaxies: {parts}; {n}."


def summary_differences(distances: pd.DataFrame, most: int = 3) -> str:
    """What differs most, and how many quantities are beyond chance.

    Args:
        distances: columns words, ks, ks_low, ks_high, chance, n_source, n_target; most different
            first.
        most: quantities named.
    """
    known = distances.dropna(subset=["ks"])
    if known.empty:
        return "No quantity could be compared."
    beyond = int((known["ks"] > known["chance"]).sum())
    rows = known.iloc[:most].to_dict("records")
    named = "; ".join(
        f"{row['words']} {interval_text(row['ks'], row['ks_low'], row['ks_high'], 2)}"
        for row in rows
    )
    n = (
        f"n = {int(known['n_source'].max())} source and {int(known['n_target'].max())} target"
        " images"
    )
    return (
        f"{beyond} of {len(known)} quantities differ by more than chance (grey); Kolmogorov–Smirnov"
        f" distance of {named}; {n}."
    )


def summary_quantity(summaries: pd.DataFrame, quantity: str) -> str:
    """Medians of a measured quantity in both domains, by band.

    Args:
        summaries: columns domain, quantity, band, label, unit, n, undefined, median, low, high.
        quantity: which.
    """
    rows = summaries[summaries["quantity"] == quantity]
    parts = []
    for band in dict.fromkeys(rows["band"]):
        medians = " → ".join(
            _median(row)
            for domain in DOMAINS
            for row in rows[(rows["band"] == band) & (rows["domain"] == domain)].to_dict("records")
        )
        parts.append(f"{band} {medians}".strip())
    label, unit = rows.iloc[0][["label", "unit"]]
    undefined = int(rows["undefined"].fillna(0).max())
    without = f"; up to {undefined} images have no value" if undefined else ""
    return (
        f"{capitalise(str(label))}{f' [{unit}]' if unit else ''}, median, source → target:"
        f" {'; '.join(parts)}{without}; n = {_counts(rows)}."
    )


def summary_pixels(histograms: pd.DataFrame) -> str:
    """The share of pixel-value histograms that source and target have in common, by band.

    Args:
        histograms: columns domain, band, left, right, share.
    """
    parts = []
    for band, rows in histograms.groupby("band", sort=False):
        table = rows.pivot_table(
            index="left", columns="domain", values="share", aggfunc="sum"
        ).fillna(0.0)
        if set(DOMAINS) <= set(table.columns):
            parts.append(f"{band} {float(np.minimum(table['source'], table['target']).sum()):.0%}")
    return (
        "Overlap of the two histograms of pixel values (100% is the same):"
        f" {', '.join(parts) or 'unknown'}."
    )


def summary_spectrum(spectrum: pd.DataFrame) -> str:
    """The power at the finest scales in both domains, by band.

    Args:
        spectrum: columns domain, band, frequency, power, n.
    """
    parts = []
    for band, rows in spectrum.groupby("band", sort=False):
        ends = [
            rows[rows["domain"] == domain].sort_values("frequency")["power"] for domain in DOMAINS
        ]
        powers = " → ".join(f"{power.iloc[-1]:.2g}" for power in ends if len(power))
        parts.append(f"{band} {powers}")
    return (
        "Power in the finest details, white noise of the same total = 1, source → target:"
        f" {'; '.join(parts)}; n = {_counts(spectrum)}."
    )


def summary_classes(classes: pd.DataFrame) -> str:
    """Images by class in both domains; target labels are an oracle's knowledge.

    Args:
        classes: columns domain, label, images, share.
    """
    parts = []
    for domain in DOMAINS:
        rows = classes[classes["domain"] == domain]
        counts = ", ".join(
            _class_count(row)
            for row in rows.astype({"share": float}).to_dict("records")
            if row["images"]
        )
        if counts:
            labelled = rows["share"].notna().any()
            parts.append(f"{domain_title(domain) if labelled else domain}: {counts}")
    return f"Images by class: {'; '.join(parts)}."


def summary_faults(values: pd.DataFrame) -> str:
    """How many images have missing, saturated or constant pixels, by domain.

    Args:
        values: columns domain, band, images, missing_images, saturated_images, constant_images,
            missing_pixels, zero_pixels.
    """
    parts = []
    for domain in DOMAINS:
        rows = values[values["domain"] == domain]
        if rows.empty:
            continue
        found = [
            f"{int(rows[f'{kind}_images'].max())} with {text}"
            for kind, text in _IMAGE_FAULTS.items()
            if rows[f"{kind}_images"].max() > 0
        ]
        zero = float(rows["zero_pixels"].max())
        found += (
            [f"up to {zero:.0%} of the pixels of a band {PIXEL_FAULTS['zero_pixels']}"]
            if zero >= 0.005
            else []
        )
        parts.append(
            f"{domain}, {int(rows['images'].max())} images:"
            f" {', '.join(found) or 'nothing missing or odd'}"
        )
    return f"{capitalise('; '.join(parts))}." if parts else "No pixel was looked at."


_IMAGE_FAULTS = {
    "missing": "missing pixels",
    "saturated": "pixels at the maximum",
    "constant": "one value everywhere in a band",
}


def _median(row: dict[Hashable, Any]) -> str:
    value, low, high = (
        float("nan") if row[name] is None else float(row[name])
        for name in ("median", "low", "high")
    )
    if not np.isfinite(value):
        return "–"
    return (
        f"{value:.3g} [{low:.3g}, {high:.3g}]"
        if np.isfinite(low) and np.isfinite(high)
        else f"{value:.3g}"
    )


def _class_count(row: dict[Hashable, Any]) -> str:
    share = f" ({row['share']:.0%})" if np.isfinite(row["share"]) else ""
    return f"{int(row['images'])} {row['label']}{share}"


def _counts(rows: pd.DataFrame) -> str:
    counts = [
        int(part["n"].max()) for domain in DOMAINS if len(part := rows[rows["domain"] == domain])
    ]
    return " + ".join(map(str, counts))
