"""Guard against collapse and drift: what a network calls the target before and after."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ShareGuard"]

_FALLEN, _RARE, _DRIFT = 0.2, 0.02, 0.15


@dataclass(frozen=True, eq=False)
class ShareGuard:
    """Shares of the classes that the network called before it was adapted.

    No label of the target is used.

    Attributes:
        before: (K,) shares among the target's validation images.
    """

    before: NDArray[np.float64]

    @staticmethod
    def of(logits: NDArray[np.floating[Any]]) -> "ShareGuard":
        """Of the logits (n, K) before the adaptation."""
        return ShareGuard(called_shares(logits))

    def collapsed(self, logits: NDArray[np.floating[Any]]) -> bool:
        """Whether a class is called less than a fifth as often as before; classes that were rarer
        than 2% do not count.
        """
        now = called_shares(logits)
        return bool(((self.before >= _RARE) & (now < _FALLEN * self.before)).any())

    def drifted(self, logits: NDArray[np.floating[Any]]) -> bool:
        """Whether more than 15% of the galaxies would have to change class for equal shares."""
        return bool(np.abs(called_shares(logits) - self.before).sum() / 2 > _DRIFT)


def called_shares(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(K,) share of the galaxies that each class is called for."""
    classes = logits.shape[1]
    found: NDArray[np.float64] = np.bincount(logits.argmax(axis=1), minlength=classes) / max(
        len(logits), 1
    )
    return found
