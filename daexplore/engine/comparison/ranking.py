"""Methods and epochs in an order that no target label has a part in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.engine.comparison.grouping import (
    Method,
    check_comparable,
    group_methods,
    source_judges,
)
from daexplore.engine.training.epoch_selection import DIVERSE, select_epoch
from daexplore.engine.training.label_free_scores import SCORES, run_scores
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["FAILURES", "Ranking", "rank_methods"]

FAILURES = {
    "accuracy": "a method that pays on the source for a gain on the target ranks too low",
    "entropy": "a network that is sure and wrong ranks first",
    "diversity": "misleads where the target's classes have unequal shares",
    "information": "misleads where the target's classes have unequal shares",
    "snd": "prefers constant predictions; chose the worst method on the preset distant",
    "bnm": "misleads where the target's classes have unequal shares",
    "dev": "rests on few galaxies where the domains hardly overlap",
    "mmd2": "small also where classes are swapped; favours methods that minimise it",
    "domain_auc": "small also where classes are swapped; favours methods that minimise it",
}
"""When each score is known to mislead (docs/results/selection.md)."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """What label-free scores say of methods and epochs.

    Attributes:
        methods: a row per method and score: method, score, value (mean over seeds), rank (1 is
            best), passes (of the guard), seeds, n and galaxies (validation images).
        epochs: a row per run and score: run, method, seed, score, epoch, selected.
        order: methods by their mean rank over all scores; those that fail the guard last.
        agreement: Kendall's W of the scores: 1 if all give one order, 0 if none; NaN for one
            method.
        failures: score -> when it misleads.
        notes: what a reader must know.
    """

    methods: pd.DataFrame
    epochs: pd.DataFrame
    order: tuple[str, ...]
    agreement: float
    failures: dict[str, str]
    notes: tuple[str, ...]


def rank_methods(runs: Sequence[Run], report: Callable[[int, int], None] | None = None) -> Ranking:
    """Methods ranked by every score on validation galaxies, and the epoch that each would choose.

    A method passes the guard if its networks beat a constant prediction on the source and do not
    call the target one class (``call_diversity`` of at least a fifth). A method that was not
    trained on source images as they are is not asked to beat a constant there. Methods that target
    labels taught are left out.

    Args:
        runs: runs of the same galaxies.
        report: called with the number of runs done and of all.

    Raises:
        InputError: no run, runs of other galaxies, or none without target labels.
    """
    free = [run for run in runs if not run.config.uses_target_labels]
    if not free:
        raise InputError(
            "There is no run to rank: each was taught by target labels. Give runs of other methods."
        )
    check_comparable(free)
    methods = group_methods(free)
    scored: dict[str, dict[tuple[str, str], float]] = {}
    for number, run in enumerate(free):
        scored[run.id] = run_scores(run.evaluation())
        if report:
            report(number + 1, len(free))
    table = _methods(methods, scored)
    notes = [
        f"{len(runs) - len(free)} runs that target labels taught are left out."
        if len(free) < len(runs)
        else "",
        "" if all(len(each.runs) > 1 for each in methods) else _ONE_SEED,
        "" if all(source_judges(each) for each in methods) else _JUDGED,
    ]
    return Ranking(
        table,
        _epochs(methods),
        _order(table),
        _agreement(table),
        {name: FAILURES[name] for name in dict.fromkeys(table["score"])},
        tuple(note for note in notes if note),
    )


_ONE_SEED = "Some methods have one seed: another seed may change the order."
_JUDGED = (
    "Some methods were not trained on source images as they are: source accuracy and dev do not"
    " judge them fairly."
)


def _methods(
    methods: Sequence[Method], scored: dict[str, dict[tuple[str, str], float]]
) -> pd.DataFrame:
    rows = []
    for method in methods:
        found = [scored[run.id] for run in method.runs]
        evaluation = method.runs[0].evaluation()
        chosen = evaluation.mask(split="validation")
        judged = source_judges(method)
        passes = all(_says_something(each, judged) for each in found)
        for name, (domain, _) in SCORES.items():
            values = [each.get((domain, name), np.nan) for each in found]
            rows.append(
                {
                    "method": method.name,
                    "score": name,
                    "value": float(np.mean(values)),
                    "passes": passes,
                    "seeds": len(found),
                    "n": int(chosen.sum()),
                    "galaxies": len(set(evaluation.group_ids[chosen])),
                }
            )
    table = pd.DataFrame(rows)
    table["rank"] = np.nan
    for name, (_, sign) in SCORES.items():
        here = (table["score"] == name) & table["passes"]
        table.loc[here, "rank"] = (-sign * table.loc[here, "value"]).rank(method="average")
    return table


def _says_something(found: dict[tuple[str, str], float], judged: bool) -> bool:
    accuracy, constant = (found.get(("source", name), np.nan) for name in ("accuracy", "majority"))
    diverse = found.get(("target", "call_diversity"), np.nan)
    return bool((accuracy > constant or not judged) and diverse >= DIVERSE)


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Ranks, a row per method and a column per score that ranks all methods."""
    return table.pivot_table("rank", "method", "score", sort=False).dropna(axis=1)


def _order(table: pd.DataFrame) -> tuple[str, ...]:
    mean = _wide(table).mean(axis=1).sort_values(kind="stable")
    failed = dict.fromkeys(table.loc[~table["passes"], "method"])
    return (*map(str, mean.index), *failed)


def _agreement(table: pd.DataFrame) -> float:
    """Kendall's W with the correction for ties (Kendall & Gibbons 1990, Rank Correlation Methods,
    ch. 6)."""
    ranks = _wide(table).to_numpy(np.float64)
    count, scores = ranks.shape
    if count < 2 or scores < 2:
        return float("nan")
    spread = float(((ranks.sum(axis=1) - ranks.sum() / count) ** 2).sum())
    ties = sum(_ties(column) for column in ranks.T)
    most = scores**2 * (count**3 - count) - scores * ties
    return 12 * spread / most if most > 0 else float("nan")


def _ties(ranks: NDArray[np.float64]) -> float:
    counts = np.unique(ranks, return_counts=True)[1]
    return float((counts**3 - counts).sum())


def _epochs(methods: Sequence[Method]) -> pd.DataFrame:
    rows = []
    for method in methods:
        for run in method.runs:
            history = run.history()
            history = history[~history["oracle"].astype(bool)]
            known = set(history.loc[history["split"] == "validation", "name"])
            for name in SCORES:
                if name not in known:
                    continue
                rule: Any = "source_accuracy" if name == "accuracy" else name
                settings = replace(run.config.train, selection=rule)
                epoch, _ = select_epoch(history, replace(run.config, train=settings))
                rows.append(
                    {
                        "run": run.id,
                        "method": method.name,
                        "seed": run.seed,
                        "score": name,
                        "epoch": epoch,
                        "selected": run.selected_epoch,
                    }
                )
    columns = ["run", "method", "seed", "score", "epoch", "selected"]
    return pd.DataFrame(rows, columns=columns)
