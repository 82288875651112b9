"""Terminal report of a sweep: plan, progress and result."""

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from daexplore.cli.shared.output import print_frame, print_runs
from daexplore.config import RunConfig, config_hash, differences
from daexplore.engine.sweeps.launch import Resources, SweepLauncher, default_parallel, job_log
from daexplore.engine.sweeps.plan import Outcome, PlannedRun, find_run
from daexplore.methods import method_label
from daexplore.runs import RunStore

__all__ = ["print_plan", "print_progress", "print_results"]

_INTERVAL = 0.5  # [s]
_FAULT, _BAD_INPUT = 1, 2


def print_plan(
    planned: Sequence[PlannedRun], followed: Sequence[RunConfig], resources: Resources, runs: Path
) -> None:
    """A table with one line a training: what is done, resumed, or started."""
    settings = _settings([item.config for item in planned])
    rows = []
    for item, setting in zip(planned, settings, strict=True):
        rows.append(
            {
                "method": method_label(item.config.method),
                "seed": item.config.seed,
                **setting,
                "what happens": _what(item, followed),
            }
        )
    print_frame(pd.DataFrame(rows))
    busy = [item for item in planned if item.config in followed]
    counted = {
        "done": sum(item.state == "finished" for item in planned),
        "under way elsewhere": len(busy),
        "to go on with": sum(item.state == "resume" and item not in busy for item in planned),
        "to start": sum(item.state == "new" and item not in busy for item in planned),
    }
    where = "one after another in this process"
    if resources.cluster != "debug":
        where = (
            "by Slurm"
            if resources.cluster == "slurm"
            else f"{resources.parallel or default_parallel()} at a time on this machine"
        )
    counts = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    print(f"{len(planned)} trainings in {runs}: {counts}; {where}.", flush=True)


def _what(item: PlannedRun, followed: Sequence[RunConfig]) -> str:
    if item.state == "finished" and item.run:
        return f"done: {item.run.id}"
    if item.config in followed:
        return f"under way elsewhere: {item.run.id}" if item.run else "in the queue of Slurm"
    if item.run:
        return (
            f"resumes after epoch {max(item.run.evaluated, default=0)} ({item.run.status}):"
            f" {item.run.id}"
        )
    return "starts"


def _settings(configs: Sequence[RunConfig]) -> list[dict[str, str]]:
    """Of each config the settings in which trainings of one method and seed differ: what a method
    brings along is said by its name.
    """
    groups: dict[tuple[str, int], list[RunConfig]] = {}
    for config in configs:
        groups.setdefault((config.method, config.seed), []).append(config)
    shown = list(dict.fromkeys(name for group in groups.values() for name in differences(group)))
    values = differences(list(configs))
    return [
        {name: "–" if values[name][i] is None else str(values[name][i]) for name in shown}
        for i in range(len(configs))
    ]


def print_progress(launch: SweepLauncher, planned: Sequence[PlannedRun]) -> list[Outcome]:
    """Bars of all trainings until the last has ended, read from the run folders.

    Raises:
        KeyboardInterrupt: the user has had enough; local jobs are interrupted before, Slurm's go
            on.
    """
    ended: list[Outcome] = []
    total = len(launch.waiting)
    names = _names(planned)
    columns = (
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    store = RunStore(launch.runs)
    tasks: dict[str, TaskID] = {}
    try:
        with Progress(*columns, console=Console(stderr=True)) as bars:
            whole = bars.add_task("all", total=max(total, 1), told=f"0 of {total}")
            while launch.waiting:
                for outcome in launch.poll():
                    ended.append(outcome)
                    key = config_hash(outcome.config)
                    if key in tasks:
                        bars.remove_task(tasks.pop(key))
                    bars.console.print(
                        f"{names[key]}: {_how(outcome)}",
                        highlight=False,
                        soft_wrap=True,
                        markup=False,
                    )
                    bars.update(whole, completed=len(ended), told=f"{len(ended)} of {total}")
                store.refresh()
                running = {
                    config_hash(run.config): run
                    for run in reversed(store.runs())
                    if run.status == "running"
                }
                for config in launch.started:
                    key = config_hash(config)
                    if key not in tasks:
                        tasks[key] = bars.add_task(names[key], total=1.0, told="starting")
                    if key in running:
                        told = running[key].info["progress"]
                        bars.update(
                            tasks[key],
                            completed=told["fraction"],
                            told=f"epoch {told['epoch']} of {told['epochs']}",
                        )
                if launch.waiting:
                    time.sleep(_INTERVAL)
    except KeyboardInterrupt:
        left = launch.stop()
        if left:
            print(
                f"Slurm continues the jobs {', '.join(left)}. End them with: scancel"
                f" {' '.join(left)}",
                flush=True,
            )
        print("The same command resumes where this one ended.", flush=True)
        raise
    return ended


def _names(planned: Sequence[PlannedRun]) -> dict[str, str]:
    """Each training's method, seed, and settings where they vary, by its key."""
    settings = _settings([item.config for item in planned])
    return {
        item.key: " · ".join(
            [
                method_label(item.config.method),
                f"seed {item.config.seed}",
                *(f"{name.rpartition('.')[2]} {value}" for name, value in own.items()),
            ]
        )
        for item, own in zip(planned, settings, strict=True)
    }


def _how(outcome: Outcome) -> str:
    if outcome.state == "finished" and outcome.run:
        return f"finished, {outcome.run.path}"
    word = "ended early" if outcome.state == "lost" else outcome.state
    return f"{word}: {outcome.error}" if outcome.error else word


def print_results(planned: Sequence[PlannedRun], ended: Sequence[Outcome], runs: Path) -> int:
    """Print the finished runs, what failed and why, and how to continue.

    Returns:
        The exit code: 0, or 2 if the user can fix all that failed, else 1.
    """
    finished = [
        run
        for run in (find_run(runs, item.config) for item in planned)
        if run is not None and run.status == "finished"
    ]
    if finished:
        print_runs(finished)
        others = len(RunStore(runs).runs()) > len(finished)
        compared = " ".join(str(run.path) for run in finished) if others else str(runs)
        print(f"Compare them with: daexplore compare {compared}")
    failed = [outcome for outcome in ended if outcome.state != "finished"]
    if not failed:
        return 0
    names = _names(planned)
    print(f"\n{len(failed)} of {len(planned)} trainings did not finish:")
    for outcome in failed:
        log = job_log(outcome.config, runs)
        where = f" (log: {log})" if log is not None and log.exists() and not outcome.input else ""
        print(f"  {names[config_hash(outcome.config)]}: {_how(outcome)}{where}")
    print("The same command resumes them.")
    return _BAD_INPUT if all(outcome.input for outcome in failed) else _FAULT
