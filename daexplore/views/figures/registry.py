"""How each plot for publication is drawn, panel by panel, from the table of its ``Drawing``."""

from daexplore.views.figures.base import (
    PlotLayout,
    domains_of,
    independent_axes,
    run_key,
    threshold_key,
)
from daexplore.views.figures.distance_paths import _draw_paths, _paths_key
from daexplore.views.figures.flips import _draw_flips, _flips_key, _one
from daexplore.views.figures.galaxies import _draw_galaxies, _galaxy_key, _galaxy_panels, _same_axes
from daexplore.views.figures.history import _curve_key, _draw_curves
from daexplore.views.figures.precision_recall import _draw_precision_recall
from daexplore.views.figures.reliability import _draw_reliability
from daexplore.views.figures.risk_coverage import _draw_risk
from daexplore.views.figures.roc import _draw_roc, _roc_key
from daexplore.views.figures.whatif import WHATIF_PLOTS

__all__ = ["MEASURE_PLOTS", "PLOTS"]


MEASURE_PLOTS = {
    "precision-recall": PlotLayout(
        domains_of, _draw_precision_recall, threshold_key, 70.0, 0.78, 2, independent_axes
    ),
    "risk-coverage": PlotLayout(domains_of, _draw_risk, run_key, 70.0, 0.78, 2, independent_axes),
    "paths": PlotLayout(_one, _draw_paths, _paths_key, 80.0, 0.6, 2, independent_axes),
    "flips": PlotLayout(domains_of, _draw_flips, _flips_key, 80.0, 0.6, 2, independent_axes),
}
"""By the name of the drawing."""
PLOTS = {
    "galaxies": PlotLayout(_galaxy_panels, _draw_galaxies, _galaxy_key, 40.0, 0.85, 2, _same_axes),
    "roc": PlotLayout(domains_of, _draw_roc, _roc_key, 70.0, 0.78, 2, independent_axes),
    "curves": PlotLayout(
        lambda drawing: list(dict.fromkeys(drawing.table["name"])),
        _draw_curves,
        _curve_key,
        70.0,
        0.62,
        2,
        independent_axes,
    ),
    "reliability": PlotLayout(
        domains_of, _draw_reliability, run_key, 70.0, 0.78, 2, independent_axes
    ),
    **MEASURE_PLOTS,
    **WHATIF_PLOTS,
}
"""By the name of the drawing."""
