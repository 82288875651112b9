"""Rows of the comparison's tables: intervals, counts, and pairs of methods."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.comparison.paired import interval
from daexplore.engine.comparison.grouping import CommonSample, Method
from daexplore.engine.comparison.resampling import MethodResamples, uses_target_labels

__all__ = ["COUNTS", "INTERVAL", "counts_of", "interval_of", "pairs_with", "scatter_of"]

INTERVAL = ["value", "low", "high"]
COUNTS = ["n", "galaxies", "oracle"]


def pairs_with(
    drawn: Sequence[MethodResamples], baseline: MethodResamples | None
) -> Iterator[tuple[MethodResamples, MethodResamples]]:
    """Each method but the baseline, with the baseline."""
    if baseline is not None:
        yield from ((each, baseline) for each in drawn if each is not baseline)


def interval_of(draws: NDArray[np.float64], level: float, name: str = "") -> dict[str, Any]:
    """The columns "value", "low" and "high", or with a name before them."""
    found = interval(draws, level)
    names = (name, f"{name}_low", f"{name}_high") if name else INTERVAL
    return dict(zip(names, (found.value, found.low, found.high), strict=True))


def scatter_of(domain: str, name: str) -> float:
    """Standard deviation over seeds that one network's score is assumed to have before any seed is
    seen; above what was measured (docs/results/statistics.md). 0 where nothing is assumed.
    """
    if name.startswith("mmd2"):
        return 0.0
    if domain == "source":
        return 0.02
    return 0.03 if name in ("auc", "brier", "domain_auc") else 0.057


def counts_of(
    sample: CommonSample,
    domain: str,
    name: str,
    *methods: Method,
    oracle: bool = False,
    labelled: bool = True,
) -> dict[str, Any]:
    """On how many images and galaxies a number rests, and whether target labels had a part in
    it.
    """
    here = sample.inside(domain) if domain != "both" else np.ones(len(sample.labels), bool)
    labelled = labelled and (domain != "both" or name.startswith("mmd2_true/"))
    if labelled:
        here = here & (sample.labels >= 0)
    mark = (
        oracle
        or any(method.oracle for method in methods)
        or (labelled and uses_target_labels(domain, name))
    )
    return {"n": int(here.sum()), "galaxies": len(set(sample.groups[here])), "oracle": bool(mark)}
