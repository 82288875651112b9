"""Model of the Data tab: selected domains, their galleries and inspection."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from daexplore.app.default_runs import fingerprints
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.data.inspection_job import (
    InspectionJob,
    folder_of,
    load_inspection,
    start_inspection,
)
from daexplore.app.tabs.data.preview import DomainChoice, DomainPreview, submit_preview
from daexplore.errors import InputError

__all__ = ["DomainInspectionModel", "run_choices"]


def run_choices(state: ExplorerState) -> dict[str, DomainChoice]:
    """The galaxies of the runs on screen, named; runs that saw the same ones share an entry."""
    seen: dict[Any, list[Any]] = {}
    for run in state.runs:
        seen.setdefault(fingerprints(run), []).append(run)
    alone = len(seen) == 1
    return {
        "the runs' galaxies" if alone else f"galaxies of {state.label(runs[0])}": DomainChoice(
            run=str(runs[0].path)
        )
        for runs in seen.values()
    }


class DomainInspectionModel:
    """One page's domains. ``tick`` follows the child processes.

    Args:
        root: folder of runs, below which inspections are kept.
        command: makes what inspects a choice into a folder, for tests; by default ``daexplore
            inspect``.
        opener: reads a choice, for tests.

    Attributes:
        command: as given.
        choice: what is looked at; None before anything was chosen.
        look: its galleries, once they are there.
        inspection: what was found, as in its JSON, once it is there.
        job: the child process that inspects, shared by pages; None while there is none.
        revision: counts the changes of all of these.
    """

    def __init__(
        self,
        root: Path,
        command: Callable[[DomainChoice, Path], Sequence[str]] | None = None,
        opener: Callable[[DomainChoice], "Future[DomainPreview]"] = submit_preview,
    ) -> None:
        self.root, self.revision = root, 0
        self.choice: DomainChoice | None = None
        self.look: DomainPreview | None = None
        self.inspection: dict[str, Any] | None = None
        self.command, self._opener = command, opener
        self._looking: Future[DomainPreview] | None = None
        self.job: InspectionJob | None = None
        self._wanted = False

    def set_domains(self, choice: DomainChoice | None) -> None:
        """Look at other domains: their galleries arrive later, and their inspection if it is kept
        from before. None looks at nothing.
        """
        if choice == self.choice and (
            choice is None or self.look is not None or self._looking is not None
        ):
            return
        self._open(choice)

    def inspect(self, choice: DomainChoice) -> None:
        """Have domains inspected, as soon as they are open; opens them again where that was done
        before, since they may have changed.
        """
        if (
            choice != self.choice
            or self.inspection is not None
            or (self.look is None and self._looking is None)
        ):
            self._open(choice)
        self._wanted = True
        self._begin()
        self.revision += 1

    def stop(self) -> None:
        """Stop the inspection, unless another page waits for it too."""
        if self.job is not None:
            self.job.leave(stop=True)
            self.job = None
        self._wanted = False
        self.revision += 1

    def leave(self) -> None:
        """The page is gone or looks elsewhere: what was started continues, and is kept."""
        if self.job is not None:
            self.job.leave()
            self.job = None

    def tick(self) -> bool:
        """Follow the work in progress; True if anything changed.

        Raises:
            InputError: the domains cannot be read, or their inspection failed.
        """
        before = self.revision
        if self._looking is not None and self._looking.done():
            looking, self._looking = self._looking, None
            self.revision += 1
            try:
                self.look = looking.result()
            except Exception:
                self._wanted = False
                raise
            self.inspection = load_inspection(self.folder)
            self._begin()
        if self.job is not None and self.job.poll() != "running":
            ended, self.job = self.job, None
            ended.leave()
            self._wanted = False
            self.revision += 1
            self.inspection = load_inspection(ended.folder)
            if ended.state == "failed":
                raise InputError(ended.error)
        return self.revision != before

    @property
    def folder(self) -> Path:
        """Where the inspection of these domains is kept."""
        assert self.look is not None
        return folder_of(self.root, self.look.key)

    @property
    def page(self) -> Path | None:
        """The inspection as a page that needs no other file, if there is one."""
        file = self.folder / "inspection.html" if self.inspection is not None else None
        return file if file is not None and file.exists() else None

    @property
    def busy(self) -> bool:
        """Whether a child process is at work."""
        return self._looking is not None or self.job is not None

    @property
    def inspecting(self) -> bool:
        """Whether an inspection runs or waits for the galaxies to be opened."""
        return self.job is not None or (self._wanted and self._looking is not None)

    def progress(self) -> tuple[str, float | None]:
        """Work in progress, in a line, and how much of it is done (0 to 1, None while unknown)."""
        if self._looking is not None:
            return "Opening the galaxies", None
        stage = self.job.stage if self.job is not None else None
        if stage is None:
            return "Starting the inspection", None
        return f"{stage.name.capitalize()}: {stage.done} of {stage.total}", stage.done / max(
            stage.total, 1
        )

    def _open(self, choice: DomainChoice | None) -> None:
        self.leave()
        self.choice, self.look, self.inspection, self._wanted = choice, None, None, False
        self._looking = None if choice is None else self._opener(choice)
        self.revision += 1

    def _begin(self) -> None:
        if (
            self._wanted
            and self.inspection is None
            and self.job is None
            and self.look is not None
            and self.choice is not None
        ):
            command = None if self.command is None else self.command(self.choice, self.folder)
            self.job = start_inspection(self.choice, self.folder, command)
