"""Loading a saved network, and its outputs for images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from daexplore.data.chunked_images import Images
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.errors import InputError
from daexplore.models import Network, batch_norm_domain, build_network
from daexplore.runs import Run

__all__ = ["Outputs", "load_network", "network_outputs"]


def load_network(run: Run, epoch: int | None = None) -> Network:
    """The network of a run in evaluation mode, with the weights of an epoch (the selected one by
    default).

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
            f"{run.label} is a smaller copy of its run: it keeps the network of epoch"
            f" {', '.join(map(str, networks))} only, of epoch {epoch} no more than its outputs."
        )
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    network = build_network(
        run.config.model,
        len(preprocess.bands),
        len(run.classes),
        preprocess.size[0],
        run.config.batch_norm,
        pretrained=False,
    )
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, ValueError, OSError, SafetensorError) as error:
        raise InputError(f"The weights {path} cannot be read: {error}") from error
    return network.eval()


class Outputs(NamedTuple):
    """A network's answer for n galaxies."""

    latents: NDArray[np.float32]
    logits: NDArray[np.float32]


def network_outputs(
    network: Network,
    images: Images,
    rows: NDArray[np.int64],
    preprocess: Preprocess,
    domain: str,
    batch_size: int = 256,
    device: torch.device | None = None,
    report: Callable[[int], None] | None = None,
) -> Outputs:
    """Latents (n, D) and logits (n, K) of the given rows, in evaluation mode, without
    augmentation.
    """
    was_training = network.training
    network.eval()
    latents, logits = [], []
    with torch.inference_mode(), batch_norm_domain(network, domain):
        for start in range(0, len(rows), batch_size):
            batch = as_batch(images, rows[start : start + batch_size], preprocess, domain)
            outputs = network(batch.to(device) if device is not None else batch)
            latents.append(outputs.latents.float().cpu().numpy())
            logits.append(outputs.logits.float().cpu().numpy())
            if report:
                report(len(batch))
    network.train(was_training)
    return Outputs(np.concatenate(latents), np.concatenate(logits))
