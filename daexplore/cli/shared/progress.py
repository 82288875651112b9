"""Progress bars on the terminal, and JSON lines for a parent process."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from daexplore.engine import Progress as Stage
from daexplore.utils.text import printable

__all__ = ["leads", "simulation_progress", "stage_progress", "training_progress"]

FEW_STEPS = 500


def leads() -> bool:
    """Whether this process speaks for a training; of several that train one run together only the
    first does.
    """
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[values]}", markup=False),
    )
    return Progress(*columns, console=_console())


def _console() -> Console:
    return Console(stderr=True, quiet=not leads())


@contextmanager
def simulation_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar over simulated images."""
    with stage_progress("simulating") as report:
        yield report


@contextmanager
def stage_progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over whatever is counted."""
    with training_progress("") as report:
        yield lambda done, total: report(Stage(name, done, total))


@contextmanager
def training_progress(title: str) -> Iterator[Callable[[Stage], None]]:
    """One bar a stage, with the newest losses and validation values beside it."""
    feed = os.environ.get("DAEXPLORE_PROGRESS")
    told = 0.0
    tasks: dict[str, TaskID] = {}
    if title:
        _console().print(printable(title), style="bold", markup=False, highlight=False)
    with _bars() as bars:

        def report(stage: Stage) -> None:
            nonlocal told
            if stage.stage not in tasks:
                if stage.stage == "training" and stage.total < FEW_STEPS:
                    bars.console.print(
                        f"[yellow]Only {stage.total} training steps: a network trained so little"
                        " looks like one whose adaptation failed. Raise --epochs, or lower the"
                        " batch with --set train.batch_size=16.[/yellow]"
                    )
                tasks[stage.stage] = bars.add_task(stage.stage, total=stage.total, values="")
            bars.update(tasks[stage.stage], completed=stage.done, values=_values(stage))
            if feed and (time.monotonic() - told > 0.2 or stage.done == stage.total):
                told = time.monotonic()
                _tell(
                    Path(feed),
                    {
                        "stage": stage.stage,
                        "done": stage.done,
                        "total": stage.total,
                        "epoch": stage.epoch,
                    },
                )

        yield report


def _values(stage: Stage) -> str:
    shown = {
        "task": "loss",
        "mmd": "mmd",
        "domain": "domain loss",
        "accuracy/source": "source val. accuracy",
        "mmd2/both": "val. MMD2",
    }
    parts = [
        f"{text} {stage.values[name]:.3f}" for name, text in shown.items() if name in stage.values
    ]
    return "  ".join(([f"epoch {stage.epoch}"] if stage.epoch else []) + parts)


def _tell(feed: Path, message: dict[str, Any]) -> None:
    with feed.open("a") as stream:
        stream.write(json.dumps(message) + "\n")
