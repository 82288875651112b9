"""Monte Carlo dropout: many passes of one network, each with other units dropped."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from daexplore.data.chunked_images import Images
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.errors import InputError
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import softmax

__all__ = ["dropout_layers", "mc_dropout"]


def dropout_layers(network: nn.Module) -> list[nn.Module]:
    """The layers that drop anything at all."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
    ]


def mc_dropout(
    network: Network,
    images: Images,
    rows: NDArray[np.int64],
    preprocess: Preprocess,
    domain: str,
    passes: int = 20,
    seed: int = 0,
    batch_size: int = 256,
    device: torch.device | None = None,
    report: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Probabilities of T passes with dropout at work (Gal & Ghahramani 2016, arXiv:1506.02142, eq.
    6), for ``analysis.ensembles.combine``.

    Only dropout is as in training: batch norm keeps its stored statistics, so a galaxy's answer
    does not depend on its neighbours. What is dropped is a function of (seed, pass, first row of
    the batch); the caller's random state stays as it was.

    Args:
        network: with at least one dropout layer of a rate above 0.
        images: (N, C, H, W).
        rows: (n,) which of them.
        preprocess: fitted preprocessing.
        domain: "source" or "target": whose images these are.
        passes: T.
        seed: of the drops.
        batch_size: images at a time; another one draws other drops.
        device: where the network is; None where it is on the CPU.
        report: called with the number of images done.

    Returns:
        (T, n, K).

    Raises:
        InputError: a network without dropout, or fewer than 2 passes.
    """
    if passes < 2:
        raise InputError(f"MC dropout needs at least 2 passes, got {passes}; 20 to 50 are usual.")
    layers = dropout_layers(network)
    if not layers:
        raise InputError(
            "MC dropout needs a network trained with dropout, but this one has none: all passes"
            " would be the same. Train one with: daexplore train --set model.options.dropout=0.2,"
            " or use several seeds as an ensemble."
        )
    was_training = network.training
    network.eval()
    found: list[NDArray[np.float64]] = []
    try:
        with (
            torch.inference_mode(),
            batch_norm_domain(network, domain),
            torch.random.fork_rng(devices=_gpus(device)),
        ):
            for layer in layers:
                layer.train()
            for start in range(0, len(rows), batch_size):
                batch = as_batch(images, rows[start : start + batch_size], preprocess, domain)
                batch = batch.to(device) if device is not None else batch
                passed = []
                for number in range(passes):
                    torch.manual_seed(_stream(seed, number, start))
                    passed.append(softmax(network(batch).logits.float().cpu().numpy()))
                found.append(np.stack(passed))
                if report:
                    report(len(batch))
    finally:
        network.train(was_training)
    return np.concatenate(found, axis=1)


def _gpus(device: torch.device | None) -> list[Any]:
    return [device] if device is not None and device.type == "cuda" else []


def _stream(seed: int, number: int, start: int) -> int:
    return int(np.random.SeedSequence([seed, number, start]).generate_state(1)[0])
