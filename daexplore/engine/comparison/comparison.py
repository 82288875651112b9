"""Comparison of runs on the same galaxies: tables, notes and verdicts."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.domains import DOMAINS
from daexplore.engine.comparison import tables
from daexplore.engine.comparison.differences import deciding_metric, difference_table
from daexplore.engine.comparison.evidence import label_free_evidence, oracle_evidence
from daexplore.engine.comparison.grouping import (
    Method,
    check_comparable,
    common_sample,
    group_methods,
)
from daexplore.engine.comparison.resampling import MethodResamples, resample_method
from daexplore.engine.comparison.verdict import Verdict, label_free_verdict, oracle_verdict
from daexplore.errors import InputError
from daexplore.notebook_html import card, interval_text, table
from daexplore.runs import Run
from daexplore.runs.store import find_runs

__all__ = ["Comparison", "comparison_card"]


class Comparison:
    """Runs gathered into methods by their settings apart from the seed, each at its selected epoch,
    each against a baseline.

    Intervals are over galaxies, the same resamples in all methods, and over seeds where a method
    has several (``analysis.paired.combine``). Every table says on how many images and galaxies a
    number rests and, in the column ``oracle``, whether target labels were used.

    Args:
        runs: runs, folders of runs, or folders that hold runs.
        baseline: name of a method, as in ``methods``, or the name it has in run.json; None takes
            noDA, if it is among the runs.
        split: "test" or "validation".
        resamples: of galaxies.
        level: coverage of the intervals.
        seed: of all draws.
        report: called with the number of runs done and of all runs.

    Raises:
        InputError: no runs, runs without an evaluation, runs of different galaxies, splits or
            classes, or no such baseline.
    """

    def __init__(
        self,
        runs: Sequence[Run | str | Path],
        baseline: str | None = None,
        split: str = "test",
        resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self.runs = tuple(run for each in runs for run in _opened(each))
        self.split, self.level, self.seed, self.resamples = split, level, seed, resamples
        if not self.runs:
            raise InputError(
                "There are no runs to compare. Train some with: daexplore train --data demo"
                " --method noda"
            )
        for run in self.runs:
            if run.selected_epoch is None:
                raise InputError(
                    f"The run {run.id} has no evaluated epoch yet: it is {run.status}. Finish it,"
                    " or leave it out."
                )
        check_comparable(self.runs)
        self.methods = group_methods(self.runs)
        self.baseline = _baseline(self.methods, baseline)
        self.sample = common_sample(self.runs, split)
        weights = group_weights(self.sample.groups, resamples, seed)
        total, done = sum(len(method.runs) for method in self.methods), 0

        def step() -> None:
            nonlocal done
            done += 1
            if report:
                report(done, total)

        self._weights = weights
        self._drawn = [
            resample_method(method, self.sample, weights, min(resamples, _FEW), seed, step, level)
            for method in self.methods
        ]

    def __repr__(self) -> str:
        names = ", ".join(f"{method.name} x {len(method.runs)}" for method in self.methods)
        return (
            f"Comparison({names}; baseline {self.baseline.name if self.baseline else None},"
            f" {self.split})"
        )

    def _repr_html_(self) -> str:
        return comparison_card(self)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, …"""
        return self.runs[0].classes

    @property
    def oracle(self) -> Method | None:
        """The method that target labels taught, if there is just one."""
        found = [method for method in self.methods if method.oracle]
        return found[0] if len(found) == 1 else None

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Each number of each method: mean over seeds, interval, band of the seeds."""
        return tables.metric_table(self._drawn, self.sample, self.level, self.seed)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Each method minus the baseline, number by number."""
        return difference_table(
            self._drawn, self._of(self.baseline), self.sample, self.level, self.seed
        )

    @cached_property
    def flips(self) -> pd.DataFrame:
        """Labelled images fixed, broken and unchanged, with McNemar's test."""
        return tables.flip_table(self._drawn, self._of(self.baseline), self.sample)

    @cached_property
    def drift(self) -> pd.DataFrame:
        """Images whose class changes, beside the change between seeds; no labels used."""
        return tables.drift_table(
            self._drawn, self._of(self.baseline), self.sample, self._weights, self.level
        )

    @cached_property
    def shares(self) -> pd.DataFrame:
        """The target's class shares as called and as estimated."""
        return tables.share_table(self._drawn, self.sample, self.classes, self.level, self.seed)

    @cached_property
    def gap(self) -> pd.DataFrame:
        """Share of the gap between baseline and oracle that each method closes; empty without an
        oracle among the runs.
        """
        return tables.gap_table(
            self._drawn,
            self._of(self.baseline),
            self._of(self.oracle),
            self.sample,
            self.level,
            self.seed,
        )

    @cached_property
    def settings(self) -> pd.DataFrame:
        """The settings in which the methods differ."""
        return tables.settings_table(self.methods)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """For each method but baseline and oracle: what can be said without target labels, and,
        where there are any, with them.
        """
        found: list[Verdict] = []
        for method in self.methods:
            if (
                self.baseline is None
                or self.baseline.oracle
                or method is self.baseline
                or method.oracle
            ):
                continue
            found.append(
                label_free_verdict(
                    label_free_evidence(method, self.baseline, self.tables(), self.classes)
                )
            )
            deciding = deciding_metric(self.sample)
            oracle = oracle_evidence(method, self.baseline, self.tables(), deciding)
            if oracle is not None:
                found.append(oracle_verdict(oracle))
        return tuple(found)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the tables."""
        sample, notes = self.sample, []
        if len(sample.sample_ids) < sample.largest:
            notes.append(
                f"Only the {len(sample.sample_ids)} of {sample.largest} {self.split} images that"
                " all runs evaluated are compared."
            )
        if self.baseline is None and len(self.methods) > 1:
            notes.append(
                "There is no noDA among these runs to compare with; name a baseline: "
                + ", ".join(m.name for m in self.methods)
                + "."
            )
        if sum(method.oracle for method in self.methods) > 1:
            notes.append(
                "Several oracles differ in their settings: no share of the gap is given. Leave all"
                " but one out."
            )
        if not (sample.inside("target") & (sample.labels >= 0)).any():
            notes.append("The target has no labels here: its accuracy is unknown.")
        return tuple(notes)

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name: metrics, differences, flips, drift, shares, gap, settings."""
        return {
            name: getattr(self, name)
            for name in ("metrics", "differences", "flips", "drift", "shares", "gap", "settings")
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types, but for the tables, which are data frames."""
        counts = {
            domain: {
                "n": int(self.sample.inside(domain).sum()),
                "galaxies": len(set(self.sample.groups[self.sample.inside(domain)])),
            }
            for domain in DOMAINS
        }
        return {
            "split": self.split,
            "counts": counts,
            "baseline": self.baseline.name if self.baseline else None,
            "methods": [
                {
                    "name": m.name,
                    "oracle": m.oracle,
                    "runs": [run.id for run in m.runs],
                    "seeds": [run.seed for run in m.runs],
                }
                for m in self.methods
            ],
            "classes": list(self.classes),
            "level": self.level,
            "resamples": self.resamples,
            "seed": self.seed,
            "notes": list(self.notes),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    def _of(self, method: Method | None) -> MethodResamples | None:
        return next((drawn for drawn in self._drawn if drawn.method is method), None)


_FEW = 200


def _opened(given: Run | str | Path) -> list[Run]:
    return [given] if isinstance(given, Run) else find_runs(given)


def _baseline(methods: Sequence[Method], name: str | None) -> Method | None:
    wanted = "noda" if name is None else name
    found = [
        method
        for method in methods
        if wanted in (method.name, method.runs[0].method) or method.name.lower() == wanted.lower()
    ]
    if name is None and len(methods) > 1:
        found = [method for method in found if method.runs[0].config.transfer is None]
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(method.name) for method in methods)
    if found and len(methods) > 1:
        raise InputError(
            f"Several methods could be the baseline {wanted!r}: name one of {names} in full."
        )
    if name is not None:
        raise InputError(f"No method among these runs is called {name!r}; there are {names}.")
    return None


_SHOWN = {"accuracy": "accuracy", "auc": "AUC", "brier": "Brier"}


def comparison_card(comparison: "Comparison") -> str:
    """HTML with the verdicts and each method's difference from the baseline; with the methods' own
    numbers where there is no baseline.
    """
    about, base = comparison.to_dict(), comparison.baseline
    methods = ", ".join(
        f"{method.name} × {len(method.runs)}" for method in comparison.methods if method is not base
    )
    against = f"{base.name} × {len(base.runs)}" if base else ""
    counts = "; ".join(
        f"{domain}: {found['n']} images of {found['galaxies']} galaxies"
        for domain, found in about["counts"].items()
    )
    verdicts = table(
        ("method", "target labels", "did it help?", ""),
        [
            (each.method, "oracle" if each.oracle else "not used", each.outcome, each.sentence)
            for each in comparison.verdicts
        ],
    )
    differs = base is not None and len(comparison.differences) > 0
    what = (
        f"Method minus {base.name}, on the same galaxies" if base and differs else "Mean over seeds"
    )
    note = (
        f"{what}; {comparison.level:.0%} intervals over galaxies and, from two seeds on, over"
        " seeds. oracle: target labels were used."
    )
    lines = [f"{about['split']} split, {counts}", *comparison.notes]
    title = f"{methods} against {against}" if methods and against else methods or against
    return card(
        title,
        lines,
        verdicts,
        _numbers(comparison.differences if differs else comparison.metrics, "+" if differs else ""),
        card("", [note]),
    )


def _numbers(found: pd.DataFrame, sign: str) -> str:
    rows = []
    for (method, domain), part in found[
        found["name"].isin(list(_SHOWN)) & (found["domain"] != "both")
    ].groupby(["method", "domain"], sort=False):
        its = {
            row["name"]: interval_text(row["value"], row["low"], row["high"], sign=sign)
            for row in part.to_dict("records")
        }
        labels = "oracle" if part["oracle"].any() else "known"
        rows.append(
            (
                str(method),
                str(domain),
                str(part["n"].max()),
                labels,
                *(its.get(name, "–") for name in _SHOWN),
            )
        )
    return table(("method", "domain", "n", "labels", *_SHOWN.values()), rows)
