"""Seed variability: prediction changes between seeds of one method."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.default_runs import fingerprints
from daexplore.app.jobs.commands import command_line, train_command
from daexplore.app.latents.embeddings import change_token
from daexplore.app.results.metrics import predicted_class
from daexplore.app.results.outcomes import PredictionChanges, outcomes, predictions_only
from daexplore.app.state import ExplorerState
from daexplore.config import (
    AlignmentConfig,
    DataConfig,
    RunConfig,
    differences,
    named_conditions,
    preset,
    replace_at,
    to_dict,
)
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = [
    "FlipRate",
    "SeedGroup",
    "rates",
    "retrain_command",
    "seed_flip_rate",
    "seed_group",
    "verdict",
]


_RESAMPLES = 200
_cache: LRUCache["FlipRate"] = LRUCache(256)


@dataclass(frozen=True)
class SeedGroup:
    """The runs of one method with the same settings but the seed.

    Attributes:
        name: of the method.
        runs: each with the epoch at which it counts, by seed.
        command: the command that would train another seed.
    """

    name: str
    runs: tuple[tuple[Run, int], ...]
    command: str


@dataclass(frozen=True)
class FlipRate:
    """How many of the galaxies change prediction, over all pairs of networks.

    Attributes:
        name: between what.
        seeds: whether between seeds of one method.
        value: share of the galaxies, 0 to 1; NaN where there is no pair.
        low: lower end of the 95% interval over galaxies.
        high: its upper end.
        n: images counted.
        pairs: of networks.
        least: the share of the pair that differs least.
        most: that of the pair that differs most.
        up: changes to a higher level (fixed), where there is one pair of different runs.
        down: to a lower one (broken).
        p: of McNemar's test that respects galaxies, for fixed against broken; NaN where that is not
            asked.
        command: trains another seed where there is no pair.
    """

    name: str
    seeds: bool
    value: float
    low: float
    high: float
    n: int
    pairs: int
    least: float
    most: float
    up: int = 0
    down: int = 0
    p: float = float("nan")
    command: str = ""


def seed_group(state: ExplorerState, found: PredictionChanges) -> list[SeedGroup]:
    """For each method on screen the runs with the same settings but the seed: those shown, and
    finished ones on the same galaxies.
    """
    from daexplore.engine.comparison.grouping import group_methods

    methods, saw = {run.method for run in found.runs}, fingerprints(found.runs[0])
    others = [
        run
        for run in state.evaluated_runs
        if run.method in methods and run.status == "finished" and run not in found.runs
    ]
    others = [
        run for run in others if fingerprints(run) == saw and run.classes == found.runs[0].classes
    ]
    shown = group_methods(found.runs)
    # Groups come in the order in which their first run does: those of the runs on screen are the
    # first ones.
    groups = group_methods([*found.runs, *others])[: len(shown)]
    return [
        SeedGroup(
            method.name,
            tuple((run, state.epoch_of(run)) for run in group.runs),
            command_line(
                retrain_command(state.root, group.runs[0], max(run.seed for run in group.runs) + 1)
            ),
        )
        for method, group in zip(shown, groups, strict=True)
    ]


def rates(found: PredictionChanges, families: Sequence[SeedGroup]) -> list[FlipRate]:
    """How many galaxies flip from the first run to each other one, then between seeds of each
    method. May take a second.
    """
    about = (found.domain, found.split, found.by, found.pair, found.threshold)
    whole = (
        *(change_token(*each) for each in zip(found.runs, found.epochs, strict=True)),
        found.names,
        *about,
    )
    rows = [
        _cache.get((whole, place), partial(_between_runs, found, place))
        for place in range(1, len(found.runs))
    ]
    for family in families:
        key = (whole, family.name, *(change_token(*each) for each in family.runs))
        rows.append(_cache.get(key, partial(_between_seeds, found, family)))
    return rows


def verdict(found: Sequence[FlipRate]) -> str:
    """Whether runs differ by more than seeds do, in words; empty where there is no second seed of
    any method that distinguishes them.
    """
    controls = [rate for rate in found if rate.seeds and math.isfinite(rate.value)]
    runs = [rate for rate in found if not rate.seeds and math.isfinite(rate.value)]
    if not controls or not runs:
        return ""
    control = max(controls, key=lambda rate: rate.value)
    told = []
    for rate in runs:
        how = (
            "more"
            if rate.low > control.high
            else "less"
            if rate.high < control.low
            else "about as many"
        )
        told.append(f"{rate.name} {how}")
    return (
        f"Training {control.name} once more with another seed moves {control.value:.1%} of the"
        f" galaxies; {', '.join(told)}."
    )


def retrain_command(root: Path, run: Run, seed: int) -> list[str]:
    """The command that trains the same as a run with another seed."""
    from daexplore.data.simulate import PRESETS

    config, data = run.config, run.config.data
    simulated = data.source == data.target and data.source in PRESETS
    where = (
        ("--data", data.source) if simulated else ("--source", data.source, "--target", data.target)
    )
    plain = preset(data.source) if simulated else RunConfig(DataConfig(data.source, data.target))
    names = [each.name for each in config.alignments]
    # The options that the names in --method mean; everything else that differs from what the
    # command does by itself is set by name.
    plain = dataclasses.replace(
        plain, alignments=tuple(AlignmentConfig(name, 1.0) for name in names)
    )
    observing = [name for name in config.method.split("+") if name in ("conditions", "measured")]
    if observing:
        names = [*names, *observing]
        plain = replace_at(plain, "train.conditions", to_dict(named_conditions(observing)))
    if config.train.batch_norm == "adabn":
        names, plain = ["adabn", *names], replace_at(plain, "train.batch_norm", "adabn")
    if config.train.supervision == "target":
        names, plain = ["oracle"], replace_at(plain, "train.supervision", "target")
    changed = {
        name: values[1]
        for name, values in differences([plain, config]).items()
        if name != "seed" and not name.startswith("transfer")
    }
    settings = [
        part for name, value in changed.items() for part in ("--set", f"{name}={json.dumps(value)}")
    ]
    return [
        *train_command(root, "+".join(names) or "noda", seed=seed, data=where),
        *settings,
        *_transfer(config),
    ]


def _transfer(config: RunConfig) -> list[str]:
    start = config.transfer
    if start is None:
        return []
    parts = ["--init-from", start.run]
    parts += [] if start.epoch is None else ["--init-epoch", str(start.epoch)]
    parts += ["--freeze", ",".join(start.freeze)] if start.freeze else []
    parts += [] if start.rate == 1 else ["--rate", f"{start.rate:g}"]
    parts += ["--new-head"] if start.head == "new" else []
    return parts + (["--fit-preprocessing"] if start.preprocessing == "fit" else [])


def _between_runs(found: PredictionChanges, place: int) -> FlipRate:
    from daexplore.analysis.comparison.flips import disagreement
    from daexplore.analysis.comparison.paired import mcnemar

    first, other = found.level[0], found.level[place]
    up, down = other > first, other < first
    rate = _rate(
        f"{found.names[0]} → {found.names[place]}",
        False,
        disagreement(first[None], other[None]),
        found.groups,
        [float((up | down).mean())],
    )
    test = (
        mcnemar(up, down, found.groups).p_grouped
        if found.by == "truth" and len(found)
        else float("nan")
    )
    return dataclasses.replace(rate, up=int(up.sum()), down=int(down.sum()), p=test)


def _between_seeds(found: PredictionChanges, family: SeedGroup) -> FlipRate:
    from daexplore.analysis.comparison.flips import seed_disagreement

    if len(family.runs) < 2:
        nothing = float("nan")
        return FlipRate(
            family.name,
            True,
            nothing,
            nothing,
            nothing,
            0,
            0,
            nothing,
            nothing,
            command=family.command,
        )
    scenes = [predictions_only(run, epoch, found.pair) for run, epoch in family.runs]
    ids = pd.Index(found.sample_ids)
    places = [
        np.asarray(pd.Index(each.evaluation.sample_ids).get_indexer(ids), np.int64)
        for each in scenes
    ]
    known = np.all([place >= 0 for place in places], axis=0)
    levels = np.stack(
        [
            predicted_class(each, found.threshold)[place[known]]
            for each, place in zip(scenes, places, strict=True)
        ]
    )
    if found.by == "truth":
        levels = (levels == found.labels[known]).astype(np.int64)
    shares = [float((one != other).mean()) for one, other in combinations(levels, 2)]
    return _rate(family.name, True, seed_disagreement(levels), found.groups[known], shares)


def _rate(
    name: str, seeds: bool, changed: NDArray[np.float64], groups: NDArray[Any], shares: list[float]
) -> FlipRate:
    """The mean of ``changed`` with its interval; ``shares`` are the means of the single pairs."""
    from daexplore.analysis.metrics.bootstrap import share_with_interval

    found = share_with_interval(changed, groups, _RESAMPLES)
    return FlipRate(
        name,
        seeds,
        found["value"],
        found["low"],
        found["high"],
        len(changed),
        len(shares),
        min(shares),
        max(shares),
    )


def seed_flip_rate(state: ExplorerState) -> tuple[float, int] | None:
    """How many target galaxies change prediction between two seeds of one method, in the mean over
    the methods on screen that have two.

    Returns:
        That number, and of how many pairs of seeds it is the mean; None where no method has two
        seeds.
    """
    try:
        found = outcomes(state)
        families = seed_group(state, found)
    except InputError:
        # The tab that compares them says what is wrong.
        return None
    between = [rate for rate in rates(found, families) if rate.seeds and math.isfinite(rate.value)]
    if not between:
        return None
    return sum(rate.value for rate in between) / len(between) * len(found), sum(
        rate.pairs for rate in between
    )
