"""Runs and their metrics as tables on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daexplore.runs import Run
from daexplore.utils.text import printable
from daexplore.views.plots.metrics_table import metrics_table

__all__ = ["print_account", "print_frame", "print_metrics", "print_runs", "run_name"]

ORACLE = (
    'Rows marked "oracle" used target labels to report, never to train or to choose an epoch.'
    " Intervals: 95%, resampling galaxies."
)


def print_runs(runs: Sequence[Run]) -> None:
    """Test metrics of the given runs at their selected epochs, and where the runs are."""
    for domain, told in (runs[0].info.get("data") or {}).items() if runs else ():
        print_account(domain, told.get("account"))
    for run in runs:
        told = f"{run.label}: epoch {run.selected_epoch} of {run.config.train.epochs}"
        print(printable(f"{told}, {run.path}{_origin(run)}"))
    fixed = [run for run in runs if run.config.model.name == "linear" and run.config.alignments]
    if fixed:
        print(
            f"Warning: the network linear has no encoder, so a loss on its latents changes nothing:"
            f" {fixed[0].method} is noDA but for what acts on its predictions. Train with --network"
            " mlp."
        )
    print_metrics({run_name(run, runs): run.info["metrics"] for run in runs})


def print_account(name: str, told: Mapping[str, Any] | None) -> None:
    """What was read of a set, from its account as JSON types; nothing for sets without one."""
    if told:
        from daexplore.data.account import Account

        print(printable("\n  ".join([f"{name}:", *Account.from_json(told).lines()])))


def print_metrics(metrics: Mapping[str, Mapping[str, Any]], split: str = "test") -> None:
    """A table with one line a run and domain."""
    print_frame(metrics_table(metrics, (split,)))
    print(ORACLE)


def run_name(run: Run, runs: Sequence[Run]) -> str:
    """The label, made unique by the run's hash and start where several have the same."""
    return (
        run.label
        if sum(other.label == run.label for other in runs) == 1
        else f"{run.label} ({run.id})"
    )


def _origin(run: Run) -> str:
    """Which run it started from, and which of that run's bands the new ones take the place of."""
    origin = run.info.get("transfer")
    if not origin:
        return ""
    bands = ", ".join(
        f"{pair['new']} in the place of {pair['run']}"
        for pair in origin["bands"]
        if pair["new"] != pair["run"]
    )
    return (
        f"\n  started from {origin['run']}, epoch"
        f" {origin['epoch']}{'; bands by position: ' + bands if bands else ''}"
    )


def _cell(value: object) -> Text:
    """As it is: a name in square brackets is no markup."""
    return Text(printable(str(value)))


def print_frame(frame: pd.DataFrame) -> None:
    """A table on the terminal, as wide as it needs to be."""
    table = Table(box=None, header_style="bold")
    for name in frame.columns:
        table.add_column(_cell(name))
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    # Not cut to the terminal's width where the output goes to a file: a table is read by people and
    # by grep.
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
