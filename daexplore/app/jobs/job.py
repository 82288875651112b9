"""Training in a child process: started from the page, and followed through its run folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daexplore.app.jobs.failures import BAD_INPUT, failure_text
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.runs.history import read_new_lines
from daexplore.utils.files import read_json, write_json
from daexplore.utils.processes import process_exists, process_identity

__all__ = ["ENDED", "JOBS_FOLDER", "JOB_RECORD", "Job", "Stage"]

ENDED = ("finished", "stopped", "failed")

# How long a process may take to write a checkpoint after it was asked to stop, before it is ended
# the hard way [s].
_GRACE = 30.0
_NICE = 10
JOBS_FOLDER = ".jobs"
JOB_RECORD = "job.json"
# A file with this name in a job's folder tells other pages that the end was asked for.
_STOP = "stop"
# Also that it is paused.
_PAUSE = "pause"


@dataclass(frozen=True)
class Stage:
    """The newest line a child wrote about what it is doing: ``done`` of ``total``."""

    name: str
    done: int
    total: int


class Job:
    """One training in a child process of low priority, with a session of its own: it outlives the
    page and, if need be, the server.

    A folder below ``root/.jobs`` says that it exists until it has a run, so that a page opened
    meanwhile finds it.

    Args:
        command: what to run.
        root: folder of runs, where the new one will appear.
        method: for the label.
        seed: for the label.
        run: an existing run that the command resumes.
        folder: of a job that some page started before; see
            :func:`daexplore.app.jobs.queue.find_jobs`.

    Attributes:
        run: the run it writes, once there is one.
        process: the child process; None before the start, and where another page started it.
        state: as of the last ``poll``: waiting (not started), starting, simulating, running,
            paused, finished, stopped or failed.
        stage: what the child reported last.
        error: after a failure, what went wrong and where the log is.
        eta: seconds still to go, None while unknown.
    """

    def __init__(
        self,
        command: Sequence[str],
        root: str | Path,
        *,
        method: str = "",
        seed: int = 0,
        run: Run | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command, self.root, self.method, self.seed, self.run = (
            list(command),
            Path(root),
            method,
            seed,
            run,
        )
        self.state, self.error, self.stage, self.eta = "waiting", "", None, None
        self.folder = folder or self.root / JOBS_FOLDER / uuid.uuid4().hex[:12]
        self._mark: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._offset = 0
        # Time and share done when training was first seen: what was done before a resume says
        # nothing about its speed.
        self._first: tuple[float, float] | None = None

    stage: Stage | None
    eta: float | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    @property
    def log(self) -> Path:
        """What the child wrote to stderr; kept with the run when the job has ended."""
        log = self.folder / "log.txt"
        return self.run.path / "log.txt" if self.run is not None and not log.exists() else log

    @property
    def progress(self) -> tuple[int, int, float]:
        """(epoch, epochs, fraction of the training done)."""
        told = self.run.info["progress"] if self.run is not None and self._is_writer() else {}
        return (
            int(told.get("epoch", 0)),
            int(told.get("epochs", 0)),
            float(told.get("fraction", 0.0)),
        )

    def start(self) -> None:
        """Start the child.

        Raises:
            InputError: the folder of runs cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True)
            log = (self.folder / "log.txt").open("wb")
        except OSError as error:
            raise InputError(
                f"The run folder {self.root} cannot be written to: {error}. Give another one, or"
                " make room or permission there."
            ) from error
        environment = {
            **os.environ,
            # A module of our name in the current folder must not be imported in its place.
            "PYTHONSAFEPATH": "1",
            "DAEXPLORE_PROGRESS": str(self.folder / "progress.jsonl"),
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
        }
        with log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        pid = self.process.pid
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        self._mark = process_identity(pid)
        # Reap the child even after the page is closed: until then it would
        # count as existing.
        threading.Thread(target=self.process.wait, daemon=True).start()
        record = {
            "command": self.command,
            "method": self.method,
            "seed": self.seed,
            "process": self._mark,
        }
        write_json(self.folder / JOB_RECORD, record | {"run": self.run.id if self.run else None})
        self.state = "starting"

    @staticmethod
    def from_folder(folder: Path) -> "Job":
        """The job of a folder that another page wrote."""
        record = read_json(folder / JOB_RECORD)
        root = folder.parent.parent
        run = Run(root / record["run"]) if record.get("run") else None
        job = Job(
            record["command"],
            root,
            method=record["method"],
            seed=record["seed"],
            run=run,
            folder=folder,
        )
        job._mark, job.state = record["process"], "starting"
        return job

    @staticmethod
    def of_run(run: Run) -> "Job":
        """A run that is being trained by a process that this page did not start."""
        job = Job([], run.path.parent, method=run.method, seed=run.seed, run=run)
        job._mark, job.state = run.info["process"], "running"
        return job

    def poll(self) -> str:
        """Look at the process and its folders, and return the new ``state``."""
        if self.state == "waiting" or self.ended:
            return self.state
        # Asked first: what the child wrote before its end is then certainly read below.
        alive = self._alive()
        self._look()
        if alive:
            simulating = self.stage is not None and self.stage.name == "simulating"
            self.state = (
                "running" if self._is_writer() else "simulating" if simulating else "starting"
            )
            if self.paused:
                self.state, self.eta = "paused", None
            return self.state
        self.eta = None
        code = self.process.returncode if self.process is not None else None
        self.state = self._how_it_ended(code)
        if self.state == "failed":
            text = self.log.read_text(errors="replace") if self.log.exists() else ""
            self._tidy()
            self.error = failure_text(
                text,
                code,
                self.log,
                (self.run.info.get("error") or "") if self.run is not None else "",
            )
        else:
            self._tidy()
        return self.state

    def stop(self) -> None:
        """Ask the child to write its checkpoint and end; after half a minute it is ended anyway. A
        job that waits is dropped.
        """
        if self.state == "waiting":
            self.state = "stopped"
        if self.ended or self._stopping:
            return
        self._stopping = True
        if self.folder.is_dir():
            (self.folder / _STOP).touch()
        # A paused process does not receive the signal.
        self.resume()
        self._signal(signal.SIGINT)
        timer = threading.Timer(_GRACE, self._signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()

    def pause(self) -> None:
        """Hold the child and its own children still where they are, in memory and to the
        instruction; see ``resume``.
        """
        if self.pausable:
            (self.folder / _PAUSE).touch()
            self._signal(signal.SIGSTOP, group=True)
            self.state, self.eta = "paused", None

    def resume(self) -> None:
        """Resume a paused child."""
        if self.paused:
            (self.folder / _PAUSE).unlink(missing_ok=True)
            self._signal(signal.SIGCONT, group=True)
            # The paused time does not count for its speed.
            self._first = None
            self.poll()

    @property
    def paused(self) -> bool:
        """Whether some page holds it still."""
        return not self.ended and (self.folder / _PAUSE).exists()

    @property
    def pausable(self) -> bool:
        """Whether it can be held still: not where the system knows no such signal, nor what was
        started from elsewhere.
        """
        working = self.state in ("starting", "simulating", "running") and not self._stopping
        return working and hasattr(signal, "SIGSTOP") and self.folder.is_dir()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and has not ended yet."""
        return self._stopping and not self.ended

    def _alive(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        if self.run is not None and self._is_writer():
            self.run.reload()
            return self.run.alive()
        return process_exists(self._mark) and self._mark["host"] == socket.gethostname()

    def _signal(self, number: int, group: bool = False) -> None:
        if self._mark["host"] == socket.gethostname() and process_exists(self._mark):
            # It may end between the two lines. As the first of a session of its own it gives its
            # number to the group of its children.
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self._mark["pid"], number)

    def _look(self) -> None:
        lines, self._offset = read_new_lines(self.folder / "progress.jsonl", self._offset)
        if lines:
            self.stage = Stage(
                str(lines[-1]["stage"]), int(lines[-1]["done"]), int(lines[-1]["total"])
            )
        if self.run is None:
            self.run = self._find_run()
        else:
            self.run.reload()
        if self.run is not None and self._is_writer():
            now, fraction = time.monotonic(), self.progress[2]
            self._first = self._first or (now, fraction)
            gained = fraction - self._first[1]
            self.eta = (now - self._first[0]) / gained * (1 - fraction) if gained > 0 else None

    def _find_run(self) -> Run | None:
        # A folder whose name begins with a dot is a draft, which is about to get its name.
        for file in self.root.glob("[!.]*/run.json"):
            try:
                run = Run(file.parent)
            except InputError:
                continue
            if self._wrote(run):
                return run
        return None

    def _wrote(self, run: Run) -> bool:
        told = run.info.get("process") or {}
        # A writer that does not say when it started is recognised by its number alone.
        return all(told.get(key) == self._mark.get(key) for key in ("pid", "host")) and told.get(
            "start"
        ) in (None, self._mark.get("start"))

    def _is_writer(self) -> bool:
        return self.run is not None and self._wrote(self.run)

    def _how_it_ended(self, code: int | None) -> str:
        status = self.run.info["status"] if self.run is not None and self._is_writer() else None
        if code == 0 or status in ("finished", "failed"):
            return str(status or "finished") if status != "running" else "finished"
        # Where there is no run, the page that started the job removes its folder unless it failed.
        asked = (
            self._stopping
            or (self.folder / _STOP).exists()
            or (self.run is None and not self.folder.exists())
        )
        asked = code in (130, -signal.SIGINT) or (asked and code != BAD_INPUT)
        return "stopped" if asked or status == "stopped" else "failed"

    def _tidy(self) -> None:
        log = self.folder / "log.txt"
        if self.run is not None and log.exists() and log.stat().st_size:
            with (self.run.path / "log.txt").open("ab") as kept:
                kept.write(log.read_bytes())
        if self.run is not None or self.state != "failed":
            shutil.rmtree(self.folder, ignore_errors=True)
        elif (self.folder / JOB_RECORD).exists():
            # The log is all there is of it; the mark keeps it from being shown on every page from
            # now on.
            write_json(
                self.folder / JOB_RECORD, {**read_json(self.folder / JOB_RECORD), "ended": True}
            )
