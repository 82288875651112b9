"""Plan of a sweep: which trainings exist, and which are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daexplore.config import RunConfig, config_hash
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.utils.files import read_json

__all__ = [
    "Outcome",
    "PlannedRun",
    "find_run",
    "forget",
    "outcome",
    "outcome_file",
    "plan",
    "sweep_folder",
]


# What is best to have of one config, where a folder holds several runs of it.
_BEST = ("finished", "running", "stopped", "interrupted", "failed")


@dataclass(frozen=True)
class PlannedRun:
    """One training of a sweep.

    Attributes:
        config: what to train, its seed included.
        run: the run of this config that is there already, or None.
        state: "finished"; "running" in some process that is not ours; "resume": it was started, and
            has ended early; "new".
    """

    config: RunConfig
    run: Run | None
    state: Literal["finished", "running", "resume", "new"]

    @property
    def key(self) -> str:
        """The config's hash, which no other training of the sweep has."""
        return config_hash(self.config)


@dataclass(frozen=True)
class Outcome:
    """How a training of a sweep ended.

    Attributes:
        config: what was trained.
        state: "finished", "failed" (an error: ``error`` says which), "stopped" (asked to), or
            "lost" (it ended without a word).
        error: one line, empty where there was none.
        input: whether the user can fix the error.
        run: its run, where it came so far.
    """

    config: RunConfig
    state: Literal["finished", "failed", "stopped", "lost"]
    error: str
    input: bool
    run: Run | None


def sweep_folder(runs: str | Path) -> Path:
    """Where sweeps keep locks, outcomes and logs, beside the runs."""
    return Path(runs) / ".sweep"


def plan(configs: Sequence[RunConfig], runs: str | Path) -> list[PlannedRun]:
    """What there is of each config below ``runs``; equal configs are one training."""
    there = _by_hash(runs)
    states: dict[str, Literal["finished", "running", "resume"]] = {
        "finished": "finished",
        "running": "running",
    }
    found = []
    for key, config in {config_hash(config): config for config in configs}.items():
        run = there.get(key)
        found.append(PlannedRun(config, run, states.get(run.status, "resume") if run else "new"))
    return found


def find_run(runs: str | Path, config: RunConfig) -> Run | None:
    """The run of this very config (seed included) below ``runs`` that has come furthest, or
    None.
    """
    return _by_hash(runs).get(config_hash(config))


def _by_hash(runs: str | Path) -> dict[str, Run]:
    best: dict[str, tuple[int, int, Run]] = {}
    for run in RunStore(runs).runs():
        try:
            # Hashed again: a setting that daexplore has learned since the run was made is at its
            # default there.
            key = config_hash(run.config)
        except InputError:
            continue
        rank = (_BEST.index(run.status), -max(run.evaluated, default=0))
        if key not in best or rank < best[key][:2]:
            best[key] = (*rank, run)
    return {key: entry[2] for key, entry in best.items()}


def outcome_file(runs: Path, config: RunConfig) -> Path:
    """Where a job says how the training of ``config`` ended."""
    return sweep_folder(runs) / "outcomes" / f"{config_hash(config)}.json"


def forget(config: RunConfig, runs: str | Path) -> None:
    """Remove what an earlier job said of this training."""
    outcome_file(Path(runs), config).unlink(missing_ok=True)


def outcome(config: RunConfig, runs: str | Path) -> Outcome:
    """How the training of ``config`` ended, once its job has: by its run, else by what the job
    wrote.
    """
    run = find_run(runs, config)
    if run is not None and run.status == "finished":
        return Outcome(config, "finished", "", False, run)
    file = outcome_file(Path(runs), config)
    told: dict[str, Any] = read_json(file) if file.exists() else {}
    if told.get("state") in ("failed", "stopped"):
        return Outcome(config, told["state"], str(told["error"]), bool(told["input"]), run)
    if run is not None and run.status in ("failed", "stopped"):
        status: Literal["failed", "stopped"] = "failed" if run.status == "failed" else "stopped"
        return Outcome(config, status, run.info.get("error") or "", False, run)
    return Outcome(
        config,
        "lost",
        "its process ended without a word, as one does that is killed or out of memory",
        False,
        run,
    )
