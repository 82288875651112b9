"""Inspection in a child process, shared by all pages and cached on disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daexplore.app.jobs.failures import failure_text
from daexplore.app.jobs.job import Stage
from daexplore.app.tabs.data.preview import DomainChoice
from daexplore.errors import InputError
from daexplore.runs.history import read_new_lines

__all__ = ["InspectionJob", "folder_of", "inspect_command", "load_inspection", "start_inspection"]

_FOLDER = ".inspections"
_TABLES, _PAGE, _PROGRESS, _LOG = "inspection.json", "inspection.html", "progress.jsonl", "log.txt"
_NICE = 10
_GRACE = 20.0

_running: dict[Path, "InspectionJob"] = {}
_lock = threading.Lock()


def inspect_command(choice: DomainChoice, folder: Path | None = None) -> list[str]:
    """The command that inspects; with a folder it writes its tables and its page there."""
    files = (
        [] if folder is None else ["--json", str(folder / _TABLES), "--html", str(folder / _PAGE)]
    )
    return [sys.executable, "-m", "daexplore", "inspect", *choice.arguments(), *files]


def folder_of(root: Path, key: str) -> Path:
    """Where the inspection of the galaxies with this key is kept.

    Args:
        root: folder of runs.
        key: of a :class:`daexplore.app.tabs.data.preview.DomainPreview`.
    """
    from daexplore import __version__

    return root / _FOLDER / f"{key}-{__version__}"


def load_inspection(folder: Path) -> dict[str, Any] | None:
    """The inspection kept in a folder; None where there is none, or it cannot be read."""
    if not (folder / _PAGE).exists():
        return None
    try:
        found = json.loads((folder / _TABLES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def start_inspection(
    choice: DomainChoice, folder: Path, command: Sequence[str] | None = None
) -> "InspectionJob":
    """Start an inspection, or joins the one of the same galaxies that is under way in this server.

    Args:
        choice: what to inspect.
        folder: see :func:`folder_of`.
        command: replaces ``daexplore inspect``, for tests.

    Raises:
        InputError: the folder cannot be written to.
    """
    with _lock:
        found = _running.get(folder)
        if found is None or found.poll() != "running":
            found = _running[folder] = InspectionJob(
                folder, command or inspect_command(choice, folder)
            )
        found.watchers += 1
        return found


class InspectionJob:
    """One inspection in a child process of low priority. Several pages may watch it; it outlives
    them.

    Args:
        folder: where it writes.
        command: what to run.

    Attributes:
        state: as of the last ``poll``: running, finished, stopped or failed.
        error: after a failure, what went wrong.
        stage: what the child reported last.
        watchers: pages that wait for it; the last one that leaves stops it.
    """

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder, self.state, self.error, self.watchers = folder, "running", "", 0
        self.stage: Stage | None = None
        self._offset = 0
        self._stopping = False
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            log = (folder / _LOG).open("wb")
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written to: {error}. Make room or permission there."
            ) from error
        environment = {
            **os.environ,
            # A module of our name in the current folder must not be imported in its place.
            "PYTHONSAFEPATH": "1",
            "DAEXPLORE_PROGRESS": str(folder / _PROGRESS),
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
        }
        with log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)

    def poll(self) -> str:
        """Look at the process and what it reports, and return the new ``state``."""
        if self.state != "running":
            return self.state
        code = self._process.poll()
        lines, self._offset = read_new_lines(self.folder / _PROGRESS, self._offset)
        if lines:
            self.stage = Stage(
                str(lines[-1]["stage"]), int(lines[-1]["done"]), int(lines[-1]["total"])
            )
        if code is None:
            return self.state
        if code == 0 and load_inspection(self.folder) is not None:
            self.state = "finished"
        elif self._stopping:
            self.state = "stopped"
        else:
            self.state = "failed"
            log = self.folder / _LOG
            self.error = failure_text(
                log.read_text(errors="replace") if log.exists() else "", code, log
            )
        return self.state

    def leave(self, stop: bool = False) -> None:
        """One page no longer waits. With ``stop`` the inspection ends, unless another page waits
        for it too.
        """
        self.watchers -= 1
        if not stop or self.watchers > 0 or self._process.poll() is not None:
            return
        self._stopping = True
        self._process.send_signal(signal.SIGINT)
        timer = threading.Timer(_GRACE, self._process.kill)
        timer.daemon = True
        timer.start()

    @property
    def page(self) -> Path:
        """The inspection as a page that needs no other file, once it is finished."""
        return self.folder / _PAGE
