"""Registry of publication figures: one entry a figure, in the order in which they are offered."""

from daexplore.views.figures import (
    distance_paths,
    flips,
    galaxies,
    history,
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    whatif,
)
from daexplore.views.figures.base import Figure

__all__ = ["FIGURES"]

FIGURES: dict[str, Figure] = {
    "galaxies": galaxies.FIGURE,
    "roc": roc.FIGURE,
    "precision-recall": precision_recall.FIGURE,
    "reliability": reliability.FIGURE,
    "risk-coverage": risk_coverage.FIGURE,
    "curves": history.FIGURE,
    "paths": distance_paths.FIGURE,
    "flips": flips.FIGURE,
    **whatif.FIGURES,
}
"""By the name of their ``FigureSpec``."""
