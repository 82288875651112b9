"""Sample of test galaxies and table columns that evaluations of a run share."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.chunks import GALAXIES
from daexplore.engine.perturbations import chunk_key
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["COLUMNS", "mean_with_interval", "metric_row", "run_columns", "sample_test_ids"]


COLUMNS = (
    *("run", "id", "method", "seed", "epoch", "dial", "level", "unit", "original", "how"),
    *("domain", "split", "name", "value", "low", "high", "n", "galaxies", "oracle"),
)


def sample_test_ids(
    run: Run, domain: str, count: int, seed: int = 0, split: str = "test", chunked: bool = False
) -> NDArray[np.object_]:
    """At most ``count`` images of a domain's split, whole galaxies in a random order that both
    domains share; no label is looked at.

    Args:
        run: whose galaxies.
        domain: "source" or "target".
        count: images at most, but at least those of one galaxy.
        seed: of the order.
        split: "test" or "validation".
        chunked: take simulated galaxies that are drawn together one after the other, which is as
            random and saves time.

    Raises:
        InputError: the split has no galaxies of the domain.
    """
    samples = run.samples
    mine = samples[(samples["domain"] == domain) & (samples["split"] == split)]
    if mine.empty:
        raise InputError(f"Run {run.id} has no {split} galaxies in the {domain}.")

    def place(sample_id: str, group: str) -> tuple[bytes, bytes, str]:
        block = (chunk_key(sample_id, GALAXIES) if chunked else None) or group
        return _digest(seed, block), _digest(seed, group), sample_id

    order = sorted(
        zip(mine.index.astype(str), mine["group_id"].astype(str), strict=True),
        key=lambda pair: place(*pair),
    )
    taken: list[str] = []
    last = ""
    for sample_id, group in order:
        if len(taken) >= count and group != last:
            break
        taken.append(sample_id)
        last = group
    return np.array(taken, object)


def run_columns(run: Run, epoch: int) -> dict[str, Any]:
    """Which network a row speaks of."""
    return {"run": run.label, "id": run.id, "method": run.method, "seed": run.seed, "epoch": epoch}


def metric_row(
    common: dict[str, Any], name: str, entry: dict[str, Any], galaxies: int, oracle: bool
) -> dict[str, Any]:
    """One row of ``COLUMNS``: an entry has value, low, high and n."""
    return {
        **common,
        "name": name,
        **{part: entry[part] for part in ("value", "low", "high", "n")},
        "galaxies": galaxies,
        "oracle": oracle,
    }


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed}/{text}".encode()).digest()


def mean_with_interval(
    values: NDArray[np.float64], weights: NDArray[np.float64], level: float = 0.95
) -> dict[str, Any]:
    """Mean of (n,) values with the percentile interval of the resamples' weights (R, n)."""
    total = weights.sum(axis=1)
    drawn = (weights @ values)[total > 0] / total[total > 0]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return {"value": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}
