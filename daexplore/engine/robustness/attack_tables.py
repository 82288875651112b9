"""Tables of attacks: the smallest change that alters a prediction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.data import open_described
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.domains import DOMAINS
from daexplore.engine.evaluation_sample import (
    COLUMNS,
    mean_with_interval,
    metric_row,
    run_columns,
    sample_test_ids,
)
from daexplore.engine.inference import load_network
from daexplore.engine.progress import Progress, Report
from daexplore.engine.result_cache import Rows, cached
from daexplore.engine.robustness.attacks import boundary_distances, pgd
from daexplore.engine.robustness.one_pixel import one_pixel
from daexplore.errors import InputError
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import Run

__all__ = ["ATTACKS", "attack_runs", "galaxy_distances"]

ATTACKS = ("one-pixel", "pgd", "boundary")
_RADII = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
_UNIT = "standard deviations of the training pixels"
_BATCH = 64


def attack_runs(
    runs: Sequence[Run],
    attack: str,
    galaxies: int = 100,
    seed: int = 0,
    resamples: int = 400,
    report: Report | None = None,
) -> pd.DataFrame:
    """What an attack does to the runs' test galaxies, in the columns of ``evaluate_perturbed``;
    kept with each run.

    All attacks lead away from the class predicted: they need no labels. Names: "flipped", the share
    whose class changes; "accuracy", of galaxies classed rightly before and after; for "boundary"
    the medians "input distance" and "latent distance" and their "rank correlation"; for "one-pixel"
    the median "latent shift".

    Args:
        runs: with data that can be opened here.
        attack: of ``ATTACKS``. "pgd" has levels: the largest change of a pixel.
        galaxies: images a domain at most.
        seed: which galaxies, and of the search.
        resamples: of the bootstrap over galaxies.
        report: called with the progress.

    Raises:
        InputError: an unknown attack, or a run whose images or weights are not here.
    """
    if attack not in ATTACKS:
        raise InputError(f"--attack must be one of {', '.join(ATTACKS)}; got {attack!r}.")
    if galaxies < 2:
        raise InputError(f"--galaxies must be at least 2 images a domain, got {galaxies}.")
    key = {"attack": attack, "galaxies": galaxies, "seed": seed, "resamples": resamples}
    rows: Rows = []
    for number, run in enumerate(runs):
        name = f"{attack} {number + 1}/{len(runs)}"

        def make(run: Run = run, name: str = name) -> Rows:
            return [
                row
                for domain in DOMAINS
                for row in _attacked(run, domain, attack, galaxies, seed, resamples, report, name)
            ]

        rows += cached(run, f"attack-{attack}", key, make)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def galaxy_distances(
    run: Run, domain: str, galaxies: int = 100, seed: int = 0, report: Report | None = None
) -> pd.DataFrame:
    """Each galaxy's distance to the decision boundary, in the input and in the latent space; no
    labels are used. Kept with the run.

    Args:
        run: with data that can be opened here.
        domain: "source" or "target".
        galaxies: test images at most.
        seed: which ones.
        report: called with the progress.

    Returns:
        Columns sample_id, group_id, domain, predicted, input (L2, standard deviations of the
        training pixels; an upper bound; NaN where no way was found), latent (exact).
    """

    def make() -> Rows:
        network, images, ids, groups, _ = _opened(run, domain, galaxies, seed)
        found = []
        with batch_norm_domain(network, domain):
            for start in range(0, len(images), _BATCH):
                part = images[start : start + _BATCH]
                distances = boundary_distances(network, part)
                found.append((distances.pixels, distances.latent, _predicted(network, part)))
                if report:
                    report(
                        Progress(
                            f"boundary, {domain}", min(start + _BATCH, len(images)), len(images)
                        )
                    )
        far, latent, classes = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return [
            {
                "sample_id": sample_id,
                "group_id": group,
                "domain": domain,
                "predicted": int(c),
                "input": float(f),
                "latent": float(z),
            }
            for sample_id, group, c, f, z in zip(ids, groups, classes, far, latent, strict=True)
        ]

    key = {"domain": domain, "galaxies": galaxies, "seed": seed}
    rows = cached(run, "boundary-distances", key, make)
    frame = pd.DataFrame(
        rows, columns=["sample_id", "group_id", "domain", "predicted", "input", "latent"]
    )
    return frame.replace({"input": {np.inf: np.nan}})


def _attacked(
    run: Run,
    domain: str,
    attack: str,
    galaxies: int,
    seed: int,
    resamples: int,
    report: Report | None,
    name: str,
) -> Rows:
    common: dict[str, Any] = run_columns(run, run.selected_epoch or 0) | {
        "dial": attack,
        "level": float("nan"),
        "unit": "",
        "original": False,
        "how": "attack on the predicted class",
        "domain": domain,
        "split": "test",
    }
    if attack == "boundary":
        return _boundary(run, domain, galaxies, seed, resamples, report, common)
    network, images, _, groups, labels = _opened(run, domain, galaxies, seed)
    weights = group_weights(groups, resamples)

    def told(done: int, total: int) -> None:
        if report:
            report(Progress(f"{name}, {domain}", done, total))

    with batch_norm_domain(network, domain):
        before = _predicted(network, images)
        if attack == "pgd":
            rows: Rows = []
            for number, radius in enumerate(_RADII):
                after = _predicted(network, pgd(network, images, before, radius))
                about_level = common | {
                    "level": radius,
                    "unit": f"largest change of a pixel, {_UNIT}",
                    "original": radius == 0,
                }
                rows += _shares(about_level, before, after, labels, groups, weights)
                told(number + 1, len(_RADII))
            return rows
        # Any value that a pixel of these galaxies has, in each band.
        low, high = (edge(images, (0, 2, 3)).numpy() for edge in (torch.amin, torch.amax))
        flipped, shifts = [], []
        for number in range(len(images)):
            found = one_pixel(network, images[number : number + 1], low, high, seed=seed + number)
            flipped.append(found.flipped)
            shifts.append(found.latent_shift)
            told(number + 1, len(images))
    # Where the class changed, what it changed to is of no account: it is another one.
    after = np.where(np.concatenate(flipped), -1, before)
    shift = _median(common, "latent shift", np.concatenate(shifts), groups, weights)
    return [*_shares(common, before, after, labels, groups, weights), shift]


def _boundary(
    run: Run,
    domain: str,
    galaxies: int,
    seed: int,
    resamples: int,
    report: Report | None,
    common: dict[str, Any],
) -> Rows:
    from scipy.stats import rankdata

    table = galaxy_distances(run, domain, galaxies, seed, report)
    table = table[table["input"].notna() & np.isfinite(table["latent"])]
    groups = table["group_id"].to_numpy(object)
    if len(table) < 2:
        raise InputError(
            f"No way across the boundary was found for the {domain} galaxies of run {run.id}: it"
            " predicts one class for all galaxies."
        )
    weights = group_weights(groups, resamples)
    far, latent = (table[name].to_numpy(np.float64) for name in ("input", "latent"))
    rows = [
        _median(common | {"unit": f"L2, {_UNIT}"}, "input distance", far, groups, weights),
        _median(common | {"unit": "L2, latent"}, "latent distance", latent, groups, weights),
    ]

    def correlation(counts: NDArray[np.float64]) -> float:
        chosen = np.repeat(np.arange(len(far)), counts.astype(np.int64))
        x, y = (rankdata(values[chosen]) - (len(chosen) + 1) / 2 for values in (far, latent))
        length = float(np.sqrt((x @ x) * (y @ y)))
        return float(x @ y) / length if length > 0 else float("nan")

    drawn = np.array([correlation(counts) for counts in weights])
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    entry = {
        "value": correlation(np.ones(len(far))),
        "low": float(low),
        "high": float(high),
        "n": len(far),
    }
    return [*rows, metric_row(common, "rank correlation", entry, len(np.unique(groups)), False)]


def _shares(
    common: dict[str, Any],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.object_],
    weights: NDArray[np.float64],
) -> Rows:
    changed = (after != before).astype(np.float64)
    rows = [
        metric_row(
            common, "flipped", mean_with_interval(changed, weights), len(np.unique(groups)), False
        )
    ]
    known = labels >= 0
    if known.any():
        # A galaxy that the attack drives into its true class was classed wrongly before.
        right = ((before == labels) & (after == labels)).astype(np.float64)[known]
        entry = mean_with_interval(right, weights[:, known])
        rows.append(
            metric_row(
                common,
                "accuracy",
                entry,
                len(np.unique(groups[known])),
                common["domain"] == "target",
            )
        )
    return rows


def _median(
    common: dict[str, Any],
    name: str,
    values: NDArray[np.float64],
    groups: NDArray[np.object_],
    weights: NDArray[np.float64],
) -> dict[str, Any]:
    drawn = [np.median(np.repeat(values, counts.astype(np.int64))) for counts in weights]
    low, high = np.quantile(drawn, [0.025, 0.975])
    entry = {
        "value": float(np.median(values)),
        "low": float(low),
        "high": float(high),
        "n": len(values),
    }
    return metric_row(common, name, entry, len(np.unique(groups)), False)


def _opened(
    run: Run, domain: str, galaxies: int, seed: int
) -> tuple[Network, Tensor, NDArray[np.object_], NDArray[np.object_], NDArray[np.int64]]:
    """Network, images, ids, groups and labels."""
    network = load_network(run)
    ids = sample_test_ids(run, domain, galaxies, seed)
    opened = open_described(run.info["data"][domain])
    images = as_batch(
        opened.images,
        opened.rows(list(ids)),
        Preprocess.from_dict(run.info["preprocessing"]),
        domain,
    )
    samples = run.samples.loc[list(ids)]
    return (
        network,
        images,
        ids,
        samples["group_id"].to_numpy(object),
        samples["label"].fillna(-1).to_numpy(np.int64),
    )


def _predicted(network: Network, images: Tensor) -> NDArray[np.int64]:
    with torch.inference_mode():
        parts = [
            network(images[start : start + _BATCH]).logits.argmax(dim=1).numpy()
            for start in range(0, len(images), _BATCH)
        ]
    return np.concatenate(parts)
