"""Tasks of the Domain distance tab: permutation tests, measures and verdicts, all cached."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Task
from daexplore.app.latents.embeddings import change_token
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Run

if TYPE_CHECKING:
    from daexplore.analysis.distance.mmd_test import MMDTest
    from daexplore.engine.comparison.ranking import Ranking
    from daexplore.engine.comparison.verdict import Verdict
    from daexplore.engine.distance.domain_distance import DomainDistance
    from daexplore.engine.distance.measures import Settings

__all__ = [
    "MOST",
    "PERMUTATIONS",
    "bandwidths_of",
    "measure_task",
    "null_task",
    "ranking_task",
    "verdict_task",
]

PERMUTATIONS = 1000
"""Relabellings of each test, and resamples of the probe's intervals."""
MOST = 2000
"""Images a domain that are compared at most; whole galaxies, drawn at random and alike in both
domains.
"""

_tests: LRUCache["MMDTest"] = LRUCache(1024)
_measured: LRUCache["DomainDistance"] = LRUCache(24)
_verdicts: LRUCache[tuple["Verdict", ...]] = LRUCache(128)
_rankings: LRUCache["Ranking | None"] = LRUCache(32)


def bandwidths_of(run: Run) -> tuple[float, ...]:
    """The sigma^2 of each Gaussian with which a run's MMD^2 was logged, in units of the source's
    spread.
    """
    return tuple(float(value) for value in run.info.get("mmd_bandwidths") or SCALES)


def null_task(run: Run, epoch: int, split: str, bandwidths: tuple[float, ...], label: str) -> Task:
    """The permutation test of an epoch's MMD^2."""
    key = (*change_token(run, epoch), split, bandwidths)
    return Task(
        _tests,
        key,
        "null",
        f"{label}: permutation test of epoch {epoch}",
        partial(_test, run, epoch, split, bandwidths),
    )


def measure_task(
    run: Run, epoch: int, split: str, bandwidths: tuple[float, ...], label: str
) -> Task:
    """All measures of an epoch but the Sinkhorn distance, which needs torch: ``daexplore distance``
    gives that.
    """
    key = (*change_token(run, epoch), split, bandwidths)
    name = f"{label}: classes, probe and witness of epoch {epoch}"
    return Task(_measured, key, "measure", name, partial(_measure, run, epoch, split, bandwidths))


def verdict_task(baseline: Sequence[Run], runs: Sequence[Run], split: str, label: str) -> Task:
    """Whether a method does better than a baseline, each run at its selected epoch; the first of
    each are the ones on screen.
    """
    key = (
        *(change_token(run, run.selected_epoch or 0) for run in (*baseline, *runs)),
        len(baseline),
        split,
    )
    return Task(
        _verdicts,
        key,
        "verdict",
        f"{label}: verdict",
        partial(_judge, tuple(baseline), tuple(runs), split),
    )


def ranking_task(runs: Sequence[Run]) -> Task:
    """Scores without target labels of these runs' methods, each at its selected epoch."""
    key = ("ranking", *(change_token(run, run.selected_epoch or 0) for run in runs))
    return Task(
        _rankings, key, "ranking", "ranking without target labels", partial(_rank, tuple(runs))
    )


def _rank(runs: tuple[Run, ...]) -> "Ranking | None":
    from daexplore.engine.comparison.ranking import rank_methods

    try:
        return rank_methods(runs)
    except InputError:
        # Runs of other galaxies, or all taught by target labels: the verdicts say so.
        return None


def _test(run: Run, epoch: int, split: str, bandwidths: tuple[float, ...]) -> "MMDTest":
    from daexplore.analysis.distance.mmd_test import mmd_test
    from daexplore.engine.distance.measures import choose_sides

    found = run.evaluation(epoch)
    settings = _settings(bandwidths)
    source, target, unit = choose_sides(found, split, settings)
    groups = found.group_ids.astype(str)
    pair = found.latents[source] / np.float32(unit), found.latents[target] / np.float32(unit)
    return mmd_test(*pair, groups[source], groups[target], bandwidths, PERMUTATIONS, settings.seed)


def _measure(run: Run, epoch: int, split: str, bandwidths: tuple[float, ...]) -> "DomainDistance":
    from daexplore.engine.distance.domain_distance import DomainDistance
    from daexplore.engine.distance.measures import measure_distance, witness_table

    test = _tests.get(
        (*change_token(run, epoch), split, bandwidths),
        partial(_test, run, epoch, split, bandwidths),
    )
    found, settings = run.evaluation(epoch), _settings(bandwidths)
    about, table, null, sides = measure_distance(
        found, split, tuple(run.classes), settings, test=test, transport=False
    )
    about = {"run": run.id, "label": run.label, **about}
    return DomainDistance(about, table, null, witness_table(run, found, split, sides, settings))


def _settings(bandwidths: tuple[float, ...]) -> "Settings":
    from daexplore.engine.distance.measures import Settings

    return Settings(bandwidths, PERMUTATIONS, 0, MOST)


def _judge(baseline: tuple[Run, ...], runs: tuple[Run, ...], split: str) -> tuple["Verdict", ...]:
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.engine.comparison.grouping import group_methods

    methods = group_methods((*baseline, *runs))
    if len(methods) < 2:
        raise InputError(
            "It has the settings of the first run: what differs between the two is the chance of a"
            " training."
        )
    return Comparison((*baseline, *runs), baseline=methods[0].name, split=split).verdicts
