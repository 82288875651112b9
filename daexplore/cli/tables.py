"""Runs and their metrics as tables on the terminal and in files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.views.tables import config_differences, metrics_rows, metrics_table

__all__ = ["compare_runs", "print_frame", "print_metrics", "print_runs"]

ORACLE = 'Rows marked "oracle" used target labels to report, never to train or to choose an epoch. Intervals: 95%, resampling galaxies.'


def print_runs(runs: Sequence[Run]) -> None:
    """Test metrics of the given runs at their selected epochs, and where the runs are."""
    for run in runs:
        print(f"{run.label}: epoch {run.selected_epoch} of {run.config.train.epochs}, {run.path}{_origin(run)}")
    print_metrics({_name(run, runs): run.info["metrics"] for run in runs})


def print_metrics(metrics: Mapping[str, Mapping[str, Any]], split: str = "test") -> None:
    """A table with one line a run and domain."""
    print_frame(metrics_table(metrics, (split,)))
    print(ORACLE)


def compare_runs(paths: Sequence[Path], format: str, split: str) -> None:
    """Prints the runs' metrics, as text with the differences of their settings, or as CSV or JSON with one entry a number.

    Raises:
        InputError: no runs there, an unknown format, or a run without metrics.
    """
    if format not in ("text", "csv", "json"):
        raise InputError(f"--format must be text, csv or json; got {format!r}.")
    runs = [run for path in paths for run in _runs(path)]
    if not runs:
        raise InputError(f"There are no runs in {', '.join(map(str, paths))}. Train one with: daexplore train --data demo --method noda")
    unfinished = [run for run in runs if not run.info["metrics"]]
    if unfinished:
        raise InputError(f"The run {unfinished[0].id} has no metrics yet: it is {unfinished[0].status}. Finish it, or leave it out.")
    metrics = {_name(run, runs): run.info["metrics"] for run in runs}
    rows = metrics_rows(metrics, (split,))
    if rows.empty:
        raise InputError(f"None of these runs has metrics on a split {split!r}; there are test and validation.")
    if format == "csv":
        print(rows.to_csv(index=False), end="")
    elif format == "json":
        print(json.dumps(rows.astype(object).where(rows.notna(), None).to_dict("records"), indent=1))
    else:
        print_metrics(metrics, split)
        print("\nWhat differs between their settings:")
        print_frame(config_differences({_name(run, runs): run.config for run in runs}))


def _runs(path: Path) -> list[Run]:
    if (path / "run.json").is_file() or not path.is_dir():
        return [Run(path)]
    store = RunStore(path)
    store.refresh()
    return sorted(store.runs(), key=lambda run: run.id)


def _name(run: Run, runs: Sequence[Run]) -> str:
    """The label, made unique by the run's hash and start where several have the same."""
    return run.label if sum(other.label == run.label for other in runs) == 1 else f"{run.label} ({run.id})"


def _origin(run: Run) -> str:
    """Which run it started from, and which of that run's bands the new ones take the place of."""
    origin = run.info.get("transfer")
    if not origin:
        return ""
    bands = ", ".join(f"{pair['new']} in the place of {pair['run']}" for pair in origin["bands"] if pair["new"] != pair["run"])
    return f"\n  started from {origin['run']}, epoch {origin['epoch']}{'; bands by position: ' + bands if bands else ''}"


def print_frame(frame: pd.DataFrame) -> None:
    """A table on the terminal, as wide as it needs to be."""
    table = Table(*map(str, frame.columns), box=None, header_style="bold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(str, row))
    # Not cut to the terminal's width where the output goes to a file: a table is read by people and by grep.
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
