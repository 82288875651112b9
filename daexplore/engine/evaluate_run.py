"""Metrics of a run on all its held-out galaxies, or on other images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import metrics_with_intervals
from daexplore.data import GalaxySet, match_classes, open_described, read_galaxies
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.domains import DOMAINS
from daexplore.engine.inference import load_network, network_outputs
from daexplore.errors import InputError
from daexplore.runs import Run, softmax

__all__ = ["evaluate_run"]


def evaluate_run(
    path: str | Path, data: str | None = None, label: str | None = None, epoch: int | None = None
) -> dict[str, dict[str, Any]]:
    """Metrics with intervals over galaxies, in the form of run.json: name -> domain -> split ->
    metric.

    Args:
        path: folder of the run.
        data: other images, brought to the run's standard and treated with the target's statistics;
            None takes every validation and test galaxy of the run itself.
        label: column of the other images' catalogue.csv that holds the class.
        epoch: None takes the selected one.

    Raises:
        InputError: the run or the images cannot be used, or the images have no labels.
    """
    run = Run(path)
    network = load_network(run, epoch)
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    torch.set_num_threads(1)

    def metrics(
        galaxies: GalaxySet, rows: NDArray[np.int64], preprocess: Preprocess, domain: str
    ) -> dict[str, Any]:
        rows = rows[galaxies.labels[rows] >= 0]
        if not len(rows):
            raise InputError(
                f"Galaxy set {galaxies.name!r} has no labelled galaxies to evaluate on."
            )
        outputs = network_outputs(network, galaxies.images, rows, preprocess, domain)
        groups = galaxies.catalogue["group_id"].to_numpy(object)[rows]
        values = metrics_with_intervals(galaxies.labels[rows], softmax(outputs.logits), groups)
        oracle = {"oracle": True} if domain == "target" else {}
        return {name: value | oracle for name, value in values.items()}

    if data is not None:
        galaxies = read_galaxies(data, label=label)
        if not galaxies.classes:
            raise InputError(
                f"Galaxy set {galaxies.name!r} ({data}) has no labels; metrics need them."
            )
        known = open_described(run.info["data"]["source"])
        galaxies = match_classes(known, galaxies)[1]
        galaxies.check_finite()
        values = metrics(
            galaxies,
            np.arange(len(galaxies)),
            preprocess.for_galaxy_set("target", galaxies),
            "target",
        )
        return {f"{run.label} on {galaxies.name}": {"target": {"test": values}}}
    result: dict[str, Any] = {}
    for domain in DOMAINS:
        galaxies = open_described(run.info["data"][domain])
        samples = run.samples
        for split in ("validation", "test"):
            ids = samples.index[
                (samples["domain"] == domain)
                & (samples["split"] == split)
                & samples["label"].notna()
            ]
            if len(ids):
                result.setdefault(domain, {})[split] = metrics(
                    galaxies, galaxies.rows(list(ids)), preprocess, domain
                )
    return {run.label: result}
