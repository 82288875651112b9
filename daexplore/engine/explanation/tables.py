"""Tables of saliency maps: by outcome, across methods and seeds, and under random weights."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from daexplore.analysis.saliency.agreement import (
    OUTCOMES,
    OutcomeMap,
    agreement,
    chance_iou,
    mean_by_outcome,
    outcomes,
)
from daexplore.analysis.saliency.maps import gradcam, integrated_gradients, occlusion
from daexplore.data import open_described
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.domains import DOMAINS
from daexplore.engine.evaluation_sample import run_columns, sample_test_ids
from daexplore.engine.explanation.sanity_check import Explainer, sanity_check
from daexplore.engine.inference import load_network
from daexplore.engine.progress import Progress, Report
from daexplore.engine.result_cache import Rows, cached
from daexplore.errors import InputError
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import Run, Saliency

__all__ = [
    "EXPLAINERS",
    "iou_rows",
    "maps_by_outcome",
    "outcome_rows",
    "saliency_maps",
    "sanity_rows",
]

EXPLAINERS = ("gradcam", "integrated-gradients", "occlusion")
_NETWORK = ("run", "id", "method", "seed", "epoch")
_OUTCOME_COLUMNS = (*_NETWORK, "domain", "split", "outcome", "n", "blank", "total", "oracle")
_IOU_COLUMNS = (
    *("across", "between", "domain", "split", "pairs", "value", "low", "high"),
    *("others", "others_low", "others_high", "chance", "n", "galaxies", "blank", "oracle"),
)
_SANITY_COLUMNS = (
    *_NETWORK,
    *(
        "explainer",
        "mode",
        "domain",
        "split",
        "layer",
        "randomised",
        "draws",
        "name",
        "value",
        "low",
        "high",
        "n",
        "blank",
        "oracle",
    ),
)


def maps_by_outcome(
    run: Run, domain: str, positive: int = 1, shares: bool = False
) -> dict[str, OutcomeMap]:
    """The mean Grad-CAM map of a run's test galaxies by outcome at its selected epoch; an oracle's
    in the target, whose labels it uses.

    Args:
        run: with stored maps.
        domain: "source" or "target".
        positive: the class that counts as positive.
        shares: see ``mean_by_outcome``.

    Raises:
        InputError: the run has no maps.
    """
    maps, outcome = _with_outcomes(run, domain, positive)
    return mean_by_outcome(maps, outcome, shares)


def outcome_rows(runs: Sequence[Run], positive: int = 1) -> pd.DataFrame:
    """How many test galaxies have each outcome, by run and domain, and how many of their maps are
    blank.

    Returns:
        Columns run, id, method, seed, epoch, domain, split, outcome, n, blank, total, oracle.
    """
    rows: Rows = []
    for run in runs:
        for domain in DOMAINS:
            found = maps_by_outcome(run, domain, positive)
            total = sum(one.n for one in found.values())
            common = run_columns(run, _epoch(run)) | {"domain": domain, "split": "test"}
            counts = (
                {"outcome": one, "n": found[one].n, "blank": found[one].blank} for one in OUTCOMES
            )
            rows += [
                common | count | {"total": total, "oracle": domain == "target"} for count in counts
            ]
    return pd.DataFrame(rows, columns=list(_OUTCOME_COLUMNS))


def iou_rows(
    runs: Sequence[Run], fraction: float = 0.2, resamples: int = 400, seed: int = 0
) -> pd.DataFrame:
    """How far runs agree on where the evidence is: pairs of methods at one seed beside pairs of
    seeds of one method. No labels are used.

    If methods differ no more than two seeds of one method do, their difference says nothing about
    the methods.

    Args:
        runs: at least two with stored maps on the same galaxies.
        fraction: share of a map's cells that count as large.
        resamples: of the bootstrap over galaxies.
        seed: of its draws.

    Returns:
        Columns across ("methods", "seeds"), between, domain, split, pairs, value, low, high,
        others, others_low, others_high, chance, n, galaxies, blank, oracle. ``others`` is the IoU
        with maps of other galaxies, ``chance`` that of random masks; "all" in ``between`` is the
        mean over all pairs, where there are several kinds.

    Raises:
        InputError: a run without maps, or maps on different grids.
    """
    pairs: dict[tuple[str, str], list[tuple[Run, Run]]] = {}
    for one, other in combinations(runs, 2):
        # Pairs that differ in both, or in neither, say nothing about either.
        if (one.method == other.method) != (one.seed == other.seed):
            if one.method == other.method:
                across, between = "seeds", one.label.rpartition(" · ")[0]
            else:
                across, between = (
                    "methods",
                    " – ".join(sorted(run.label.rpartition(" · ")[0] for run in (one, other))),
                )
            for name in (between, "all"):
                pairs.setdefault((across, name), []).append((one, other))
    kinds = Counter(across for across, _ in pairs)
    rows: Rows = []
    for (across, between), chosen in sorted(pairs.items()):
        if between == "all" and kinds[across] == 2:
            # The mean over one kind of pair is that kind's own.
            continue
        for domain in DOMAINS:
            if not any(_has_maps(run, domain) for pair in chosen for run in pair):
                # Runs that were made smaller keep the maps of one domain.
                continue
            ids, groups = _common_ids([run for pair in chosen for run in pair], domain)
            maps = [(_maps(one, ids), _maps(other, ids)) for one, other in chosen]
            same, others = agreement(maps, groups, fraction, resamples, seed)
            rows.append(
                {
                    "across": across,
                    "between": between,
                    "domain": domain,
                    "split": "test",
                    "pairs": len(chosen),
                }
                | {"value": same.value, "low": same.low, "high": same.high}
                | {"others": others.value, "others_low": others.low, "others_high": others.high}
                | {
                    "chance": chance_iou(maps[0][0][0].size, fraction),
                    "n": same.n,
                    "galaxies": len(np.unique(groups)),
                }
                | {"blank": same.blank, "oracle": False}
            )
    return pd.DataFrame(rows, columns=list(_IOU_COLUMNS))


def sanity_rows(
    run: Run,
    domain: str = "source",
    explainer: str = "gradcam",
    mode: str = "cascading",
    galaxies: int = 64,
    draws: int = 3,
    seed: int = 0,
    report: Report | None = None,
) -> pd.DataFrame:
    """The sanity check of a run's maps on its test galaxies (see ``sanity_check``), kept with the
    run. No labels are used.

    Returns:
        Columns run, id, method, seed, epoch, explainer, mode, domain, split, layer, randomised,
        draws, name ("correlation", "iou"), value, low, high, n, blank, oracle; first the comparison
        with other galaxies, as layer "none".

    Raises:
        InputError: an unknown explainer, or images or weights that are not here.
    """
    epoch = _epoch(run)
    asked = {
        "explainer": explainer,
        "mode": mode,
        "domain": domain,
        "galaxies": galaxies,
        "draws": draws,
        "seed": seed,
    }

    def make() -> Rows:
        network, images, classes, groups = _opened(
            run, epoch, domain, sample_test_ids(run, domain, galaxies, seed)
        )
        told = (
            (lambda done, total: report(Progress("randomising", done, total))) if report else None
        )
        explain = _in_domain(_explainer(explainer, run, domain), domain)
        steps = sanity_check(
            network, images, classes, groups, explain, mode, draws, seed, report=told
        )
        common = run_columns(run, epoch) | {
            "explainer": explainer,
            "mode": mode,
            "domain": domain,
            "split": "test",
            "draws": draws,
        }
        return [
            common
            | {"layer": step.layer, "randomised": step.randomised, "name": name, "oracle": False}
            | {
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "n": found.n,
                "blank": found.blank,
            }
            for step in steps
            for name, found in (("correlation", step.correlation), ("iou", step.overlap))
        ]

    return pd.DataFrame(cached(run, "sanity", asked, make), columns=list(_SANITY_COLUMNS))


def saliency_maps(
    run: Run, domain: str, sample_ids: Sequence[str], explainer: str = "gradcam"
) -> NDArray[np.float32]:
    """(n, rows, cols) maps of some of a run's galaxies at its selected epoch, by any explainer: of
    class 1, or of that predicted if K > 2.

    Integrated Gradients are added up over the bands; they and occlusion have either sign, and empty
    sky as their baseline.

    Raises:
        InputError: an unknown explainer, or images or weights that are not here.
    """
    network, images, classes, _ = _opened(
        run, _epoch(run), domain, np.array(list(sample_ids), object)
    )
    with batch_norm_domain(network, domain):
        return _explainer(explainer, run, domain)(network, images, classes)


def _explainer(name: str, run: Run, domain: str) -> Explainer:
    if name == "gradcam":
        return lambda network, images, classes: gradcam(
            network, images, classes, network.saliency_layer
        )
    if name not in EXPLAINERS:
        raise InputError(f"--explainer must be one of {', '.join(EXPLAINERS)}; got {name!r}.")
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    galaxies = open_described(run.info["data"][domain])
    sky = torch.from_numpy(
        preprocess.apply(np.zeros((1, *galaxies.images.shape[1:]), np.float32), domain)
    )
    if name == "occlusion":
        window = max(3, round(preprocess.size[0] / 9))
        return lambda network, images, classes: occlusion(
            network, images, classes, window, max(1, window // 2), baseline=sky
        )
    return lambda network, images, classes: integrated_gradients(network, images, classes, sky).sum(
        axis=1
    )


def _in_domain(explain: Explainer, domain: str) -> Explainer:
    """Random networks are copies: each must know whose images pass through it."""

    def inside(network: Network, images: Tensor, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        with batch_norm_domain(network, domain):
            return explain(network, images, classes)

    return inside


def _opened(
    run: Run, epoch: int, domain: str, ids: NDArray[np.object_]
) -> tuple[Network, Tensor, NDArray[np.int64], NDArray[np.object_]]:
    """Network, images, explained classes and groups."""
    network = load_network(run, epoch)
    galaxies = open_described(run.info["data"][domain])
    images = as_batch(
        galaxies.images,
        galaxies.rows(list(ids)),
        Preprocess.from_dict(run.info["preprocessing"]),
        domain,
    )
    classes = np.ones(len(ids), np.int64)
    if len(run.classes) > 2:
        with torch.inference_mode(), batch_norm_domain(network, domain):
            classes = network(images).logits.argmax(dim=1).numpy()
    return network, images, classes, run.samples.loc[list(ids), "group_id"].to_numpy(object)


def _epoch(run: Run) -> int:
    if run.selected_epoch is None:
        raise InputError(f"Run {run.id} has no evaluated epoch yet.")
    return run.selected_epoch


def _stored(run: Run) -> Saliency:
    found = run.saliency()
    if found is None:
        raise InputError(
            f"Run {run.id} has no Grad-CAM maps at its selected epoch; they are made when a"
            " training finishes."
        )
    return found


def _with_outcomes(
    run: Run, domain: str, positive: int
) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    if not 0 <= positive < len(run.classes):
        raise InputError(
            f"The positive class must be 0 to {len(run.classes) - 1} ({', '.join(run.classes)}),"
            f" got {positive}."
        )
    evaluation, stored = run.evaluation(), _stored(run)
    ids = [
        sample_id
        for sample_id in evaluation.sample_ids[evaluation.mask(domain, "test")]
        if stored.map(sample_id) is not None
    ]
    rows = pd.Index(evaluation.sample_ids).get_indexer(pd.Index(ids, dtype=object))
    return _maps(run, ids), outcomes(evaluation.labels[rows], evaluation.predicted[rows], positive)


def _maps(run: Run, ids: Sequence[str]) -> NDArray[np.float32]:
    stored = _stored(run)
    rows = pd.Index(stored.sample_ids).get_indexer(pd.Index(list(ids), dtype=object))
    return stored.maps[rows]


def _has_maps(run: Run, domain: str) -> bool:
    samples = run.samples
    return bool(
        (
            (samples["domain"] == domain) & samples.index.isin(_stored(run).sample_ids.astype(str))
        ).any()
    )


def _common_ids(runs: list[Run], domain: str) -> tuple[list[str], NDArray[Any]]:
    """The test galaxies of which all runs have maps, and what galaxy each shows."""
    grids = {_stored(run).maps.shape[1:] for run in runs}
    if len(grids) > 1:
        raise InputError(
            f"Maps can be compared on one grid only; these runs have {sorted(grids)}. Compare runs"
            " with one network."
        )
    common = set.intersection(*(set(map(str, _stored(run).sample_ids)) for run in runs))
    samples = runs[0].samples
    ids = [
        str(one)
        for one in samples.index[(samples["domain"] == domain) & (samples["split"] == "test")]
        if one in common
    ]
    if len(ids) < 2:
        raise InputError(
            f"These runs have no maps of the same {domain} galaxies. Compare runs of one data set"
            " and one split."
        )
    return ids, samples.loc[ids, "group_id"].to_numpy(object)
