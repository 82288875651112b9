"""One line of text for each plot of what was measured of single runs: chance, witness, robustness and saliency."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.views.style import DOMAINS, QUANTITIES, domain_title

__all__ = [
    "summary_bands",
    "summary_boundary",
    "summary_null",
    "summary_outcomes",
    "summary_robustness",
    "summary_sanity",
    "summary_witness",
]


def summary_null(null: NDArray[np.float64], value: float, n: tuple[int, int], split: str) -> str:
    """Of ``domain_distance.null_histogram``: the observed MMD^2 and the central 95% of what chance gives.

    >>> summary_null(np.linspace(-0.1, 0.1, 201), 0.3, (40, 50), "test")
    'MMD² of the latents, test, n = 40 source, 50 target images: 0.3, above 95% of chance (−0.095 to 0.095).'
    """
    low, high = (float(end) for end in np.quantile(null, (0.025, 0.975)))
    where = "above" if value > high else "below" if value < low else "within"
    chance = f"{_short(low)} to {_short(high)}"
    return f"MMD² of the latents, {split}, n = {n[0]} source, {n[1]} target images: {_short(value)}, {where} 95% of chance ({chance})."


def summary_bands(measures: pd.DataFrame) -> str:
    """Of ``domain_distance.class_bands``: which distances lie beyond chance."""
    rows = measures[measures["name"].isin(["mmd2", "class_mmd2"]) & np.isfinite(measures["value"])]
    parts = []
    for row in rows.to_dict("records"):
        what = f"{row['kind'] or 'all galaxies'}{' (oracle)' if row['oracle'] else ' (predicted)' if row['kind'] else ''}"
        beyond = "beyond" if not row["null_low"] <= row["value"] <= row["null_high"] else "within"
        parts.append(f"{what} {_short(row['value'])}, {beyond} chance (n = {row['n_source']} + {row['n_target']})")
    split = ", ".join(dict.fromkeys(rows["split"]))
    return f"MMD² by class, {split}: {'; '.join(parts)}." if parts else "MMD² by class: nothing measured."


def summary_witness(witness: pd.DataFrame, split: str) -> str:
    """Of ``domain_distance.witness_margin``: how many images of each domain lie where the source is denser."""
    shown = witness[np.isfinite(witness["margin"]) & np.isfinite(witness["witness"])]
    parts = []
    for domain in DOMAINS:
        values = shown.loc[shown["domain"] == domain, "witness"]
        if len(values):
            parts.append(f"{(values > 0).mean():.0%} of {len(values)} {domain}")
    told = " and ".join(parts) or "no"
    return f"Witness, {split}: {told} images lie where the source is denser; {len(shown)} of {len(witness)} shown."


def summary_robustness(table: pd.DataFrame, name: str = "accuracy") -> str:
    """Of ``robustness.dial_curves``: each run and domain at both ends of the dial."""
    rows = table[(table["name"] == name) & (table["how"] != "another exposure")]
    parts = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        mine = mine.sort_values("level", kind="stable")
        first, last = mine.iloc[0], mine.iloc[-1]
        where = domain_title(str(domain)) if bool(mine["oracle"].any()) else domain
        ends = f"{first['value']:.3f} at {first['level']:.3g} to {last['value']:.3f} [{last['low']:.3f}, {last['high']:.3f}]"
        parts.append(f"{run}, {where}: {ends} at {last['level']:.3g}, n = {int(last['n'])}")
    if not parts:
        return "Nothing was measured."
    return f"{_start(QUANTITIES.get(name, name))} against {rows['dial'].iloc[0]} [{rows['unit'].iloc[0]}]: {'; '.join(parts)}."


def summary_boundary(table: pd.DataFrame) -> str:
    """Of ``robustness.boundary_scatter``: the median distances of each domain, and how far the two kinds go together."""
    shown = table[np.isfinite(table["input"]) & np.isfinite(table["latent"])]
    parts = [
        f"{domain} {mine['input'].median():.3g} in the image and {mine['latent'].median():.3g} in the latent (n = {len(mine)})"
        for domain, mine in shown.groupby("domain", sort=False)
    ]
    if not parts:
        return f"Distance to the boundary: none found for {len(table)} images."
    rank = f"; rank correlation {shown['input'].corr(shown['latent'], method='spearman'):.2f}" if len(shown) > 2 else ""
    return f"Median distance to the boundary, {len(shown)} of {len(table)} images: {', '.join(parts)}{rank}."


def summary_outcomes(maps: Mapping[str, Mapping[str, Any]]) -> str:
    """Of ``saliency.outcome_grid``: how many galaxies are in each mean map, and the share of its evidence in the central quarter."""
    rows = []
    for title, row in maps.items():
        parts = [
            f"{outcome} {one.n} galaxies, {_central(np.asarray(one.mean, np.float64)):.0%} central" if one.n else f"{outcome} none"
            for outcome, one in row.items()
        ]
        rows.append(f"{title}: {', '.join(parts)}")
    return f"Mean Grad-CAM by outcome. {'; '.join(rows)}." if rows else "Mean Grad-CAM by outcome: nothing to show."


def summary_sanity(table: pd.DataFrame, name: str = "correlation") -> str:
    """Of ``saliency.sanity_curves``: the likeness once all layers are random, beside that of other galaxies' maps."""
    rows = table[table["name"] == name]
    parts = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        steps, other = mine[mine["layer"] != "none"], mine.loc[mine["layer"] == "none", "value"].dropna()
        if len(steps):
            last = steps.iloc[-1]
            floor = f", other galaxies {other.iloc[0]:.2f}" if len(other) else ""
            parts.append(f"{run}, {domain}: {last['value']:.2f} [{last['low']:.2f}, {last['high']:.2f}]{floor}, n = {int(last['n'])}")
    what = "Rank correlation" if name == "correlation" else "IoU"
    return f"{what} with the trained network's maps once all layers are random: {'; '.join(parts) or 'nothing measured'}."


def _central(mean: NDArray[np.float64]) -> float:
    """The share within the central half of width and height; cells on its edge count by the part inside."""
    inside = [np.clip((np.arange(size) + 1) / size, 0.25, 0.75) - np.clip(np.arange(size) / size, 0.25, 0.75) for size in mean.shape]
    weight = np.outer(*inside) * mean.size
    total = float(np.nansum(mean))
    return float(np.nansum(mean * weight)) / total if total > 0 else float("nan")


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _start(text: str) -> str:
    return text[0].upper() + text[1:]
