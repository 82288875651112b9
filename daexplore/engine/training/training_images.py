"""Examples of training images under the observing conditions of a run."""

import numpy as np
import torch

from daexplore.data.conditions import Conditions
from daexplore.data.loaders import as_batch
from daexplore.engine.training.data import TrainingData
from daexplore.runs import TrainingImages

__all__ = ["example_images"]

_PER_CLASS, _DRAWS, _MOST = 2, 5, 8


def example_images(data: TrainingData, conditions: Conditions, seed: int) -> TrainingImages:
    """Up to two source images of each class, as they are and under five draws of the conditions.

    Args:
        data: of the training.
        conditions: of the training.
        seed: of the draws, which are not those of the training.
    """
    source, rows = data.domains["source"], data.rows["source"]
    labels = source.labels[rows]
    chosen = np.concatenate(
        [rows[labels == label][:_PER_CLASS] for label in np.unique(labels[labels >= 0])]
    )[:_MOST]
    plain = as_batch(source.images, chosen, data.preprocess, "source")
    generator = torch.Generator().manual_seed(seed)
    seen = [plain, *(conditions.apply(plain, "source", generator) for _ in range(_DRAWS))]
    return TrainingImages(
        np.tile(source.sample_ids[chosen], _DRAWS + 1),
        np.repeat(np.arange(_DRAWS + 1), len(chosen)),
        torch.cat(seen).contiguous().numpy(),
    )
