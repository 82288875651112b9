"""Galleries of a simulated preset: the same galaxies in both domains."""

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from daexplore.views.images import mosaic_png

__all__ = ["GalaxyGallery", "galleries"]

_lock = threading.Lock()


@dataclass(frozen=True)
class GalaxyGallery:
    """Galaxies of one class in one domain as a picture.

    Attributes:
        domain: "source" or "target".
        kind: name of the class.
        png: the picture.
        alt: what it shows, in words.
    """

    domain: str
    kind: str
    png: bytes
    alt: str


def galleries(preset: str = "demo", n: int = 48, columns: int = 8) -> list[GalaxyGallery]:
    """A gallery for each domain and class: the first n images of a preset, galaxy by galaxy the
    same in both domains.

    Takes one to two seconds the first time, then it is kept. Safe to call from several threads.
    """
    with _lock:
        return _galleries(preset, n, columns)


@lru_cache(maxsize=4)
def _galleries(preset: str, n: int, columns: int) -> list[GalaxyGallery]:
    from daexplore.data.rgb import to_rgb
    from daexplore.data.simulate import simulate

    found = []
    for galaxies in simulate(preset, n=n, workers=1):
        stamps = to_rgb(np.asarray(galaxies.images), galaxies.bands)
        for label, kind in reversed(list(enumerate(galaxies.classes))):
            rows = np.flatnonzero(galaxies.labels == label)
            alt = (
                f"{len(rows)} images of {kind}s in the {galaxies.name} domain,"
                f" {', '.join(galaxies.bands)}"
            )
            found.append(
                GalaxyGallery(galaxies.name, kind, mosaic_png(stamps[rows], columns, gap=3), alt)
            )
    return found
