"""What ROC and precision-recall plots share: the areas of their bands, and the points of the threshold."""

import holoviews as hv
import pandas as pd

from daexplore.views.style import DOMAIN_COLORS, RunStyle

__all__ = ["band_areas", "threshold_point"]


def band_areas(bands: pd.DataFrame | None, x: str) -> list[hv.Element]:
    """One area a run and domain.

    Args:
        bands: columns run, domain, low, high and ``x``; None where there are none.
        x: name of the horizontal rate.
    """
    if bands is None:
        return []
    return [
        hv.Area(band, x, ["low", "high"]).opts(color=DOMAIN_COLORS[str(domain)], alpha=0.13, line_alpha=0, backend="bokeh")
        for (_, domain), band in bands.groupby(["run", "domain"], sort=False)
    ]


def threshold_point(at: tuple[float, float], names: list[str], label: str, domain: str, style: RunStyle) -> hv.Element:
    """Where a curve stands at the chosen threshold.

    Args:
        at: both rates.
        names: of the rates.
        label: of the curve, whose entry of the legend it joins.
        domain: whose hue it has.
        style: of the run.
    """
    return hv.Points([at], names, label=label).opts(
        color=DOMAIN_COLORS[domain], marker=style.marker, size=11, line_color="white", line_width=1.2, backend="bokeh"
    )
