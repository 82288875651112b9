"""A run's network at any saved epoch, and its Grad-CAM of any galaxy."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from daexplore.analysis.saliency.maps import gradcam
from daexplore.data import GalaxySet, described_pixels, open_described
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.errors import InputError
from daexplore.models import Network, build_network, in_domain
from daexplore.runs import Run

__all__ = ["gradcam_map", "load_network"]


def load_network(run: Run, epoch: int | None = None) -> Network:
    """The network of a run in evaluation mode, with the weights of an epoch (the selected one by default).

    Raises:
        InputError: that epoch's weights are not in the run, or do not fit.
    """
    epoch = run.selected_epoch if epoch is None else epoch
    path = run.path / "weights" / f"epoch-{epoch:04d}.safetensors"
    if not path.is_file():
        raise InputError(f"The run {run.id} has no weights of epoch {epoch}: {path} is missing.")
    networks = run.info.get("thinned", {}).get("networks")
    if networks is not None and epoch not in networks:
        raise InputError(
            f"{run.label} is a smaller copy of its run: it keeps the network of epoch {', '.join(map(str, networks))} only, "
            f"of epoch {epoch} no more than its outputs."
        )
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    network = build_network(run.config.model, len(preprocess.bands), len(run.classes), preprocess.size[0], run.config.batch_norm)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, ValueError, OSError, SafetensorError) as error:
        raise InputError(f"The weights {path} cannot be read: {error}") from error
    return network.eval()


@lru_cache(maxsize=16)
def _network(path: str, epoch: int) -> tuple[Network, Preprocess, Run]:
    run = Run(path)
    return load_network(run, epoch), Preprocess.from_dict(run.info["preprocessing"]), run


@lru_cache(maxsize=8)
def _galaxies(path: str, domain: str) -> GalaxySet:
    return open_described(Run(path).info["data"][domain])


def gradcam_map(run_path: str | Path, epoch: int, sample_id: str, domain: str) -> NDArray[np.float32]:
    """(rows, cols) Grad-CAM of one galaxy on the last convolution's own grid, for class 1, or for the predicted class where K > 2.

    Networks and images stay open between calls, so the second call in a process is fast.

    Raises:
        InputError: the epoch's weights or the galaxy's image are not there.
    """
    network, preprocess, run = _network(str(run_path), epoch)
    pixels, _ = described_pixels(run.info["data"][domain], domain, [sample_id], lambda _: _galaxies(str(run_path), domain))
    images = as_batch(pixels, np.zeros(1, np.intp), preprocess, domain)
    with in_domain(network, domain):
        logits: Any = network(images).logits.detach().numpy()
        classes = logits.argmax(1) if logits.shape[1] > 2 else np.ones(1, np.int64)
        found: NDArray[np.float32] = gradcam(network, images, classes, network.saliency_layer)[0]
    return found
