"""Performance under perturbed images: PSF, depth, noise and rotation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights, metrics_with_intervals
from daexplore.data import GalaxySet, open_described
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.domains import DOMAINS
from daexplore.engine.evaluation_sample import (
    COLUMNS,
    mean_with_interval,
    metric_row,
    run_columns,
    sample_test_ids,
)
from daexplore.engine.inference import load_network, network_outputs
from daexplore.engine.perturbations import (
    DIALS,
    PerturbationLevel,
    can_be_reobserved,
    dial_steps,
    sky_sigma,
)
from daexplore.engine.progress import Progress, Report
from daexplore.engine.result_cache import Rows, load_cached, save_cached
from daexplore.errors import InputError
from daexplore.models import Network
from daexplore.runs import Run, softmax

__all__ = ["evaluate_perturbed"]


_BLOCK = 64


@dataclass(frozen=True, eq=False)
class _Opened:
    """A run ready to be asked."""

    run: Run
    epoch: int
    network: Network
    preprocess: Preprocess


def evaluate_perturbed(
    runs: Sequence[Run],
    dial: str,
    galaxies: int = 200,
    levels: Sequence[float] | None = None,
    seed: int = 0,
    resamples: int = 400,
    report: Report | None = None,
) -> pd.DataFrame:
    """Performance of runs on their test galaxies at each position of a dial.

    Galaxies of a simulated preset are observed again under the changed survey; of all others the
    images are degraded. Images are made once for all runs that share their test galaxies. Results
    are kept with each run.

    Args:
        runs: with data that can be opened here.
        dial: a key of ``DIALS``.
        galaxies: images a domain at most; whole galaxies are taken.
        levels: where to turn it to; None takes the dial's own.
        seed: which galaxies and which noise.
        resamples: of the bootstrap.
        report: called with the progress.

    Returns:
        One row a number, columns ``COLUMNS``. Names: accuracy and auc; "change", of the accuracy
        from the original position, paired; "consistency", the share of images whose predicted class
        is that at the original position, and "predicted share", of class 1 of two: no labels are
        used for these. Where galaxies can be observed again, the row "another exposure" has the
        consistency between two exposures of one depth.

    Raises:
        InputError: an unknown dial, levels that cannot be, or a run whose images or weights are not
            here.
    """
    if dial not in DIALS:
        raise InputError(f"--dial must be one of {', '.join(DIALS)}; got {dial!r}.")
    if galaxies < 2:
        raise InputError(f"--galaxies must be at least 2 images a domain, got {galaxies}.")
    chosen = None if levels is None else tuple(float(level) for level in levels)
    key = {
        "dial": dial,
        "galaxies": galaxies,
        "levels": chosen,
        "seed": seed,
        "resamples": resamples,
    }
    found: dict[int, Rows] = {}
    groups: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        rows = load_cached(run, f"robustness-{dial}", key)
        if rows is not None:
            found[number] = rows
        else:
            groups.setdefault(_data_key(run), []).append(number)
    for together, numbers in enumerate(groups.values()):
        told = (
            (
                lambda done, total, at=together: report(
                    Progress(f"{dial} {at + 1}/{len(groups)}", done, total)
                )
            )
            if report
            else None
        )
        made = _turn(
            [runs[number] for number in numbers], dial, galaxies, chosen, seed, resamples, told
        )
        for number, rows in zip(numbers, made, strict=True):
            save_cached(runs[number], f"robustness-{dial}", key, rows)
            found[number] = rows
    return pd.DataFrame(
        [row for number in range(len(runs)) for row in found[number]], columns=list(COLUMNS)
    )


def _data_key(run: Run) -> str:
    """Equal for runs that have the same images and the same test galaxies."""
    test = run.samples.index[run.samples["split"] == "test"].astype(str)
    prints = [
        f"{run.info['data'][domain].get('fingerprint')} {run.info['data'][domain].get('path')}"
        for domain in DOMAINS
    ]
    return hashlib.sha256("\n".join([*prints, *sorted(test)]).encode()).hexdigest()


def _turn(
    runs: list[Run],
    dial: str,
    galaxies: int,
    levels: tuple[float, ...] | None,
    seed: int,
    resamples: int,
    told: Any,
) -> list[Rows]:
    opened = []
    for run in runs:
        epoch = run.selected_epoch
        if epoch is None:
            raise InputError(f"Run {run.id} has no evaluated epoch yet.")
        opened.append(
            _Opened(
                run,
                epoch,
                load_network(run, epoch),
                Preprocess.from_dict(run.info["preprocessing"]),
            )
        )
    sets = {domain: open_described(runs[0].info["data"][domain]) for domain in DOMAINS}
    simulated = DIALS[dial].simulated and all(can_be_reobserved(one) for one in sets.values())
    ids = {
        domain: sample_test_ids(runs[0], domain, galaxies, seed, chunked=simulated)
        for domain in DOMAINS
    }
    noise = {
        domain: sky_sigma(sets[domain].images[sets[domain].rows(list(ids[domain]))])
        for domain in DOMAINS
    }
    steps = {
        domain: dial_steps(dial, domain, sets, noise, levels, seed, simulated) for domain in DOMAINS
    }
    logits = _passes(opened, sets, ids, steps, told)
    return [
        [
            row
            for domain in DOMAINS
            for row in _rows(
                one, dial, domain, ids[domain], steps[domain], logits[number][domain], resamples
            )
        ]
        for number, one in enumerate(opened)
    ]


def _passes(
    opened: list[_Opened],
    sets: dict[str, GalaxySet],
    ids: dict[str, NDArray[np.object_]],
    steps: dict[str, list[PerturbationLevel]],
    told: Any,
) -> list[dict[str, list[NDArray[np.float32]]]]:
    """Logits (n, K) of each run, domain and step. Block by block: images of one block at a time are
    in memory.
    """
    found: list[dict[str, list[list[NDArray[np.float32]]]]] = [
        {d: [[] for _ in steps[d]] for d in DOMAINS} for _ in opened
    ]
    blocks = [
        (start, domain)
        for start in range(0, max(map(len, ids.values())), _BLOCK)
        for domain in DOMAINS
        if start < len(ids[domain])
    ]
    total = sum(len(ids[domain]) * len(steps[domain]) for domain in DOMAINS)
    done = 0
    for start, domain in blocks:
        block = ids[domain][start : start + _BLOCK]
        native = sets[domain].images[sets[domain].rows(list(block))]
        rows = np.arange(len(block))
        for number, step in enumerate(steps[domain]):
            images = step.images(block, native)
            for one, mine in zip(opened, found, strict=True):
                mine[domain][number].append(
                    network_outputs(one.network, images, rows, one.preprocess, domain).logits
                )
            done += len(block)
            if told:
                told(done, total)
    return [
        {domain: [np.concatenate(parts) for parts in mine[domain]] for domain in DOMAINS}
        for mine in found
    ]


def _rows(
    one: _Opened,
    dial: str,
    domain: str,
    ids: NDArray[np.object_],
    steps: list[PerturbationLevel],
    logits: list[NDArray[np.float32]],
    resamples: int,
) -> Rows:
    samples = one.run.samples.loc[list(ids)]
    labels = samples["label"].fillna(-1).to_numpy(np.int64)
    groups = samples["group_id"].to_numpy(object)
    weights = group_weights(groups, resamples)
    oracle = domain == "target"
    first = logits[0].argmax(axis=1)
    rows: Rows = []
    for step, answer in zip(steps, logits, strict=True):
        common: dict[str, Any] = run_columns(one.run, one.epoch) | {
            "dial": dial,
            "level": step.level,
            "unit": DIALS[dial].unit,
            "original": step.original,
            "how": step.how,
            "domain": domain,
            "split": "test",
        }
        called = answer.argmax(axis=1)
        if not step.original:
            entry = mean_with_interval((called == first).astype(np.float64), weights)
            rows.append(metric_row(common, "consistency", entry, len(np.unique(groups)), False))
        if len(one.run.classes) == 2:
            # A network that calls all galaxies alike is consistent: this shows it.
            entry = mean_with_interval((called == 1).astype(np.float64), weights)
            rows.append(metric_row(common, "predicted share", entry, len(np.unique(groups)), False))
        # Another exposure at the original depth only says how much noise alone changes.
        known = labels >= 0
        if step.how == "another exposure" or not known.any():
            continue
        count = len(np.unique(groups[known]))
        measured = metrics_with_intervals(labels, softmax(answer), groups, resamples)
        rows += [
            metric_row(common, name, measured[name], count, oracle) for name in ("accuracy", "auc")
        ]
        if not step.original:
            change = (called == labels).astype(np.float64) - (first == labels)
            rows.append(
                metric_row(
                    common,
                    "change",
                    mean_with_interval(change[known], weights[:, known]),
                    count,
                    oracle,
                )
            )
    return rows
