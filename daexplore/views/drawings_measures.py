"""More tables for publication: precision-recall, risk and coverage, distance against accuracy, and what changes from run to run."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from daexplore.views.drawings import Compared, labelled, meta_of, numbers_of, oracle_of
from daexplore.views.publication import Drawing
from daexplore.views.style import DOMAINS

__all__ = ["flips_drawing", "paths_drawing", "precision_recall_drawing", "risk_coverage_drawing"]

_OUTCOMES = {(True, True): "right in both", (False, True): "fixed", (True, False): "broken", (False, False): "wrong in both"}


def precision_recall_drawing(
    compared: Sequence[Compared], split: str = "test", threshold: float = 0.5, pair: tuple[int, int] = (0, 1)
) -> Drawing:
    """Precision against recall of each threshold, and the point of the one on screen."""
    from daexplore.analysis.metrics.classification import precisions, roc

    parts, words = [], []
    for each in compared:
        found = each.evaluation
        for domain in DOMAINS:
            mask = found.where(domain, split) & np.isin(found.labels, pair)
            positive, score = found.labels[mask] == pair[1], found.pair_probability(pair)[mask]
            if not positive.any() or positive.all():
                continue
            curve = roc(positive, score)
            precision, average = precisions(curve, int(positive.sum()), int((~positive).sum()))
            common: dict[str, Any] = {
                "run": each.label,
                "domain": domain,
                "n": len(score),
                "positive": float(positive.mean()),
                "ap": average,
            }
            rows = pd.DataFrame({"recall": curve.tpr, "precision": precision, "threshold": curve.thresholds})
            parts.append(rows.assign(series="curve", **common))
            called = score > threshold
            hit = int((called & positive).sum())
            at = {"recall": hit / positive.sum(), "precision": hit / called.sum() if called.any() else np.nan, "threshold": threshold}
            parts.append(pd.DataFrame([{**at, "series": "threshold", **common}]))
            words.append(f"{each.label} on {domain}, n = {len(score)}: average precision {average:.3f}")
    columns = ["series", "run", "domain", "n", "positive", "ap", "recall", "precision", "threshold"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    meta = meta_of("Precision-recall", compared, split, f"p = {threshold:g}", numbers_of(table), oracle_of(compared, DOMAINS))
    return Drawing("precision-recall", table, meta, f"Precision-recall, {split} split: {'; '.join(words) or 'no labelled galaxy'}.")


def risk_coverage_drawing(compared: Sequence[Compared], split: str = "test") -> Drawing:
    """The share of errors among the galaxies a run is surest of, for each share that is kept, with 95% intervals over galaxies."""
    from daexplore.analysis.metrics.risk_coverage import risk_coverage

    parts, words = [], []
    for label, domain, labels, probabilities, groups in labelled(compared, split):
        curve = risk_coverage(labels, probabilities, groups)
        parts.append(pd.DataFrame(curve.rows()).assign(run=label, domain=domain, n=len(labels), aurc=curve.aurc["value"]))
        words.append(f"{label} on {domain}, n = {len(labels)}: AURC {curve.aurc['value']:.3f}")
    columns = ["run", "domain", "n", "aurc", "coverage", "risk", "low", "high"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    meta = meta_of("Risk and coverage", compared, split, "the most probable class", numbers_of(table), oracle_of(compared, DOMAINS))
    return Drawing("risk-coverage", table, meta, f"Risk and coverage, {split} split: {'; '.join(words) or 'no labelled galaxy'}.")


def paths_drawing(compared: Sequence[Compared], histories: Mapping[str, pd.DataFrame], split: str = "test") -> Drawing:
    """Each run's way from epoch to epoch in MMD^2 and target accuracy (oracle).

    Args:
        compared: the runs, at the epoch that is marked.
        histories: by label: ``Run.history()``.
        split: of which galaxies.
    """
    parts, words = [], []
    for each in compared:
        history = histories[each.label]
        here = history[history["split"] == split]
        mmd2 = here[(here["name"] == "mmd2") & (here["domain"] == "both")].set_index("epoch")["value"]
        accuracy = here[(here["name"] == "accuracy") & (here["domain"] == "target")].set_index("epoch")["value"]
        rows = pd.DataFrame({"mmd2": mmd2, "accuracy": accuracy}).dropna().reset_index()
        n = int((each.evaluation.where("target", split) & (each.evaluation.labels >= 0)).sum())
        parts.append(rows.assign(run=each.label, n=n, shown=rows["epoch"] == each.evaluation.epoch))
        if len(rows):
            first, last = rows.iloc[0], rows.iloc[-1]
            words.append(
                f"{each.label}: MMD² {first['mmd2']:.3g} to {last['mmd2']:.3g}, accuracy {first['accuracy']:.3f} to {last['accuracy']:.3f}"
            )
    columns = ["run", "epoch", "mmd2", "accuracy", "n", "shown"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    sample = "; ".join(f"{run} {int(n)}" for run, n in table.groupby("run", sort=False)["n"].first().items())
    meta = meta_of("Distance and target accuracy", compared, split, "the most probable class", sample, oracle_of(compared, DOMAINS))
    return Drawing("paths", table, meta, f"From the first epoch to the last, {split} split: {'; '.join(words) or 'nothing was logged'}.")


def flips_drawing(compared: Sequence[Compared], split: str = "test", threshold: float = 0.5, pair: tuple[int, int] = (0, 1)) -> Drawing:
    """What becomes of the labelled galaxies that all runs evaluated, from each run to the next: fixed, broken, right or wrong in both."""
    rows, words = [], []
    for domain in DOMAINS:
        right: list[pd.Series] = []
        for each in compared:
            found = each.evaluation
            mask = found.where(domain, split) & np.isin(found.labels, pair)
            called = np.where(found.pair_probability(pair)[mask] > threshold, pair[1], pair[0])
            right.append(pd.Series(called == found.labels[mask], index=found.sample_ids[mask].astype(str)))
        for place, (before, after) in enumerate(pairwise(right)):
            both = pd.concat([before, after], axis=1, join="inner").to_numpy(bool)
            step = f"{compared[place].label} → {compared[place + 1].label}"
            for outcome, name in _OUTCOMES.items():
                count = int((both == outcome).all(axis=1).sum())
                rows.append({"step": step, "domain": domain, "outcome": name, "count": count, "n": len(both)})
            counts = {row["outcome"]: row["count"] for row in rows[-4:]}
            if len(both):
                words.append(f"{step} on {domain}, n = {len(both)}: {counts['fixed']} fixed, {counts['broken']} broken")
    table = pd.DataFrame(rows, columns=["step", "domain", "outcome", "count", "n"])
    table = table[table["n"] > 0].reset_index(drop=True)
    sample = "; ".join(f"{row['domain']} {row['n']}" for row in table.drop_duplicates("domain").to_dict("records"))
    meta = meta_of("Flips", compared, split, f"p = {threshold:g}", sample or "0", oracle_of(compared, DOMAINS))
    return Drawing("flips", table, meta, f"Flips, {split} split: {'; '.join(words) or 'two runs with labelled galaxies are needed'}.")
