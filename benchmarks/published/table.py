"""Outcomes of many trainings as one table: each run, a method's mean over seeds, what it adds to
noDA, its share of the oracle's gap.

The interval of a run resamples test images. All others resample test images, the same in every run,
and seeds, the same of every method: equal seeds have equal first weights and training data, so that
differences are paired in both.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.published.protocol import SEEDS, Method, Outcome, Problem, train
from daexplore.analysis.metrics.bootstrap import group_weights

__all__ = ["COLUMNS", "measure", "tabulate"]

COLUMNS = (
    "method",
    "line",
    "seed",
    "epoch",
    "domain",
    "split",
    "name",
    "value",
    "low",
    "high",
    "n",
    "seeds",
    "oracle",
)
RESAMPLES = 1000


def measure(problem: Problem, methods: Sequence[Method], file: Path) -> pd.DataFrame:
    """Train every method from every seed, and writes the table to ``file``."""
    outcomes = {}
    for method in methods:
        for seed in SEEDS:
            outcomes[method.name, seed] = outcome = train(problem, method, seed)
            print(
                f"{method.name:<20} seed {seed}  target accuracy (oracle)"
                f" {outcome.accuracy('target'):.3f}",
                flush=True,
            )
    table = tabulate(outcomes)
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False)
    return table


def tabulate(outcomes: dict[tuple[str, int], Outcome]) -> pd.DataFrame:
    """One line a run, domain and kind of figure; ``line`` is "run", "mean", "difference" (to noDA)
    or "gap" (share of the oracle's).

    Args:
        outcomes: of (method, seed), among them those of the method "noda".
    """
    methods = list(dict.fromkeys(method for method, _ in outcomes))
    seeds = sorted({seed for _, seed in outcomes})
    picked = np.random.default_rng(1).integers(len(seeds), size=(RESAMPLES, len(seeds)))
    lines = []
    for domain in ("source", "target"):
        count = len(next(iter(outcomes.values())).labels[domain])
        weights = group_weights(np.arange(count), RESAMPLES)
        runs = {key: _drawn(outcome, domain, weights) for key, outcome in outcomes.items()}
        about = {"domain": domain, "split": "test", "name": "accuracy", "n": count}
        for (method, seed), drawn in runs.items():
            marks = {
                "seed": seed,
                "epoch": outcomes[method, seed].epoch,
                "seeds": 1,
                "oracle": _judged(method, domain),
            }
            lines.append({"method": method, "line": "run"} | about | marks | _interval(drawn))
        means = {
            method: _over_seeds(np.stack([runs[method, seed] for seed in seeds], axis=1), picked)
            for method in methods
        }
        for method in methods:
            marks = {"seeds": len(seeds), "oracle": _judged(method, domain)}
            for line, drawn in _lines(method, domain, means):
                lines.append({"method": method, "line": line} | about | marks | _interval(drawn))
    return (
        pd.DataFrame(lines, columns=COLUMNS)
        .astype({"seed": "Int64", "epoch": "Int64"})
        .round({"value": 4, "low": 4, "high": 4})
    )


def _judged(method: str, domain: str) -> bool:
    return domain == "target" or method == "oracle"


def _drawn(outcome: Outcome, domain: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 + RESAMPLES,) accuracy on the test images as they are, then on resamples of them."""
    hit = (outcome.called[domain] == outcome.labels[domain]).astype(float)
    return np.r_[hit.mean(), weights @ hit / len(hit)]


def _over_seeds(drawn: NDArray[np.float64], picked: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.r_[drawn[0].mean(), np.take_along_axis(drawn[1:], picked, axis=1).mean(axis=1)]


def _lines(
    method: str, domain: str, means: dict[str, NDArray[np.float64]]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    yield "mean", means[method]
    if method == "noda":
        return
    gain = means[method] - means["noda"]
    yield "difference", gain
    if domain == "target" and "oracle" in means and method != "oracle":
        yield "gap", gain / (means["oracle"] - means["noda"])


def _interval(drawn: NDArray[np.float64]) -> dict[str, float]:
    low, high = np.quantile(drawn[1:], (0.025, 0.975))
    return {"value": drawn[0], "low": low, "high": high}
