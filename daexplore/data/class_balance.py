"""Class balancing of the source: loss weights or balanced batches.

Both train for equal priors: predicted probabilities are then those of a population with as many
galaxies of each class. Only labels of the source are ever asked for; what share the classes have in
the target is unknown, and stays so.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced_order", "class_weights"]

_STREAM = 1_000_003
"""Sets these random streams apart from those of a training's epochs."""


def class_weights(labels: NDArray[np.integer[Any]], classes: int) -> tuple[float, ...]:
    """Weight of each class in the loss, ``n / (K n_k)`` for n images of which n_k are of class k,
    and K classes that are there.

    The mean weight of the n images is 1, so that the loss of a network that knows nothing keeps its
    scale. A class without images weighs 0.

    Args:
        labels: (n,) class of each training image, n > 0.
        classes: number of classes, with or without images.

    >>> class_weights(np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    """
    counts = np.bincount(labels, minlength=classes)
    weights = len(labels) / ((counts > 0).sum() * np.maximum(counts, 1)) * (counts > 0)
    return tuple(weights.tolist())


def balanced_order(
    labels: NDArray[np.integer[Any]], needed: int, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Which rows an epoch takes, all classes equally often.

    Of every K rows in the order one is of each class, in random order. Each class goes through its
    own rows in random order, starting over, in a new order, after the last; the next epoch
    continues where this one ended, so that every row of a common class has its turn in time, and a
    rare class's rows come several times an epoch. The order is a function of (seed, epoch) alone.

    Args:
        labels: (n,) class of each row.
        needed: length of the order.
        seed: of the run.
        epoch: its number, from 0 on.
    """
    present = np.unique(labels)
    rounds = -(-needed // len(present))
    drawn = np.stack(
        [
            _turn(np.flatnonzero(labels == label), rounds, (seed, epoch, int(label)))
            for label in present
        ],
        axis=1,
    )
    shuffled = np.random.default_rng([seed, _STREAM, epoch]).permuted(drawn, axis=1)
    return shuffled.reshape(-1)[:needed]


def _turn(rows: NDArray[np.int64], rounds: int, key: tuple[int, int, int]) -> NDArray[np.int64]:
    """The rows of one class that an epoch takes out of the endless sequence of its permutations."""
    seed, epoch, label = key
    first, last = epoch * rounds, (epoch + 1) * rounds
    passes = range(first // len(rows), -(-last // len(rows)))
    sequence = np.concatenate(
        [
            rows[np.random.default_rng([seed, _STREAM, label + 1, n]).permutation(len(rows))]
            for n in passes
        ]
    )
    return sequence[first - passes.start * len(rows) :][:rounds]
