"""Metrics of one epoch on the evaluation sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.domain_probe import mmd2_chunked, spread
from daexplore.analysis.metrics.classification import classification_metrics
from daexplore.domains import DOMAINS
from daexplore.engine.inference import Outputs
from daexplore.engine.training.label_free_scores import label_free_scores
from daexplore.kernels import SCALES
from daexplore.runs import softmax

__all__ = ["epoch_rows"]


def epoch_rows(
    epoch: int,
    step: int,
    outputs: Outputs,
    labels: NDArray[np.int64],
    domains: NDArray[np.object_],
    splits: NDArray[np.object_],
    groups: NDArray[np.object_],
) -> list[dict[str, Any]]:
    """History lines of one evaluated epoch: metrics by domain and split, the MMD^2 between the
    domains, and the scores of selection.

    The MMD^2 has one fixed set of bandwidths, sigma^2 = 1/4 to 4 in units of the source latents'
    mean squared distance from their mean.

    Args:
        epoch: number of the epoch.
        step: steps taken so far.
        outputs: of the evaluation sample.
        labels: class index, -1 where missing; target labels go nowhere but into values marked
            "oracle".
        domains: "source" or "target" of each row.
        splits: "validation" or "test" of each row.
        groups: the galaxy each row shows.
    """
    rows = []
    probabilities = softmax(outputs.logits)
    for split in ("validation", "test"):
        for domain in DOMAINS:
            chosen = (domains == domain) & (splits == split) & (labels >= 0)
            if not chosen.any():
                continue
            values = classification_metrics(labels[chosen], probabilities[chosen])
            values["loss"] = float(
                -np.log(np.clip(probabilities[chosen, labels[chosen]], 1e-12, 1)).mean()
            )
            oracle = {"oracle": True} if domain == "target" else {}
            rows += [
                {
                    "epoch": epoch,
                    "step": step,
                    "split": split,
                    "domain": domain,
                    "name": name,
                    "value": value,
                    **oracle,
                }
                for name, value in values.items()
                if np.isfinite(value)
            ]
        one, other = (
            outputs.latents[(domains == domain) & (splits == split)] for domain in DOMAINS
        )
        if min(len(one), len(other)) >= 2:
            unit = spread(one) or 1.0
            value = mmd2_chunked(one / unit, other / unit, SCALES)
            rows.append(
                {
                    "epoch": epoch,
                    "step": step,
                    "split": split,
                    "domain": "both",
                    "name": "mmd2",
                    "value": value,
                }
            )
    chosen = splits == "validation"
    scores = label_free_scores(
        outputs.logits[chosen],
        outputs.latents[chosen],
        domains[chosen],
        groups[chosen],
        labels[chosen & (domains == "source")],
    )
    there = {(row["domain"], row["name"]) for row in rows if row["split"] == "validation"}
    return rows + [
        {
            "epoch": epoch,
            "step": step,
            "split": "validation",
            "domain": domain,
            "name": name,
            "value": value,
        }
        for (domain, name), value in scores.items()
        if (domain, name) not in there and np.isfinite(value)
    ]
