"""A run's network at any saved epoch, and its Grad-CAM of any galaxy."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.saliency.maps import gradcam
from daexplore.data import GalaxySet, load_images, open_described
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.inference import load_network
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import Run

__all__ = ["gradcam_map"]


@lru_cache(maxsize=16)
def _network(path: str, epoch: int) -> tuple[Network, Preprocess, Run]:
    run = Run(path)
    return load_network(run, epoch), Preprocess.from_dict(run.info["preprocessing"]), run


@lru_cache(maxsize=8)
def _galaxies(path: str, domain: str) -> GalaxySet:
    return open_described(Run(path).info["data"][domain])


def gradcam_map(
    run_path: str | Path, epoch: int, sample_id: str, domain: str
) -> NDArray[np.float32]:
    """(rows, cols) Grad-CAM of one galaxy on the last convolution's own grid, for class 1, or for
    the predicted class where K > 2.

    Networks and images stay open between calls, so the second call in a process is fast.

    Raises:
        InputError: the epoch's weights or the galaxy's image are not there.
    """
    network, preprocess, run = _network(str(run_path), epoch)
    pixels, _ = load_images(
        run.info["data"][domain], domain, [sample_id], lambda _: _galaxies(str(run_path), domain)
    )
    images = as_batch(pixels, np.zeros(1, np.intp), preprocess, domain)
    with batch_norm_domain(network, domain):
        logits: Any = network(images).logits.detach().numpy()
        classes = logits.argmax(1) if logits.shape[1] > 2 else np.ones(1, np.int64)
        found: NDArray[np.float32] = gradcam(network, images, classes, network.saliency_layer)[0]
    return found
