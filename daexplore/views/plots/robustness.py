"""Performance against perturbation level, and distances to the boundary."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.utils.text import capitalise
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, QUANTITIES, domain_title, run_styles

__all__ = ["boundary_scatter", "dial_curves", "summary_boundary", "summary_robustness"]


def summary_robustness(table: pd.DataFrame, name: str = "accuracy") -> str:
    """Of ``robustness.dial_curves``: each run and domain at both ends of the dial."""
    rows = table[(table["name"] == name) & (table["how"] != "another exposure")]
    parts = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        mine = mine.sort_values("level", kind="stable")
        first, last = mine.iloc[0], mine.iloc[-1]
        where = domain_title(str(domain)) if bool(mine["oracle"].any()) else domain
        ends = (
            f"{first['value']:.3f} at {first['level']:.3g} to {last['value']:.3f}"
            f" [{last['low']:.3f}, {last['high']:.3f}]"
        )
        parts.append(f"{run}, {where}: {ends} at {last['level']:.3g}, n = {int(last['n'])}")
    if not parts:
        return "Nothing was measured."
    return (
        f"{capitalise(QUANTITIES.get(name, name))} against {rows['dial'].iloc[0]}"
        f" [{rows['unit'].iloc[0]}]: {'; '.join(parts)}."
    )


def summary_boundary(table: pd.DataFrame) -> str:
    """Of ``robustness.boundary_scatter``: the median distances of each domain, and how far the two
    kinds go together.
    """
    shown = table[np.isfinite(table["input"]) & np.isfinite(table["latent"])]
    parts = [
        f"{domain} {mine['input'].median():.3g} in the image and {mine['latent'].median():.3g} in"
        f" the latent (n = {len(mine)})"
        for domain, mine in shown.groupby("domain", sort=False)
    ]
    if not parts:
        return f"Distance to the boundary: none found for {len(table)} images."
    rank = (
        f"; rank correlation {shown['input'].corr(shown['latent'], method='spearman'):.2f}"
        if len(shown) > 2
        else ""
    )
    return (
        f"Median distance to the boundary, {len(shown)} of {len(table)} images:"
        f" {', '.join(parts)}{rank}."
    )


_NAMES = {
    "change": "change of accuracy",
    "consistency": "share of unchanged predictions",
    "flipped": "share of flipped predictions",
    "predicted share": "share predicted as class 1",
}


def dial_curves(
    table: pd.DataFrame,
    name: str = "accuracy",
    *,
    domains: Sequence[str] | None = None,
    runs: Sequence[str] | None = None,
    title: str | None = None,
    legend: str = "right",
    size: tuple[int, int] | None = (380, 260),
) -> hv.Overlay:
    """One quantity against the positions of one dial, or of one attack's strength: hue is the
    domain, dash and marker the run.

    Args:
        table: of one dial: columns run, domain, dial, level, unit, how, name, value, low, high, n,
            oracle.
        name: the quantity: "accuracy", "auc", "change", "consistency" or "flipped".
        domains: which to draw; None draws all there are.
        runs: all runs of the comparison in their order, where the table holds only some: a run then
            keeps its dash.
        title: None writes the quantity, the dial and the number of images.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.

    Returns:
        An overlay of bands (95%, resampling galaxies), curves and points; a single point, without a
        curve, is the consistency with another exposure at the original depth.
    """
    rows = table[table["name"] == name]
    if domains is not None:
        rows = rows[rows["domain"].isin(domains)]
    styles = run_styles(runs if runs is not None else table["run"])
    bands: list[hv.Element] = []
    lines: list[hv.Element] = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        color, style = DOMAIN_COLORS[str(domain)], styles[str(run)]
        label = f"{run} · {domain_title(str(domain)) if bool(mine['oracle'].any()) else domain}"
        alone = mine["how"] == "another exposure"
        curve = mine[~alone].sort_values("level", kind="stable")
        bands.append(
            hv.Area(curve, "level", ["low", "high"]).opts(
                color=color, alpha=0.13, line_alpha=0, backend="bokeh"
            )
        )
        hovered = ["value", "low", "high", "n"]
        lines.append(
            hv.Curve(curve, "level", hovered, label=label).opts(
                color=color, line_dash=style.dash, line_width=2, tools=["hover"], backend="bokeh"
            )
        )
        points = hv.Points(curve, ["level", "value"], label=label)
        lines.append(points.opts(color=color, marker=style.marker, size=6, backend="bokeh"))
        if alone.any():
            other = hv.Points(mine[alone], ["level", "value"], label=f"{label}, another exposure")
            lines.append(other.opts(color=color, marker="x", size=9, line_width=2, backend="bokeh"))
    if not lines:
        lines.append(hv.Curve([], "level", "value"))
    if name == "change":
        lines.insert(
            0, hv.HLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh")
        )
    quantity = _NAMES.get(name, QUANTITIES.get(name, name))
    return style_overlay(
        hv.Overlay([*bands, *lines]),
        title=title or f"{quantity}, {_dial(rows)}",
        xlabel=str(rows["unit"].iloc[0]) if len(rows) else "level",
        ylabel=quantity,
        legend=legend,
        size=size,
    )


def boundary_scatter(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    legend: str = "right",
    size: tuple[int, int] | None = (340, 300),
) -> hv.Overlay:
    """Each galaxy's distance to the decision boundary in the image against that in the latent
    space: hue is the domain.

    Args:
        table: columns domain, input, latent, as ``galaxy_distances`` gives them, of one run; NaN
            where no way was found.
        title: None writes how many galaxies are shown.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
    """
    shown = table[np.isfinite(table["input"]) & np.isfinite(table["latent"])]
    elements = [
        hv.Points(mine, ["latent", "input"], label=str(domain)).opts(
            color=DOMAIN_COLORS[str(domain)], size=4, alpha=0.6, tools=["hover"], backend="bokeh"
        )
        for domain, mine in shown.groupby("domain", sort=False)
    ]
    return style_overlay(
        hv.Overlay(elements or [hv.Points([], ["latent", "input"])]),
        title=title or f"Distance to the boundary, {len(shown)} of {len(table)} images",
        xlabel="in the latent space (exact)",
        ylabel="in the image, L2 [std. of training pixels] (upper bound)",
        legend=legend,
        size=size,
    )


def _dial(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "nothing measured"
    counts = sorted(set(rows["n"].astype(int)))
    images = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{rows['dial'].iloc[0]}, {images} test images a domain"
