"""End of a training: metrics with intervals and Grad-CAM at the selected epoch."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import metrics_with_intervals
from daexplore.analysis.saliency.maps import gradcam
from daexplore.config import RunConfig
from daexplore.data.loaders import as_batch
from daexplore.domains import DOMAINS
from daexplore.engine.progress import Progress, Report
from daexplore.engine.training.data import TrainingData
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import Evaluation, Run, RunWriter

__all__ = ["evaluation_metrics", "finish_run"]


def evaluation_metrics(evaluation: Evaluation) -> dict[str, dict[str, dict[str, Any]]]:
    """Metrics with intervals by domain and split; what needed target labels is marked "oracle"."""
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    for domain in DOMAINS:
        for split in ("validation", "test"):
            chosen = evaluation.mask(domain, split) & (evaluation.labels >= 0)
            if not chosen.any():
                continue
            values = metrics_with_intervals(
                evaluation.labels[chosen],
                evaluation.probabilities[chosen],
                evaluation.group_ids[chosen],
            )
            oracle = {"oracle": True} if domain == "target" else {}
            metrics.setdefault(domain, {})[split] = {
                name: value | oracle
                for name, value in values.items()
                if not math.isnan(value["value"])
            }
    return metrics


def finish_run(
    writer: RunWriter,
    prepared: TrainingData,
    network: Network,
    config: RunConfig,
    device: torch.device,
    report: Report,
) -> None:
    """Finishes a run: weights of the selected epoch back into the network, metrics, Grad-CAM,
    status "finished".
    """
    from safetensors.torch import load_file

    run = Run(writer.path)
    epoch = run.selected_epoch
    assert epoch is not None
    network.load_state_dict(load_file(writer.weights_path(epoch)))
    evaluation = run.evaluation(epoch)
    found: list[tuple[NDArray[Any], ...]] = []
    for number, domain in enumerate(DOMAINS if network.has_maps else ()):
        report(Progress("explaining", number, 2, epoch))
        chosen = evaluation.mask(domain, "test").nonzero()[0][: config.train.saliency_limit]
        galaxies = prepared.domains[domain]
        ids = evaluation.sample_ids[chosen]
        classes = (
            evaluation.predicted[chosen]
            if len(prepared.classes) > 2
            else np.ones(len(chosen), np.int64)
        )
        images = as_batch(galaxies.images, galaxies.rows(ids), prepared.preprocess, domain)
        with batch_norm_domain(network, domain):
            found.append(
                (ids, classes, gradcam(network, images.to(device), classes, network.saliency_layer))
            )
    if found:
        parts = (np.concatenate(part) for part in zip(*found, strict=True))
        writer.write_saliency(epoch, *parts)
    writer.update(status="finished", metrics=evaluation_metrics(evaluation))
    report(Progress("explaining", 2, 2, epoch))
