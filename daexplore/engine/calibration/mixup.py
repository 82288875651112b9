"""Predictions for mixtures of two target images, as PseudoCal needs them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.data.chunked_images import Images
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.models import Network, batch_norm_domain

__all__ = ["MIXTURE", "mixed_logits"]

MIXTURE = 0.65
"""Share of the first image (Hu et al. 2024, arXiv:2307.07489)."""


def mixed_logits(
    network: Network,
    images: Images,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    preprocess: Preprocess,
    domain: str = "target",
    batch_size: int = 256,
    report: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """(n, K) logits of ``0.65 a + 0.35 b``, mixed after preprocessing, in evaluation mode.

    Args:
        network: any.
        images: (N, C, H, W).
        pairs: (n,) rows of the first images, and (n,) of the second.
        preprocess: fitted preprocessing.
        domain: whose images these are.
        batch_size: mixtures at a time.
        report: called with the number of mixtures done.
    """
    was_training = network.training
    network.eval()
    found: list[NDArray[Any]] = []
    with torch.inference_mode(), batch_norm_domain(network, domain):
        for start in range(0, len(pairs[0]), batch_size):
            one, other = (
                as_batch(images, rows[start : start + batch_size], preprocess, domain)
                for rows in pairs
            )
            found.append(network(MIXTURE * one + (1 - MIXTURE) * other).logits.double().numpy())
            if report:
                report(len(one))
    network.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, network.head.out_features))
