"""From runs to what a figure for publication shows: the table that is drawn, and what its numbers rest on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore import __version__
from daexplore.runs import Evaluation
from daexplore.views.evaluations import roc_tables
from daexplore.views.publication import Drawing
from daexplore.views.roc import operating_points
from daexplore.views.style import DOMAINS
from daexplore.views.summaries import summary_curves, summary_roc

__all__ = [
    "Compared",
    "Places",
    "curves_drawing",
    "galaxies_drawing",
    "meta_of",
    "numbers_of",
    "oracle_of",
    "reliability_drawing",
    "roc_drawing",
]

_KINDS = {"plane": "Margin plane", "pca": "Principal components", "umap": "UMAP", "aligned": "UMAP (aligned)"}
_CURVES = ("mmd2", "accuracy")


class Compared(NamedTuple):
    """A run beside others.

    Attributes:
        label: its name in the figure.
        run_id: its folder.
        evaluation: what it said at the epoch shown.
        classes: names of the labels.
    """

    label: str
    run_id: str
    evaluation: Evaluation
    classes: tuple[str, ...]


class Places(NamedTuple):
    """Where one run puts its galaxies.

    Attributes:
        x: (n,) of all rows of the evaluation.
        y: (n,) likewise.
        boundary: where the decision boundary at the threshold stands on x; None where it is no vertical line.
        axes: labels of x and y.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    boundary: float | None
    axes: tuple[str, str]


def galaxies_drawing(
    compared: Sequence[Compared],
    places: Sequence[Places],
    kind: str = "plane",
    split: str = "test",
    threshold: float = 0.5,
    pair: tuple[int, int] = (0, 1),
    domains: Sequence[str] = DOMAINS,
) -> Drawing:
    """The galaxies of each run where it puts them, and the boundary at the threshold.

    Args:
        compared: the runs, side by side.
        places: of each run.
        kind: "plane", "pca", "umap" or "aligned".
        split: which held-out galaxies.
        threshold: probability of the pair's second class.
        pair: the classes either side of the boundary.
        domains: which are drawn.
    """
    parts, words = [], []
    for (label, run_id, found, classes), place in zip(compared, places, strict=True):
        rows = np.flatnonzero(found.where(split=split) & np.isin(found.domain, list(domains)))
        common = {"series": "galaxy", "run": label, "run_id": run_id, "epoch": found.epoch, "split": split}
        columns = {"sample_id": found.sample_ids[rows].astype(str), "domain": found.domain[rows], "label": found.labels[rows]}
        table = pd.DataFrame(common | columns, index=range(len(rows)))
        table["class"] = [classes[i] if i >= 0 else "" for i in found.labels[rows].tolist()]
        parts.append(table.assign(probability=found.pair_probability(pair)[rows], x=place.x[rows], y=place.y[rows]))
        if place.boundary is not None:
            parts.append(pd.DataFrame([common | {"series": "boundary", "label": -1, "probability": threshold, "x": place.boundary}]))
        beyond = ", ".join(
            f"{(part['probability'] > threshold).mean():.0%} of {len(part)} {domain}"
            for domain, part in parts[-1 if place.boundary is None else -2].groupby("domain", sort=True)
        )
        words.append(f"{label}, epoch {found.epoch}: {beyond or '0'} galaxies are called {classes[pair[1]]}")
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series", "run"])
    galaxies = table[table["series"] == "galaxy"] if parts else table
    counts = "; ".join(
        f"{each.label} {int((galaxies['run'] == each.label).sum())} of {int(each.evaluation.where(split=split).sum())}" for each in compared
    )
    meta = meta_of(_KINDS[kind], compared, split, f"p = {threshold:g}", counts, oracle_of(compared, domains))
    classes = compared[0].classes if compared else ()
    axes = places[0].axes if kind != "pca" and places else ("PC 1", "PC 2")
    return Drawing("galaxies", table, meta, f"{_KINDS[kind]}: {'; '.join(words)}.", classes, axes)


def roc_drawing(compared: Sequence[Compared], split: str = "test", threshold: float = 0.5, pair: tuple[int, int] = (0, 1)) -> Drawing:
    """ROC curves with their bands and the points of the threshold."""
    curves, bands = roc_tables({each.label: each.evaluation for each in compared}, split, pair)
    summary = summary_roc(curves, split)
    parts = [curves.assign(series="curve")]
    if bands is not None:
        points = operating_points(curves, threshold)
        parts += [bands.assign(series="band"), points.assign(series="threshold")]
    columns = ["series", "run", "domain", "n", "auc", "fpr", "tpr", "low", "high", "threshold"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns).astype({"n": "Int64"})
    meta = meta_of("ROC", compared, split, f"p = {threshold:g}", numbers_of(curves), oracle_of(compared, DOMAINS))
    return Drawing("roc", table, meta, summary, compared[0].classes if compared else ())


def curves_drawing(compared: Sequence[Compared], histories: Mapping[str, pd.DataFrame], split: str = "test") -> Drawing:
    """MMD^2 of the latents, and the accuracy in both domains, over the epochs.

    Args:
        compared: the runs.
        histories: by label: ``Run.history()``.
        split: which galaxies they were computed on.
    """
    parts = [history.assign(run=label) for label, history in histories.items()]
    history = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "epoch", "split", "domain", "name", "value"])
    rows = history[history["name"].isin(_CURVES) & (history["split"] == split)]
    # In the order of the runs, by which they get their dashes: the same in every figure.
    place = {"name": list(_CURVES), "run": list(histories)}
    table = rows.sort_values(["name", "run"], key=lambda column: column.map(place[str(column.name)].index), kind="stable")
    table = table.reindex(columns=["name", "run", "domain", "split", "epoch", "value", "oracle"])
    summary = " ".join(summary_curves(history, name, split) for name in _CURVES if (rows["name"] == name).any())
    sample = "; ".join(f"{each.label} {int(each.evaluation.where(split=split).sum())}" for each in compared)
    meta = meta_of("MMD² and accuracy over the epochs", compared, split, "the most probable class", sample, oracle_of(compared, DOMAINS))
    return Drawing("curves", table, meta, summary or f"No MMD or accuracy was logged on {split} galaxies.")


def reliability_drawing(compared: Sequence[Compared], split: str = "test") -> Drawing:
    """Predicted probability against observed frequency, run by run and domain by domain, in bins of equal mass."""
    from daexplore.analysis.calibration.reliability import reliability

    parts = []
    for label, domain, labels, probabilities, groups in labelled(compared, split):
        bins = reliability(labels, probabilities, groups)
        columns = {name: getattr(bins, name) for name in ("probability", "frequency", "low", "high", "counts", "galaxies")}
        parts.append(pd.DataFrame({"run": label, "domain": domain, "of": bins.of, "n": len(labels)} | columns))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "domain", "of", "n"])
    words = "; ".join(
        f"{run} on {domain}, n = {int(rows['n'].iloc[0])}, from {rows['frequency'].iloc[0]:.2f} at {rows['probability'].iloc[0]:.2f} "
        f"to {rows['frequency'].iloc[-1]:.2f} at {rows['probability'].iloc[-1]:.2f}"
        for (run, domain), rows in table.groupby(["run", "domain"], sort=False)
    )
    summary = f"Observed share against predicted probability on {split} galaxies: {words}." if words else "No labelled galaxy here."
    meta = meta_of("Reliability", compared, split, "none", numbers_of(table), oracle_of(compared, DOMAINS))
    return Drawing("reliability", table, meta, summary, compared[0].classes if compared else ())


def labelled(compared: Sequence[Compared], split: str) -> Iterator[tuple[str, str, NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Run by run and domain by domain, where there are any labels: label of the run, domain, then labels (n,), probabilities (n, K) and
    groups (n,) of the split's labelled galaxies."""
    for each in compared:
        found = each.evaluation
        for domain in DOMAINS:
            mask = found.where(domain, split) & (found.labels >= 0)
            if mask.any():
                yield each.label, domain, found.labels[mask], found.probabilities[mask], found.group_ids[mask]


def meta_of(view: str, compared: Sequence[Compared], split: str, threshold: str, n: str, oracle: str) -> dict[str, str]:
    """What a figure's numbers rest on, for the head of its CSV file."""
    return {
        "view": view,
        "runs": "; ".join(f"{each.label} = {each.run_id}, epoch {each.evaluation.epoch}" for each in compared),
        "split": split,
        "threshold": threshold,
        "n": n,
        "oracle": oracle,
        "made by": f"daexplore {__version__}",
    }


def numbers_of(table: pd.DataFrame) -> str:
    """How many galaxies each run and domain has."""
    first = table.drop_duplicates(["run", "domain"])
    return "; ".join(f"{row['run']} {row['domain']} {int(row['n'])}" for row in first.to_dict("records")) or "0"


def oracle_of(compared: Sequence[Compared], domains: Sequence[str]) -> str:
    """Whether target labels are used."""
    known = "target" in domains and any(bool((each.evaluation.labels[each.evaluation.domain == "target"] >= 0).any()) for each in compared)
    return "classes of target galaxies are the oracle's knowledge" if known else "no target labels are used"
