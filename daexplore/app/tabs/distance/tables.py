"""Distance tables of the selected runs, and the tasks that complete them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daexplore.app.core.compute import Task
from daexplore.app.default_runs import fingerprints
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.distance.tasks import (
    bandwidths_of,
    measure_task,
    null_task,
    ranking_task,
    verdict_task,
)
from daexplore.domains import DOMAINS
from daexplore.runs import Run

if TYPE_CHECKING:
    from daexplore.engine.comparison.ranking import Ranking
    from daexplore.engine.comparison.verdict import Verdict
    from daexplore.engine.distance.domain_distance import DomainDistance

__all__ = ["MOST_TESTED", "DistanceTables", "RunVerdict", "newest_per_seed"]

MOST_TESTED = 40
"""Epochs of a run whose null band is computed at most, evenly spread."""

_CURVE = (
    "run",
    "epoch",
    "value",
    "null_low",
    "null_high",
    "p_value",
    "effect",
    "shown",
    "n_source",
    "n_target",
)
_PATH = ("run", "seed", "own", "epoch", "mmd2", "accuracy", "selected", "n")


@dataclass(frozen=True)
class RunVerdict:
    """What is said of a run against the first one.

    Attributes:
        run: its label.
        against: the first run's.
        verdicts: the label-free one, then, where the target has labels, the oracle's; empty if
            there is none, or none yet.
        seeds: trainings of the first run's settings and of the run's that it rests on.
        note: why there is none.
    """

    run: str
    against: str
    verdicts: "tuple[Verdict, ...]"
    seeds: tuple[int, int]
    note: str = ""


def newest_per_seed(state: ExplorerState, run: Run) -> list[Run]:
    """The newest finished run of every further seed with the settings and galaxies of ``run``, by
    seed.
    """
    from daexplore.engine.comparison.grouping import group_methods

    alike = [
        other
        for other in state.evaluated_runs
        if (other.method, fingerprints(other), other.classes)
        == (run.method, fingerprints(run), run.classes)
        and other.seed != run.seed
        and other.status == "finished"
    ]
    method = next(method for method in group_methods([run, *alike]) if run in method.runs)
    return [other for other in method.runs if other is not run]


class DistanceTables:
    """Tables of what the state shows. Nothing here computes for long: ``tasks`` says what is
    missing, and once done it is in the tables.

    Args:
        state: runs, epoch and split.
    """

    def __init__(self, state: ExplorerState) -> None:
        self._state = state
        self._siblings: dict[tuple[int, str], list[Run]] = {}

    @property
    def bandwidths(self) -> tuple[float, ...]:
        """The one set of the comparison: the first run's."""
        return bandwidths_of(self._state.runs[0]) if self._state.runs else ()

    def tasks(self) -> list[Task]:
        """All that is shown and takes a moment, what matters most first."""
        state = self._state
        found = [self._measure(run) for run in state.runs]
        found += [self._verdict(run) for run in state.runs[1:]]
        found += [self._ranking()] if len(state.runs) > 1 else []
        for run in state.runs:
            found += [
                self._null(run, epoch) for epoch in _spread_out(run.evaluated, state.epoch_of(run))
            ]
        return found

    def curves(self) -> pd.DataFrame:
        """The MMD^2 of every epoch, from the history at once, with its null band where the test is
        done.

        Returns:
            Columns run, epoch, value, null_low, null_high, p_value, effect (NaN where not tested),
            shown, n_source, n_target.
        """
        rows: list[dict[str, Any]] = []
        for run in self._state.runs:
            label, shown = self._state.label(run), self._state.epoch_of(run)
            logged = (
                self._logged(run, "mmd2", "both") if bandwidths_of(run) == self.bandwidths else {}
            )
            counts = {
                f"n_{domain}": int(run.evaluation(shown).mask(domain, self._state.split).sum())
                for domain in DOMAINS
            }
            for epoch in run.evaluated:
                task = self._null(run, epoch)
                test = task.memo.peek(task.key)
                if test is None and epoch not in logged:
                    continue
                row = {
                    "run": label,
                    "epoch": epoch,
                    "value": logged.get(epoch, np.nan),
                    "shown": epoch == shown,
                    **counts,
                }
                if test is not None:
                    row |= {
                        "null_low": test.low,
                        "null_high": test.high,
                        "p_value": test.p_value,
                        "effect": test.effect,
                    }
                    row["value"] = logged.get(epoch, test.value)
                rows.append(row)
        return _table(rows, _CURVE, text=("run",))

    def paths(self) -> pd.DataFrame:
        """MMD^2 and target accuracy (oracle, of the most probable class) of every epoch, of each
        run and of its further seeds.

        Returns:
            Columns run (the label of the run on screen), seed, own, epoch, mmd2, accuracy,
            selected, n (labelled target images).
        """
        rows: list[dict[str, Any]] = []
        for run in self._state.runs:
            label = self._state.label(run)
            for each in (run, *self.seed_group(run)):
                if bandwidths_of(each) != self.bandwidths:
                    continue
                mmd2, accuracy = (
                    self._logged(each, "mmd2", "both"),
                    self._logged(each, "accuracy", "target"),
                )
                about = {
                    "run": label,
                    "seed": each.seed,
                    "own": each is run,
                    "n": self._labelled(each),
                }
                rows += [
                    {
                        **about,
                        "epoch": epoch,
                        "mmd2": value,
                        "accuracy": accuracy[epoch],
                        "selected": epoch == each.selected_epoch,
                    }
                    for epoch, value in sorted(mmd2.items())
                    if epoch in accuracy
                ]
        return _table(rows, _PATH, text=("run",))

    def measured(self, run: Run) -> "DomainDistance | None":
        """All measures of a run at the epoch shown, once they are there."""
        task = self._measure(run)
        found: DomainDistance | None = task.memo.peek(task.key)
        return found

    def measures(self) -> pd.DataFrame:
        """``DomainDistance.measures`` of all runs that are measured, with the columns run and
        epoch.
        """
        parts = []
        for run in self._state.runs:
            found = self.measured(run)
            if found is not None:
                parts.append(
                    found.measures.assign(run=self._state.label(run), epoch=found.metadata["epoch"])
                )
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def judgements(self, failures: dict[Any, str]) -> list[RunVerdict]:
        """What is said of each run against the first one.

        Args:
            failures: why tasks could not be done, by key.
        """
        runs = self._state.runs
        found = []
        for run in runs[1:]:
            task = self._verdict(run)
            verdicts = task.memo.peek(task.key)
            note = failures.get(task.key, "Being computed …") if verdicts is None else ""
            if verdicts == ():
                note = (
                    "One of the two was taught by target labels: whether that helped is no"
                    " question."
                )
            seeds = 1 + len(self.seed_group(runs[0])), 1 + len(self.seed_group(run))
            found.append(
                RunVerdict(
                    self._state.label(run), self._state.label(runs[0]), verdicts or (), seeds, note
                )
            )
        return found

    def ranking(self) -> "Ranking | None":
        """The methods on screen ranked without target labels, once computed."""
        if len(self._state.runs) < 2:
            return None
        task = self._ranking()
        found: Ranking | None = task.memo.peek(task.key)
        return found

    def notes(self) -> list[str]:
        """What a reader must know beside the figures."""
        runs = self._state.runs
        others = [run for run in runs if bandwidths_of(run) != self.bandwidths]
        found = [
            f"{self._state.label(run)} was logged with other bandwidths"
            f" ({_numbers(bandwidths_of(run))}): its MMD² is computed again with those of the first"
            " run, and its path is left out."
            for run in others
        ]
        for run in runs:
            tested = len(_spread_out(run.evaluated, self._state.epoch_of(run)))
            if tested < len(run.evaluated):
                found.append(
                    f"{self._state.label(run)}: null bands at {tested} of {len(run.evaluated)}"
                    " epochs."
                )
        return found

    def failures(self, failures: dict[Any, str]) -> list[str]:
        """Why runs are not measured at the epoch shown."""
        keys = {self._measure(run).key: run for run in self._state.runs}
        return [
            f"{self._state.label(run)}: {failures[key]}"
            for key, run in keys.items()
            if key in failures
        ]

    def seed_group(self, run: Run) -> list[Run]:
        """As the function, once for each change of the runs folder."""
        key = self._state.revision, run.id
        if key not in self._siblings:
            self._siblings = {
                known: value for known, value in self._siblings.items() if known[0] == key[0]
            }
            self._siblings[key] = newest_per_seed(self._state, run)
        return self._siblings[key]

    def _measure(self, run: Run) -> Task:
        return measure_task(
            run,
            self._state.epoch_of(run),
            self._state.split,
            self.bandwidths,
            self._state.label(run),
        )

    def _null(self, run: Run, epoch: int) -> Task:
        return null_task(run, epoch, self._state.split, self.bandwidths, self._state.label(run))

    def _verdict(self, run: Run) -> Task:
        groups = [[each, *self.seed_group(each)] for each in (self._state.runs[0], run)]
        return verdict_task(groups[0], groups[1], self._state.split, self._state.label(run))

    def _ranking(self) -> Task:
        shown = self._state.runs
        found = {each.id: each for run in shown for each in (run, *self.seed_group(run))}
        return ranking_task(list(found.values()))

    def _logged(self, run: Run, name: str, domain: str) -> dict[int, float]:
        history = run.history()
        rows = history[
            (history["name"] == name)
            & (history["domain"] == domain)
            & (history["split"] == self._state.split)
        ]
        return {
            int(epoch): float(value)
            for epoch, value in zip(rows["epoch"], rows["value"], strict=True)
            if np.isfinite(value)
        }

    def _labelled(self, run: Run) -> int:
        found = run.evaluation()
        return int((found.mask("target", self._state.split) & (found.labels >= 0)).sum())


def _spread_out(epochs: list[int], shown: int) -> list[int]:
    """At most ``MOST_TESTED`` of the epochs, the first, the last and the one shown among them."""
    if len(epochs) <= MOST_TESTED:
        return epochs
    places = np.linspace(0, len(epochs) - 1, MOST_TESTED - 1).round().astype(int)
    return sorted({shown, *(epochs[place] for place in places)})


def _table(
    rows: list[dict[str, Any]], columns: tuple[str, ...], text: tuple[str, ...]
) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    kinds: dict[str, Any] = {name: bool for name in ("shown", "own", "selected") if name in columns}
    numbers = {name: np.float64 for name in columns if name not in kinds and name not in text}
    whole = {
        name: np.int64 for name in columns if name in ("epoch", "seed", "n", "n_source", "n_target")
    }
    return table.astype(kinds | numbers | whole)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
