"""A sweep of trainings: what of it is there already, and one training of it, begun or gone on with wherever it is wanted."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from daexplore.config import RunConfig, config_hash, from_dict, to_dict
from daexplore.engine.progress import Report, quiet
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.utils.files import read_json, write_json

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

__all__ = ["Outcome", "Planned", "Work", "find_run", "forget", "outcome", "plan", "sweep_folder", "train_one"]

# What is best to have of one config, where a folder holds several runs of it.
_BEST = ("finished", "running", "stopped", "interrupted", "failed")
_POLL = 0.5  # [s]


@dataclass(frozen=True)
class Planned:
    """One training of a sweep.

    Attributes:
        config: what to train, its seed included.
        run: the run of this config that is there already, or None.
        state: "finished"; "running" in some process that is not ours; "resume": it was begun, and has ended early; "new".
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
        state: "finished", "failed" (an error: ``error`` says which), "stopped" (asked to), or "lost" (it ended without a word).
        error: one line, empty where there was none.
        input: whether the user can mend the error.
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


def plan(configs: Sequence[RunConfig], runs: str | Path) -> list[Planned]:
    """What there is of each config beneath ``runs``; equal configs are one training."""
    there = _by_hash(runs)
    states: dict[str, Literal["finished", "running", "resume"]] = {"finished": "finished", "running": "running"}
    found = []
    for key, config in {config_hash(config): config for config in configs}.items():
        run = there.get(key)
        found.append(Planned(config, run, states.get(run.status, "resume") if run else "new"))
    return found


def find_run(runs: str | Path, config: RunConfig) -> Run | None:
    """The run of this very config (seed included) beneath ``runs`` that has come furthest, or None."""
    return _by_hash(runs).get(config_hash(config))


def _by_hash(runs: str | Path) -> dict[str, Run]:
    best: dict[str, tuple[int, int, Run]] = {}
    for run in RunStore(runs).runs():
        try:
            # Hashed anew: a setting that daexplore has learned since the run was made stands at its default there.
            key = config_hash(run.config)
        except InputError:
            continue
        rank = (_BEST.index(run.status), -max(run.evaluated, default=0))
        if key not in best or rank < best[key][:2]:
            best[key] = (*rank, run)
    return {key: entry[2] for key, entry in best.items()}


def train_one(config: RunConfig, runs: str | Path, report: Report = quiet) -> Run:
    """Trains what is not finished yet: goes on with the run that was begun, else begins one. A finished run is returned as it is.

    Of several processes that are asked for one config, one trains and the others wait for it, by a lock that dies with its holder.

    Raises:
        InputError: whatever a training raises.
    """
    from filelock import FileLock

    lock = sweep_folder(runs) / "locks" / f"{config_hash(config)}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock).acquire(poll_interval=_POLL):
        found = find_run(runs, config)
        # A training that no sweep started holds no lock.
        while found is not None and found.status == "running":
            time.sleep(_POLL)
            found.reload()
        if found is not None and found.status == "finished":
            return found
        from daexplore.engine.train import train

        return train(config, runs, report=report) if found is None else train(None, resume=found.path, report=report)


class _EndedBySignal(KeyboardInterrupt):
    """The end is asked for by a signal, whose number is the argument: to the training it is an interrupt like any other."""


@dataclass(frozen=True)
class Work:
    """What a job of submitit calls: one training, told by text.

    submitit hands its jobs over in pickle files. The house reads no pickle: this one holds an instance of this class with one string,
    submitit alone reads it, in a folder that only the user can enter, and what comes back comes by JSON (see ``outcome``), never by
    submitit's result file.

    Args:
        task: JSON with "config", "runs" (an absolute path) and "environment" (variables to set; null removes).
    """

    task: str

    def __call__(self) -> None:
        """Trains, and writes how it ended. An error is told there, not raised: it is this training's, not the sweep's."""
        told = json.loads(self.task)
        _set_environment(told["environment"])
        config, runs = from_dict(RunConfig, told["config"]), Path(told["runs"])
        with _interrupted_by_scheduler():
            try:
                train_one(config, runs)
                _tell(config, runs, "finished")
            except InputError as error:
                _tell(config, runs, "failed", str(error), True)
            except KeyboardInterrupt:
                _tell(config, runs, "stopped")
                raise
            except Exception as error:
                import traceback

                traceback.print_exc()
                _tell(config, runs, "failed", f"{type(error).__name__}: {error}")

    def checkpoint(self) -> "DelayedSubmission":
        """What submitit puts in the queue again when the job's time is up: the same, which then goes on from the last epoch."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    @staticmethod
    def of(config: RunConfig, runs: str | Path, environment: Mapping[str, str | None]) -> "Work":
        """The work that trains ``config``."""
        return Work(json.dumps({"config": to_dict(config), "runs": str(Path(runs).absolute()), "environment": dict(environment)}))


def _set_environment(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _interrupted_by_scheduler() -> Iterator[None]:
    """Lets the training leave a run that can go on when submitit warns that time is up, or when a local sweep is stopped.

    Only after that submitit has its say: it puts a job whose time is up into the queue again.
    """
    # What a local sweep sends to stop. Under Slurm submitit waits for its own signal, for which this one is only a herald.
    numbers = [signal.SIGTERM] if os.environ.get("SUBMITIT_EXECUTOR") == "local" else []
    warning = getattr(signal, "SIGUSR2", None)
    theirs = signal.getsignal(warning) if warning else None
    if warning and callable(theirs):
        numbers.append(warning)
    before = [signal.signal(number, _leave) for number in numbers]
    try:
        yield
    except _EndedBySignal as ended:
        if ended.args[0] == warning and callable(theirs):
            theirs(ended.args[0], None)
        raise
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _leave(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise _EndedBySignal(signum)


def _outcome_file(runs: Path, config: RunConfig) -> Path:
    return sweep_folder(runs) / "outcomes" / f"{config_hash(config)}.json"


def _tell(config: RunConfig, runs: Path, state: str, error: str = "", mendable: bool = False) -> None:
    write_json(_outcome_file(runs, config), {"state": state, "error": error, "input": mendable})


def forget(config: RunConfig, runs: str | Path) -> None:
    """Removes what an earlier job said of this training."""
    _outcome_file(Path(runs), config).unlink(missing_ok=True)


def outcome(config: RunConfig, runs: str | Path) -> Outcome:
    """How the training of ``config`` ended, once its job has: by its run, else by what the job wrote."""
    run = find_run(runs, config)
    if run is not None and run.status == "finished":
        return Outcome(config, "finished", "", False, run)
    file = _outcome_file(Path(runs), config)
    told: dict[str, Any] = read_json(file) if file.exists() else {}
    if told.get("state") in ("failed", "stopped"):
        return Outcome(config, told["state"], str(told["error"]), bool(told["input"]), run)
    if run is not None and run.status in ("failed", "stopped"):
        status: Literal["failed", "stopped"] = "failed" if run.status == "failed" else "stopped"
        return Outcome(config, status, run.info.get("error") or "", False, run)
    return Outcome(config, "lost", "its process ended without a word, as one does that is killed or out of memory", False, run)
