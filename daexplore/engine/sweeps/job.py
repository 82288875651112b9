"""One training of a sweep, as its worker process runs it."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from daexplore.config import RunConfig, config_hash, from_dict, to_dict
from daexplore.engine.progress import Report, no_report
from daexplore.engine.sweeps.plan import find_run, outcome_file, sweep_folder
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.utils.files import write_json

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

__all__ = ["SweepJob", "train_one"]

_POLL = 0.5  # [s]


def train_one(config: RunConfig, runs: str | Path, report: Report = no_report) -> Run:
    """Train what is not finished yet: resume the run that was started, else begin one. A
    finished run is returned as it is.

    Of several processes that are asked for one config, one trains and the others wait for it, by a
    lock that dies with its holder.

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
        from daexplore.engine.training.train import train

        return (
            train(config, runs, report=report)
            if found is None
            else train(None, resume=found.path, report=report)
        )


class _EndedBySignal(KeyboardInterrupt):
    """The end is asked for by a signal, whose number is the argument: to the training it is an
    interrupt like any other.
    """


@dataclass(frozen=True)
class SweepJob:
    """What a job of submitit calls: one training, described by text.

    submitit hands its jobs over in pickle files. daexplore reads no pickle: this one holds an
    instance of this class with one string, submitit alone reads it, in a folder that only the user
    can enter, and what comes back comes by JSON (see ``outcome``), never by submitit's result file.

    Args:
        task: JSON with "config", "runs" (an absolute path) and "environment" (variables to set;
            null removes).
    """

    task: str

    def __call__(self) -> None:
        """Train, and write how it ended. An error is written there, not raised: it is this
        training's, not the sweep's.
        """
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
        """What submitit puts in the queue again when the job's time is up: the same, which then
        continues from the last epoch.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    @staticmethod
    def of(
        config: RunConfig, runs: str | Path, environment: Mapping[str, str | None]
    ) -> "SweepJob":
        """The work that trains ``config``."""
        return SweepJob(
            json.dumps(
                {
                    "config": to_dict(config),
                    "runs": str(Path(runs).absolute()),
                    "environment": dict(environment),
                }
            )
        )


def _set_environment(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _interrupted_by_scheduler() -> Iterator[None]:
    """Let the training leave a run that can continue when submitit warns that time is up, or when a
    local sweep is stopped.

    Only after that submitit has its say: it puts a job whose time is up into the queue again.
    """
    # What a local sweep sends to stop. Under Slurm submitit waits for its own signal, for which
    # this one is only a herald.
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


def _tell(
    config: RunConfig, runs: Path, state: str, error: str = "", mendable: bool = False
) -> None:
    write_json(outcome_file(runs, config), {"state": state, "error": error, "input": mendable})
