"""Model of the Runs tab: search, tags, notes, selection, trash, export and import."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import param

from daexplore.app.jobs.job import JOB_RECORD, JOBS_FOLDER
from daexplore.app.state import MAX_RUNS, ExplorerState
from daexplore.app.tabs.runs.rows import Row, collect, in_order, matching
from daexplore.config import RunConfig
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.runs.archive.zip_file import MAX_IMPORT, export_run, import_run, run_size
from daexplore.runs.notes import RunNotes
from daexplore.runs.trash import TrashedRun, discarded, move_to_trash, restore, trash_folder
from daexplore.utils.files import read_json
from daexplore.utils.processes import process_exists

__all__ = ["MAX_COLUMNS", "MAX_PAGE", "RunsModel", "TrashRow", "when_text"]

MAX_PAGE = 100 * 2**20
"""What goes through the browser at most, either way [byte]; larger runs take the command line."""

MAX_COLUMNS = 8
"""Runs whose settings are compared at a time."""


@dataclass(frozen=True)
class TrashRow:
    """A run in the trash, as a reader knows it."""

    item: TrashedRun
    label: str


class RunsModel(param.Parameterized):
    """One user's view of the folder of runs. Methods that cannot do what they are asked raise
    ``InputError`` and change nothing.

    Args:
        state: the page's.
    """

    search = param.String(default="", doc="words that a run must hold")
    tags = param.List(default=[], item_type=str, doc="tags that a run must have")
    sort = param.String(default="started", doc="key of the column that the table goes by")
    descending = param.Boolean(default=True, doc="whether the largest comes first")
    ticked = param.List(
        default=[], item_type=str, doc="folders of the runs that something is to be done with"
    )
    status_message = param.String(default="", doc="what was done last, in a sentence")

    def __init__(self, state: ExplorerState, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]
        self.state = state
        self.notes = RunNotes(state.root)
        self.deleted: list[TrashedRun] = []
        self._labels: dict[Path, str] = {}
        self._rows: list[Row] = []
        self._seen: tuple[Any, ...] = ()

    def rows(self) -> list[Row]:
        """Every run in the folder, newest first, and the damaged ones. The same list as before if
        nothing has changed.
        """
        seen = (self.state.revision, tuple(self.state.run_ids), *self.change_token())
        if seen != self._seen:
            self._rows = collect(
                self.state.all_runs, self.state.damaged, self.notes.read(), self.state.run_ids
            )
            self._seen = seen
        return self._rows

    def shown(self, rows: Sequence[Row]) -> list[Row]:
        """Those that the search and the tags leave, in the order that is asked for."""
        return in_order(matching(rows, self.search, self.tags), self.sort, self.descending)

    def chosen(self, rows: Sequence[Row]) -> list[Row]:
        """The ticked ones that are still there, in the order they were ticked."""
        known = {row.name: row for row in rows}
        return [known[name] for name in self.ticked if name in known]

    def counts(self, rows: Sequence[Row], shown: Sequence[Row]) -> str:
        """How many there are, in words."""
        damaged = sum(row.run is None for row in rows)
        parts = [
            f"{len(shown)} of {len(rows)} runs shown",
            f"{damaged} damaged",
            f"in {self.state.root.absolute()}",
        ]
        return ", ".join(part for part in parts if not part.startswith("0 damaged"))

    def known_tags(self, rows: Sequence[Row]) -> list[str]:
        """Every tag of a run in the folder."""
        return sorted({tag for row in rows for tag in row.note.tags})

    def put_side_by_side(self) -> None:
        """Show the selected runs in the other tabs."""
        chosen = self._asked()
        unfit = [row.label for row in chosen if row.run is None or not row.run.evaluated]
        if unfit:
            raise InputError(
                f"{unfit[0]} cannot be put side by side: it has no evaluated epoch that can be"
                " read. Take its tick away."
            )
        if len(chosen) > MAX_RUNS:
            raise InputError(f"{len(chosen)} runs are ticked; at most {MAX_RUNS} fit side by side.")
        self.state.set_runs([row.run.id for row in chosen if row.run is not None])
        self.status_message = (
            f"{_names(chosen)} {'is' if len(chosen) == 1 else 'are'} side by side now in the other"
            " tabs."
        )

    def settings(self, rows: Sequence[Row]) -> tuple[dict[str, RunConfig], str]:
        """The settings to compare, by label, of the ticked runs, else of those side by side; and a
        sentence on what they are.
        """
        ticked = [row for row in self.chosen(rows) if row.run is not None]
        compared = ticked if len(ticked) > 1 else [row for row in rows if row.beside]
        configs: dict[str, RunConfig] = {}
        left_out = []
        for row in compared[:MAX_COLUMNS]:
            try:
                configs |= {row.label: row.run.config} if row.run else {}
            except InputError:
                left_out.append(row.label)
        which = "ticked" if compared is ticked else "side by side"
        about = f"{len(configs)} of the {len(compared)} runs {which}"
        return configs, about + (
            f"; the settings of {', '.join(left_out)} cannot be read" if left_out else ""
        )

    def add_tag(self, tag: str) -> None:
        """Return the ticked runs a tag."""
        chosen = self._asked()
        self.notes.add_tag([row.name for row in chosen], tag)
        self.status_message = (
            f"{_names(chosen)} now {'has' if len(chosen) == 1 else 'have'} the tag"
            f" {' '.join(tag.split())!r}."
        )

    def remove_tag(self, tag: str) -> None:
        """Take a tag from the ticked runs."""
        having = [row for row in self._asked() if tag in row.note.tags]
        if not having:
            raise InputError(f"None of the ticked runs has the tag {tag!r}.")
        self.notes.remove_tag([row.name for row in having], tag)
        self.status_message = f"The tag {tag!r} was taken from {_names(having)}."

    def write_note(self, text: str, instead_of: str) -> None:
        """Write the note of the one run that is ticked; refused if it is not ``instead_of`` any
        more.
        """
        row = self._one("write a note on it")
        self.notes.write(row.name, text, instead_of)
        self.status_message = f"The note on {row.label} was saved."

    def delete(self) -> None:
        """Move the ticked runs to the trash; those that are being written stay, and the reason is
        said.
        """
        chosen = self._asked()
        moved, refused = [], []
        for row in chosen:
            try:
                self._check_idle(row)
                moved.append((move_to_trash(row.path), row))
            except InputError as error:
                refused.append(str(error))
        if moved:
            self.deleted = [item for item, _ in moved]
            gone = {row.name for _, row in moved}
            self.ticked = [name for name in self.ticked if name not in gone]
            self.status_message = f"{_names([row for _, row in moved])} moved to the trash."
        self.state.refresh()
        if refused:
            raise InputError(" ".join(refused))

    def undo(self) -> None:
        """Put back what was deleted last."""
        items, self.deleted = self.deleted, []
        self.restore(items)

    def restore(self, items: Sequence[TrashedRun]) -> None:
        """Put runs from the trash back where they were."""
        refused = []
        for item in items:
            try:
                restore(item)
            except InputError as error:
                refused.append(str(error))
        self.deleted = [item for item in self.deleted if item not in items]
        back = len(items) - len(refused)
        if back:
            self.status_message = (
                f"{items[0].name if back == len(items) == 1 else f'{back} runs'} restored from the"
                " trash."
            )
        self.state.refresh()
        if refused:
            raise InputError(" ".join(refused))

    def trash(self) -> list[TrashRow]:
        """Run in the trash, the last first."""
        return [TrashRow(item, self._label(item)) for item in discarded(self.state.root)]

    def change_token(self) -> tuple[int, ...]:
        """Changes when another user has written a tag or a note, or moved something to or from the
        trash.
        """
        found = []
        for path in (self.notes.file, trash_folder(self.state.root)):
            try:
                found.append(path.stat().st_mtime_ns)
            except OSError:
                found.append(0)
        return tuple(found)

    def to_export(self) -> Row:
        """The one run that is ticked, if it can be handed out through the browser."""
        row = self._one("export it")
        size = run_size(row.path)
        if size > MAX_PAGE:
            raise InputError(
                f"{row.label} takes {size / 2**20:.0f} MB; the page hands out at most"
                f" {MAX_PAGE // 2**20}. From a terminal: daexplore runs export {row.path} FILE.zip"
            )
        return row

    def export(self, row: Row, folder: Path) -> tuple[Path, str]:
        """Write a run's archive into a folder; takes its time. Returns the file, and what happened
        in a sentence.
        """
        done = export_run(row.path, folder)
        left = (
            f" Left out, since they are no files of a run: {', '.join(done.left_out)}."
            if done.left_out
            else ""
        )
        return (
            done.file,
            (
                f"{row.label} was exported as {done.file.name},"
                f" {done.file.stat().st_size / 2**20:.1f} MB.{left}"
            ),
        )

    def import_archive(self, file: Path) -> str:
        """Add the run in an archive to the folder; takes its time. Returns what happened in a
        sentence.
        """
        done = import_run(file, self.state.root, MAX_IMPORT)
        beside = (
            ""
            if done.path.name == done.name
            else f" Another run named {done.name} was here already; both are kept."
        )
        missing = (
            f" Its images are not on this machine: {', '.join(done.missing)}."
            if done.missing
            else ""
        )
        return f"{Run(done.path).label} was imported as {done.path.name}.{beside}{missing}"

    def _asked(self) -> list[Row]:
        chosen = self.chosen(self.rows())
        if not chosen:
            raise InputError("No run is ticked. Tick one in the table first.")
        return chosen

    def _one(self, to: str) -> Row:
        chosen = self._asked()
        if len(chosen) != 1:
            raise InputError(f"{len(chosen)} runs are ticked; tick one to {to}.")
        return chosen[0]

    def _check_idle(self, row: Row) -> None:
        # A training that is to be resumed has not opened its run yet while it starts.
        for record in self.state.root.glob(f"{JOBS_FOLDER}/*/{JOB_RECORD}"):
            told = read_json(record)
            if (
                told.get("run") == row.name
                and not told.get("ended")
                and process_exists(told.get("process") or {})
            ):
                raise InputError(
                    f"Run {row.name} was not deleted: a training of it is starting. Stop that"
                    " first."
                )

    def _label(self, item: TrashedRun) -> str:
        if item.path not in self._labels:
            try:
                self._labels[item.path] = Run(item.path).label
            except InputError:
                self._labels[item.path] = "damaged"
        return self._labels[item.path]


def when_text(when: datetime) -> str:
    """A time to the second, as it is written everywhere on the page."""
    return f"{when:%Y-%m-%d %H:%M:%S}"


def _names(rows: Sequence[Row]) -> str:
    return rows[0].label if len(rows) == 1 else f"{len(rows)} runs"
