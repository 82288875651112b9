"""What a task of a simulation gives back: some rows of one domain."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.conditions import SurveyCondition
from daexplore.data.simulate.render import Renderer

__all__ = ["DOMAINS", "Part", "renderer"]

DOMAINS = ("source", "target")


@dataclass(frozen=True)
class Part:
    """Some images of a domain.

    Attributes:
        domain: "source" or "target".
        rows: (k,) their rows in the set.
        images: (k, C, size, size) [nJy].
        columns: of the catalogue, each (k,), among them "galaxy", "view" and "label".
    """

    domain: str
    rows: NDArray[np.int64]
    images: NDArray[np.float32]
    columns: dict[str, Any]


@lru_cache(maxsize=16)
def renderer(condition: SurveyCondition, size: int, smoothing: tuple[float, ...]) -> tuple[Renderer, NDArray[np.complex64]]:
    """The renderer for a condition's pixels, and the transfer functions of its bands."""
    made = Renderer(condition.pixel_scale, size, smoothing)
    return made, made.transfer(condition)
