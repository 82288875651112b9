"""Evaluation: a run's outputs for the evaluation sample at one epoch."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Evaluation", "Saliency", "softmax"]


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(n, K) probabilities, computed in double precision so that they do not round to 0 or 1 too
    soon.
    """
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Outputs for the n galaxies of the evaluation sample, the same ones in the same order at every
    epoch of a run.

    Attributes:
        epoch: after which they were computed.
        sample_ids: (n,) text.
        predicted: (n,) the most probable class.
        probability: (n,) float32, of class 1 if there are two classes, else of the predicted one.
        logits: (n, K) float32.
        latents: (n, D) float32.
        domain: (n,) "source" or "target".
        split: (n,) "validation" or "test".
        labels: (n,) -1 where missing. Those of the target are an oracle: for reporting only.
        group_ids: (n,) text; images of one physical galaxy share it.
    """

    epoch: int
    sample_ids: NDArray[np.object_]
    predicted: NDArray[np.int64]
    probability: NDArray[np.float32]
    logits: NDArray[np.float32]
    latents: NDArray[np.float32]
    domain: NDArray[np.object_]
    split: NDArray[np.object_]
    labels: NDArray[np.int64]
    group_ids: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.sample_ids)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, K) softmax of the logits."""
        return softmax(self.logits)

    @cached_property
    def row_by_id(self) -> dict[str, int]:
        """sample_id -> row: one of a million galaxies is then found at once."""
        return {str(sample_id): row for row, sample_id in enumerate(self.sample_ids.tolist())}

    @cached_property
    def rows_by_group(self) -> dict[str, list[int]]:
        """group_id -> the rows of its images."""
        found: dict[str, list[int]] = {}
        for row, group in enumerate(self.group_ids.tolist()):
            found.setdefault(str(group), []).append(row)
        return found

    def pair_probability(self, pair: tuple[int, int]) -> NDArray[np.float64]:
        """(n,) probability of the second class of the pair if only the pair were possible; for two
        classes that of class ``pair[1]``.
        """
        margin = self.logits[:, pair[1]].astype(np.float64) - self.logits[:, pair[0]]
        return np.asarray(1 / (1 + np.exp(-np.clip(margin, -500, 500))))

    def mask(self, domain: str | None = None, split: str | None = None) -> NDArray[np.bool_]:
        """(n,) mask of the galaxies of a domain, a split, or both."""
        mask = np.ones(len(self), bool)
        for name, wanted in (("domain", domain), ("split", split)):
            if wanted is not None:
                if (name, wanted) not in self._masks:
                    self._masks[name, wanted] = np.asarray(getattr(self, name) == wanted)
                mask &= self._masks[name, wanted]
        return mask

    @cached_property
    def digest(self) -> bytes:
        """The same for two evaluations exactly if they are of the same images in the same order,
        and the same is known of them.
        """
        # Ids differ from row to row: to number them first, as pandas does by default, would take
        # most of the time.
        texts = (
            (self.sample_ids, False),
            (self.group_ids, False),
            (self.domain, True),
            (self.split, True),
        )
        columns = (
            *(pd.util.hash_array(text, categorize=repeats) for text, repeats in texts),
            self.labels,
        )
        return hashlib.blake2b(
            b"".join(np.ascontiguousarray(column).tobytes() for column in columns), digest_size=16
        ).digest()

    @cached_property
    def _masks(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """Comparing text galaxy by galaxy takes longer than all else that a step of the epoch needs
        of an evaluation.
        """
        return {}


@dataclass(frozen=True, eq=False)
class Saliency:
    """Grad-CAM maps of n galaxies at one epoch.

    Attributes:
        epoch: after which they were computed.
        sample_ids: (n,) text.
        classes: (n,) the class each map explains.
        maps: (n, rows, cols) float32 on the layer's own grid, >= 0, not normalised.
    """

    epoch: int
    sample_ids: NDArray[np.object_]
    classes: NDArray[np.int64]
    maps: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sample_ids)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {sample_id: row for row, sample_id in enumerate(self.sample_ids)}

    def map(self, sample_id: str) -> NDArray[np.float32] | None:
        """(rows, cols) the map of one galaxy, or None if it has none."""
        row = self._rows.get(sample_id)
        return None if row is None else self.maps[row]
