"""The trainings of a sweep as jobs of submitit: on this machine or under Slurm."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from daexplore.config import RunConfig, config_hash
from daexplore.engine.sweeps.job import SweepJob
from daexplore.engine.sweeps.plan import Outcome, PlannedRun, forget, outcome, sweep_folder
from daexplore.errors import InputError
from daexplore.runs import Run, check_root
from daexplore.utils.files import read_json, write_json

__all__ = [
    "ExternalTraining",
    "Resources",
    "SweepLauncher",
    "default_parallel",
    "followed_jobs",
    "job_log",
]

_DAY = 24 * 60  # [min]
_GRACE = 20.0  # [s]
# submitit ends a local job after two minutes unless set otherwise; no one asked for an end on
# one's own machine.
_FOR_EVER = 365 * _DAY
# States in which Slurm will still do something about a job; see sacct(1).
_WAITING = ("PENDING", "RUNNING", "REQUEUED", "RESIZING", "SUSPENDED", "COMPLETING", "CONFIGURING")


@dataclass(frozen=True)
class Resources:
    """Where trainings run, and on what.

    Attributes:
        cluster: "local" processes, "slurm", or "debug": one after another in this process.
        parallel: trainings at a time; None takes ``default_parallel()`` locally, and under Slurm
            what its limits allow.
        timeout_min: of one job [min]; under Slurm a job whose time is up is queued again and goes
            on. None is no limit locally, a day under Slurm.
        partition: of Slurm.
        gpus: a training; None leaves to a local training what this process sees, and asks Slurm for
            none.
        threads: CPU threads a training, reserved under Slurm.
        slurm: further parameters of submitit's Slurm executor, such as {"account": "…", "mem":
            "8GB"}.
    """

    cluster: Literal["local", "slurm", "debug"] = "local"
    parallel: int | None = None
    timeout_min: int | None = None
    partition: str | None = None
    gpus: int | None = None
    threads: int = 1
    slurm: Mapping[str, Any] = field(default_factory=dict)


def default_parallel() -> int:
    """Half of the CPUs that this process may use, at least one: the machine stays usable, and a
    training takes one thread.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cpus // 2)


@dataclass(frozen=True)
class ExternalTraining:
    """A training in a process that is none of this sweep's, as a job that can be asked whether it
    is done.
    """

    run: Run

    def done(self) -> bool:
        """Whether that process has ended, or ended its training."""
        self.run.reload()
        return self.run.status != "running"


def followed_jobs(planned: Sequence[PlannedRun], runs: str | Path) -> list[tuple[RunConfig, Any]]:
    """Of a plan, what others train now, and what an earlier sweep submitted to Slurm and still has
    in its queue: each with its job.
    """
    found: list[tuple[RunConfig, Any]] = []
    for item in planned:
        job: Any = (
            ExternalTraining(item.run)
            if item.state == "running" and item.run
            else _queued(item, runs)
        )
        if job is not None:
            found.append((item.config, job))
    return found


def _queued(item: PlannedRun, runs: str | Path) -> Any | None:
    file = _job_file(runs, item.config)
    told = read_json(file) if item.state != "finished" and file.exists() else {}
    if told.get("cluster") != "slurm":
        return None
    from submitit import SlurmJob

    job: Any = SlurmJob(told["folder"], told["job"], tasks=[0])
    return job if job.get_info().get("State", "").upper().startswith(_WAITING) else None


@dataclass(frozen=True)
class _Here:
    """A training in this process. submitit's own executor for that leaves its log files open, and
    opens a debugger on an error.
    """

    work: SweepJob

    def done(self) -> bool:
        """Train."""
        self.work()
        return True


class SweepLauncher:
    """The jobs of a sweep, under way. Call ``poll`` until ``waiting`` is empty.

    Args:
        configs: to be trained.
        runs: folder of runs.
        resources: where and on what.
        followed: jobs that others started, with what each trains; they are waited for, and never
            stopped.

    Raises:
        InputError: the folder cannot be written to, there is no Slurm here, or submitit does not
            know a parameter.

    Attributes:
        folder: submitit's files of this launch: what the jobs printed, and the script for Slurm.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        runs: str | Path,
        resources: Resources,
        followed: Sequence[tuple[RunConfig, Any]] = (),
    ) -> None:
        self.runs, self.resources = Path(runs), resources
        self.limit = {"slurm": len(configs), "debug": 1}.get(
            resources.cluster, resources.parallel or default_parallel()
        )
        self._to_start = list(configs)
        self._jobs: list[tuple[RunConfig, Any]] = []
        self._followed = list(followed)
        check_root(runs)
        self.folder = sweep_folder(runs).absolute() / "submitit"
        self._executor = self._make_executor() if configs and resources.cluster != "debug" else None

    @property
    def waiting(self) -> list[RunConfig]:
        """What has not ended yet."""
        return [config for config, _ in (*self._jobs, *self._followed)] + self._to_start

    @property
    def started(self) -> list[RunConfig]:
        """What is under way, or in the queue of Slurm."""
        return [config for config, _ in (*self._jobs, *self._followed)]

    def poll(self) -> list[Outcome]:
        """Start what there is room for, and says what has ended since the last call. "debug" trains
        one in here.
        """
        self._submit()
        # ``result`` and ``exception`` of a job would read a pickle file; ``done`` looks at the
        # process, or asks Slurm.
        ended: list[RunConfig] = []
        for jobs in (self._jobs, self._followed):
            done = [entry for entry in jobs if entry[1].done()]
            ended += [config for config, _ in done]
            jobs[:] = [entry for entry in jobs if entry not in done]
            if jobs is self._jobs and self.resources.cluster == "local":
                # They are not needed any more. Slurm may still be asked to run a job again.
                for file in (
                    path
                    for _, job in done
                    for path in (job.paths.submitted_pickle, job.paths.result_pickle)
                ):
                    file.unlink(missing_ok=True)
        return [outcome(config, self.runs) for config in ended]

    def stop(self) -> list[str]:
        """Interrupt the local jobs, which leave runs that can continue, and waits for that. Slurm's
        go on: their numbers are returned.
        """
        if self.resources.cluster == "local":
            for _, job in self._jobs:
                if not job.done():
                    # The process that minds the job passes this on. ``cancel`` would have it end
                    # with a traceback on the terminal.
                    os.kill(int(job.job_id), signal.SIGTERM)
            until = time.monotonic() + _GRACE
            while time.monotonic() < until and not all(job.done() for _, job in self._jobs):
                time.sleep(0.1)
        return (
            []
            if self.resources.cluster != "slurm"
            else sorted({job.job_id.split("_")[0] for _, job in self._jobs})
        )

    def _submit(self) -> None:
        room = self.limit - len(self._jobs)
        batch, self._to_start = self._to_start[: max(0, room)], self._to_start[max(0, room) :]
        for config in batch:
            forget(config, self.runs)
        works = [SweepJob.of(config, self.runs, self._environment()) for config in batch]
        if self._executor is None:
            self._jobs += [(config, _Here(work)) for config, work in zip(batch, works, strict=True)]
            return
        if not batch:
            return
        with _submitting(), ignore_sigint():
            # All of one batch are one job array under Slurm.
            with self._executor.batch():
                jobs = [self._executor.submit(work) for work in works]
            for config, job in zip(batch, jobs, strict=True):
                told = {
                    "cluster": self.resources.cluster,
                    "job": job.job_id,
                    "folder": str(self.folder),
                    "log": str(job.paths.stderr),
                }
                write_json(_job_file(self.runs, config), told)
        self._jobs += zip(batch, jobs, strict=True)

    def _environment(self) -> dict[str, str | None]:
        if self.resources.cluster == "local" and self.resources.gpus is None:
            # submitit hides all GPUs from a local job that asks for none.
            return {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES")}
        return {}

    def _make_executor(self) -> Any:
        from submitit import AutoExecutor

        self.folder.mkdir(parents=True, exist_ok=True)
        # Only the user can enter it: what submitit unpickles from there runs.
        self.folder = Path(
            tempfile.mkdtemp(prefix=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-", dir=self.folder)
        )
        asked = self.resources
        given: dict[str, Any] = {
            "timeout_min": asked.timeout_min or _FOR_EVER,
            "gpus_per_node": asked.gpus or 0,
            "tasks_per_node": 1,
        }
        if asked.cluster == "slurm":
            own = {f"slurm_{name}": value for name, value in asked.slurm.items()}
            given = {
                "name": "daexplore",
                "timeout_min": asked.timeout_min or _DAY,
                "nodes": 1,
                "tasks_per_node": 1,
                "cpus_per_task": asked.threads,
                "gpus_per_node": asked.gpus,
                "slurm_partition": asked.partition,
                "slurm_array_parallelism": asked.parallel,
                **own,
            }
        with _submitting():
            executor = AutoExecutor(self.folder, cluster=asked.cluster)
            executor.update_parameters(**given)
        return executor


def job_log(config: RunConfig, runs: str | Path) -> Path | None:
    """What the newest job that trained ``config`` wrote to stderr."""
    file = _job_file(runs, config)
    return Path(read_json(file)["log"]) if file.exists() else None


def _job_file(runs: str | Path, config: RunConfig) -> Path:
    return sweep_folder(runs) / "jobs" / f"{config_hash(config)}.json"


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Processes started in here do not receive Ctrl-C, which a terminal sends to all:
    ``SweepLauncher.stop`` ends them, in order and once.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _submitting() -> Iterator[None]:
    """Convert errors of submitit and Slurm to InputError."""
    try:
        yield
    except NameError as error:
        raise InputError(
            f"A parameter given with --slurm is none of submitit's: {error}. Give those that"
            " submitit lists."
        ) from error
    except (RuntimeError, OSError) as error:
        raise InputError(
            f"Cannot submit the trainings: {error}. Check the parameters, or train here with"
            " --cluster local."
        ) from error
