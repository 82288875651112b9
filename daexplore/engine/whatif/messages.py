"""Queries and responses of the What-if tab; importing this imports no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Level", "LevelPlan", "Query", "Response"]


@dataclass(frozen=True)
class Query:
    """What is asked.

    Attributes:
        run: folder of the run.
        epoch: of the weights.
        sample_id: the galaxy.
        domain: "source" or "target".
        dial: a key of ``WHATIF_DIALS``.
        seed: of the noise; the same one repeats it.
        draws: of the noise, at positions that have some.
    """

    run: str
    epoch: int
    sample_id: str
    domain: str
    dial: str
    seed: int = 0
    draws: int = 8


@dataclass(frozen=True)
class Level:
    """A position of the dial: see ``whatif_dials.Position``."""

    level: float
    original: bool
    how: str
    note: str


@dataclass(frozen=True)
class LevelPlan:
    """Where a dial can be turned to.

    Attributes:
        simulated: whether the galaxy is observed again.
        unit: of the levels.
        stops: by their level.
        remark: what turning means, and what cannot be done.
    """

    simulated: bool
    unit: str
    stops: tuple[Level, ...]
    remark: str


@dataclass(frozen=True, eq=False)
class Response:
    """At one position.

    Attributes:
        image: (H, W, 3) uint8, the first draw in colour.
        logits: (draws, K) float32.
        latents: (draws, D) float32.
        map: (rows, cols) Grad-CAM of the first draw on the layer's own grid.
        explained: the class it explains: 1, or where K > 2 the one predicted.
    """

    image: NDArray[np.uint8]
    logits: NDArray[np.float32]
    latents: NDArray[np.float32]
    map: NDArray[np.float32]
    explained: int
