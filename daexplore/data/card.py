"""A galaxy set as a notebook shows it: what it holds, and some galaxies of each class."""

from typing import TYPE_CHECKING

import numpy as np

from daexplore.data.display import png, to_rgb
from daexplore.notebook_html import card, pictures, table

if TYPE_CHECKING:
    from daexplore.data.galaxies import GalaxySet

__all__ = ["galaxies_card"]

_SIZE = 48  # [px]
_MOST, _MOST_OF_A_CLASS = 24, 6


def galaxies_card(galaxies: "GalaxySet") -> str:
    """HTML with galaxies evenly spaced in the catalogue; only those are read."""
    n, bands, height, width = galaxies.images.shape
    scale = f", {galaxies.pixel_scale:.3g}″ a pixel" if galaxies.pixel_scale else ""
    lines = (
        f"{n} images of {galaxies.catalogue['group_id'].nunique()} galaxies",
        f"{bands} band{'s' if bands > 1 else ''}: {', '.join(galaxies.bands)}; {height} × {width} pixels{scale}",
    )
    counts = galaxies.class_counts()
    few = min(_MOST_OF_A_CLASS, max(1, _MOST // len(counts)))
    labels = [galaxies.classes.index(name) if name in galaxies.classes else -1 for name in counts]
    shown = [_few_of(galaxies, label, few) for label in labels]
    return card(galaxies.name, lines, table(("class", "images"), [(name, str(count)) for name, count in counts.items()], shown))


def _few_of(galaxies: "GalaxySet", label: int, few: int) -> str:
    rows = np.flatnonzero(galaxies.labels == label)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, few).astype(int))] if len(rows) else rows
    if not len(rows):
        return ""
    drawn = to_rgb(np.asarray(galaxies.images[rows]), galaxies.bands)
    return pictures(zip((png(rgb, _SIZE) for rgb in drawn), map(str, galaxies.sample_ids[rows]), strict=True), _SIZE)
