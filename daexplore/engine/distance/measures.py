"""Measures of the domain distance, computed step by step from saved outputs."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.distance.class_conditional import class_conditional_tests
from daexplore.analysis.distance.domain_probe import domain_probe, probe_intervals, spread
from daexplore.analysis.distance.mmd_test import MMDTest, mmd_test
from daexplore.analysis.distance.sinkhorn import BLUR, sinkhorn_test
from daexplore.analysis.distance.witness import witness
from daexplore.analysis.latents.margin_plane import margin_plane
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run

__all__ = [
    "DomainSamples",
    "Settings",
    "choose_sides",
    "measure_distance",
    "measures_table",
    "witness_table",
]

_NUMBERS = ("value", "low", "high", "p_value", "effect", "null_low", "null_high", "permutations")
_COLUMNS = ("name", "kind", *_NUMBERS, "n_source", "n_target", "split", "domains", "oracle")
_STEPS = 4
# Each takes as long as all relabellings of an MMD test together.
_TRANSPORTS = 39


class Settings(NamedTuple):
    """What the numbers depend on beside the latents.

    Attributes:
        bandwidths: sigma^2 of each Gaussian in units of the source's spread.
        permutations: of each MMD test, and resamples of the bootstrap.
        seed: of all draws.
        most: images a domain that are compared at most.
    """

    bandwidths: tuple[float, ...]
    permutations: int
    seed: int
    most: int


class DomainSamples(NamedTuple):
    """Rows of the compared images of each domain, and the source's spread, which is the unit of
    length.
    """

    source: NDArray[np.intp]
    target: NDArray[np.intp]
    unit: float


def measure_distance(
    found: Evaluation,
    split: str,
    classes: tuple[str, ...],
    settings: Settings,
    report: Report = no_report,
    *,
    test: MMDTest | None = None,
    transport: bool = True,
) -> tuple[dict[str, Any], pd.DataFrame, NDArray[np.float64], DomainSamples]:
    """All measures of one split.

    Args:
        found: what the network said.
        split: "test" or "validation".
        classes: names of the labels.
        settings: see there.
        report: called with the progress.
        test: of the MMD^2 with these settings, where it has been done; done here by default.
        transport: whether the Sinkhorn distance, which needs torch, is measured too.

    Returns:
        What was compared; the table of measures; (P,) the MMD^2 of relabelled galaxies; the rows
        compared.
    """
    bandwidths, permutations, seed, _ = settings
    sides = choose_sides(found, split, settings)
    source, target, unit = sides
    groups = found.group_ids.astype(str)
    pair = found.latents[source] / np.float32(unit), found.latents[target] / np.float32(unit)
    ids = groups[source], groups[target]

    report(Progress("comparing", 0, _STEPS))
    test = test or mmd_test(*pair, *ids, bandwidths, permutations, seed)
    rows: list[dict[str, Any]] = [{"name": "mmd2", "kind": "", "oracle": False, **_tested(test)}]
    report(Progress("comparing", 1, _STEPS))
    for oracle, kinds in ((False, found.predicted), (True, found.labels)):
        if oracle and not (kinds[target] >= 0).any():
            continue
        tests = class_conditional_tests(
            pair[0], kinds[source], pair[1], kinds[target], bandwidths, *ids, permutations, seed
        )
        for kind, each in tests.items():
            counts = {
                "n_source": int((kinds[source] == kind).sum()),
                "n_target": int((kinds[target] == kind).sum()),
            }
            rows.append(
                {
                    "name": "class_mmd2",
                    "kind": classes[kind],
                    "oracle": oracle,
                    **counts,
                    **_tested(each),
                }
            )
    report(Progress("comparing", 2, _STEPS))
    both = np.r_[source, target]
    probe = domain_probe(found.latents[both], found.domain[both], groups[both], seed=seed)
    intervals = probe_intervals(
        probe, found.latents[both], found.domain[both], groups[both], permutations, seed
    )
    counts = {"n_source": len(source), "n_target": len(target)}
    rows += [
        {"name": name, "kind": "", "oracle": False, **counts, **intervals[key]}
        for name, key in _PROBED.items()
    ]
    report(Progress("comparing", 3, _STEPS))
    if transport:
        most = min(permutations, _TRANSPORTS)
        moved = sinkhorn_test(*pair, *ids, permutations=most, seed=seed)
        rows.append({"name": "sinkhorn", "kind": "", "oracle": False, **_tested(moved)})
    report(Progress("comparing", 4, _STEPS))

    names = [set(side.tolist()) for side in ids]
    about = {
        "epoch": found.epoch,
        "split": split,
        "images": {"source": len(source), "target": len(target)},
        "galaxies": {
            "source": len(names[0]),
            "target": len(names[1]),
            "both": len(names[0] & names[1]),
        },
        "spread": unit,
        "sinkhorn_blur": BLUR,
        **settings._asdict(),
        "bandwidths": list(bandwidths),
    }
    return (
        about,
        measures_table([row | {"split": split, "domains": "source, target"} for row in rows]),
        test.null,
        sides,
    )


_PROBED = {"probe_auc": "auc", "a_distance": "a_distance"}


def measures_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a number, with all columns; NaN where a number has none."""
    table = pd.DataFrame(
        [{name: row.get(name) for name in _COLUMNS} for row in rows], columns=list(_COLUMNS)
    )
    return table.astype(
        dict.fromkeys(_NUMBERS, np.float64)
        | {
            "n_source": np.int64,
            "n_target": np.int64,
            "oracle": bool,
        }
    )


def choose_sides(found: Evaluation, split: str, settings: Settings) -> DomainSamples:
    """Which images are compared: those of so many galaxies, drawn at random and alike in both
    domains, that no domain has too many.
    """
    inside = np.flatnonzero(found.mask(split=split))
    names, place = np.unique(found.group_ids[inside].astype(str), return_inverse=True)
    place = np.random.default_rng(settings.seed).permutation(len(names))[place]
    is_source = found.domain[inside] == "source"
    last = len(names)
    for side in (is_source, ~is_source):
        taken = np.cumsum(np.bincount(place[side], minlength=len(names)))
        last = min(last, int(np.searchsorted(taken, settings.most, side="right")))
    source, target = (inside[side & (place < last)] for side in (is_source, ~is_source))
    return DomainSamples(source, target, spread(found.latents[source]) or 1.0)


def witness_table(
    run: Run, found: Evaluation, split: str, sides: DomainSamples, settings: Settings
) -> pd.DataFrame:
    """The witness of every image of a split, beside its domain, predicted class and distance to the
    decision boundary.

    A galaxy's own images, in both domains, are left out of the means. No target label is used.
    """
    rows = np.flatnonzero(found.mask(split=split))
    groups = found.group_ids.astype(str)
    points, source, target = (
        found.latents[chosen] / np.float32(sides.unit)
        for chosen in (rows, sides.source, sides.target)
    )
    values = witness(
        points,
        source,
        target,
        settings.bandwidths,
        groups=(groups[rows], groups[sides.source], groups[sides.target]),
    )
    return pd.DataFrame(
        {
            "domain": found.domain[rows].astype(str),
            "predicted": found.predicted[rows],
            "witness": values,
            "margin": _margin(run, found)[rows],
        },
        index=pd.Index(found.sample_ids[rows].astype(str), name="sample_id"),
    )


def _margin(run: Run, found: Evaluation) -> NDArray[np.float64]:
    try:
        known = (found.latents, found.labels, found.domain, found.split, *run.head(found.epoch))
        return margin_plane(*known, groups=found.group_ids, logits=found.logits).x
    except InputError:
        # Weights are not kept of every epoch, and too few galaxies for a plane are enough for a
        # witness.
        return np.full(len(found), np.nan)


def _tested(test: MMDTest | None) -> dict[str, Any]:
    if test is None:
        return {}
    numbers = {
        "value": test.value,
        "p_value": test.p_value,
        "effect": test.effect,
        "null_low": test.low,
        "null_high": test.high,
    }
    return numbers | {"permutations": test.permutations, "n_source": test.n, "n_target": test.m}
