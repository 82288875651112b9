"""Toolbar of the Runs tab: search, tags, note and actions."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import panel as pn
import panel_material_ui as pmui

from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, show_errors
from daexplore.app.tabs.runs.model import MAX_PAGE, RunsModel
from daexplore.app.tabs.runs.rows import Row
from daexplore.app.theme import STYLE
from daexplore.utils.files import static_text

__all__ = ["STYLES", "RunsToolbar"]

STYLES = [STYLE, static_text("app", "runs.css")]
"""Style sheets of the tab's panes."""

T = TypeVar("T")
# The control's own padding is made for touch.
_LOW = {
    "& .MuiSelect-select": {"paddingTop": "4px", "paddingBottom": "4px", "minHeight": "27px"},
    "& .MuiChip-root": {"margin": "1px 2px"},
    "& .MuiInputLabel-root:not(.MuiInputLabel-shrink)": {"transform": "translate(14px, 7px)"},
}


class RunsToolbar:
    """The widgets above the table; what they do is the board's.

    Args:
        board: what the user does with the runs.
        session: the user's.

    Attributes:
        finding: the line with search and import.
        doing: what can be done with the ticked runs.
    """

    def __init__(self, board: RunsModel, session: Session) -> None:
        self._board, self._state = board, board.state
        self._compute = Compute(board.state, session)
        self._noted: tuple[str, str] = ("", "")
        low: dict[str, Any] = {"size": "small", "margin": 0}
        button: dict[str, Any] = low | {"variant": "outlined"}
        html: dict[str, Any] = {"stylesheets": STYLES, "margin": 0}
        self.search = pmui.TextInput(
            label="Find", placeholder="method, status, tag, folder …", width=300, **low
        )
        self.tags = pmui.MultiChoice(
            label="Filter by tags (all)",
            options=[],
            width=260,
            margin=0,
            chip=True,
            solid=False,
            sx=_LOW,
        )
        self.upload = pmui.FileInput(
            label="Import a run (.zip)",
            accept=".zip",
            max_file_size=MAX_PAGE,
            icon="upload",
            uploaded_label="Import a run (.zip)",
            **button,
        )
        self._told, self._counts = (pn.pane.HTML("", align="center", **html) for _ in range(2))
        self.beside = pmui.Button(label="Side by side", icon="view_column", **button)
        self.export = pmui.Button(label="Export", icon="download", **button)
        self.handout = pmui.FileDownload(
            label="run.zip", auto=True, visible=False, margin=0, filename="run.zip"
        )
        self.delete = pmui.Button(label="Delete", icon="delete", color="error", **button)
        self.tag = pmui.AutocompleteInput(
            label="Tag", restrict=False, min_characters=1, options=[], width=180, **low
        )
        self.add = pmui.Button(label="Add tag", **button)
        self.remove = pmui.Button(label="Remove tag", **button)
        self.note = pmui.TextAreaInput(
            label="Note", rows=2, auto_grow=True, max_rows=8, max_length=10_000, width=620, **low
        )
        self.save = pmui.Button(label="Save note", icon="save", align="end", **button)
        self._said = pn.pane.HTML("", align="center", **html)
        self.undo = pmui.Button(
            label="Undo", icon="undo", visible=False, **(low | {"variant": "contained"})
        )
        self._writing = pn.Row(
            self.note, self.save, margin=0, visible=False, styles={"gap": "10px"}
        )
        row: dict[str, Any] = {
            "align_items": "center",
            "sizing_mode": "stretch_width",
            "margin": 0,
            "gap": "8px 12px",
        }
        self.finding = pn.FlexBox(self.search, self.tags, self.upload, self._counts, **row)
        self._saying = pn.FlexBox(self._said, self.undo, **row)
        self.doing = pn.Column(
            pn.FlexBox(
                self._told,
                self.beside,
                self.export,
                self.delete,
                self.tag,
                self.add,
                self.remove,
                self.handout,
                **row,
            ),
            self._writing,
            self._saying,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "8px"},
        )
        self._watch()

    def _watch(self) -> None:
        state, board = self._state, self._board
        self.search.param.watch(lambda event: board.param.update(search=event.new), "value_input")
        self.tags.param.watch(lambda event: board.param.update(tags=list(event.new)), "value")
        self.upload.param.watch(show_errors(state, self._import), "value")
        for widget, react in (
            (self.beside, board.put_side_by_side),
            (self.export, self._export),
            (self.delete, board.delete),
            (self.undo, board.undo),
            (self.add, lambda: board.add_tag(self.tag.value_input or "")),
            (self.remove, lambda: board.remove_tag(self.tag.value_input or "")),
            (self.save, lambda: board.write_note(self.note.value, self._noted[1])),
        ):
            widget.on_click(show_errors(state, partial(_pressed, board, react)))

    def draw(self, rows: Sequence[Row], shown: Sequence[Row]) -> None:
        """Offer what can be done with the runs that are ticked."""
        board = self._board
        chosen = board.chosen(rows)
        names = {row.name for row in shown}
        hidden = sum(row.name not in names for row in chosen)
        count = f"<b>{len(chosen)} ticked</b>" + (f", {hidden} of them not shown" if hidden else "")
        self._told.object = f"<p>{count}</p>"
        self._counts.object = f"<p class='hint'>{escape(board.counts(rows, shown))}</p>"
        for widget in (self.beside, self.delete, self.tag, self.add, self.remove):
            widget.disabled = not chosen
        self.export.disabled = len(chosen) != 1
        known = board.known_tags(rows)
        self.tags.visible = bool(known)
        self.tags.param.update(
            options=known, value=[tag for tag in self.tags.value if tag in known]
        )
        self.tag.options = known
        self._said.object = f"<p role='status' class='said'>{escape(board.status_message)}</p>"
        self.undo.visible = bool(board.deleted)
        self._saying.visible = bool(board.status_message)
        self._draw_note(chosen)

    def _draw_note(self, chosen: Sequence[Row]) -> None:
        self._writing.visible = len(chosen) == 1
        if len(chosen) != 1:
            self._noted = ("", "")
            return
        row, (name, known) = chosen[0], self._noted
        # A note being edited is not replaced; saving reports a conflict if
        # another user was faster.
        if row.name != name or (
            row.note.text != known and self.note.value in (known, row.note.text)
        ):
            self._noted = (row.name, row.note.text)
            self.note.param.update(label=f"Note on {row.label}", value=row.note.text)

    def _export(self) -> None:
        row = self._board.to_export()
        folder = TemporaryDirectory(prefix="daexplore-")
        self.export.loading = True
        self._compute.submit(
            folder,
            self._board.export,
            row,
            Path(folder.name),
            where="slow",
            then=partial(self._exported, folder),
            failed=partial(self._not_exported, folder),
        )

    def _exported(self, folder: "TemporaryDirectory[str]", exported: tuple[Path, str]) -> None:
        self.export.loading = False
        file, said = exported
        with folder:
            # The same file a second time would be no change, and no download.
            self.handout.data = None
            self.handout.param.update(file=str(file), filename=file.name)
            self.handout.transfer(download=True)
        self._board.status_message = said

    def _not_exported(self, folder: "TemporaryDirectory[str]", message: str) -> None:
        self.export.loading = False
        folder.cleanup()
        self._state.warn(message)

    def _import(self, event: Any) -> None:
        if not event.new:
            return
        name = Path(str(self.upload.filename or "upload.zip").replace("\\", "/")).name
        self._state.warn("")
        self.upload.loading = True
        self._compute.submit(
            object(),
            self._take_in,
            name,
            event.new,
            where="slow",
            then=self._imported,
            failed=self._not_imported,
        )
        self.upload.clear()

    def _take_in(self, name: str, data: bytes) -> str:
        with TemporaryDirectory(prefix="daexplore-") as folder:
            file = Path(folder) / name
            file.write_bytes(data)
            return self._board.import_archive(file)

    def _imported(self, said: str) -> None:
        self.upload.loading = False
        self._state.refresh()
        self._board.status_message = said

    def _not_imported(self, message: str) -> None:
        self.upload.loading = False
        self._state.warn(message)


def _pressed(board: RunsModel, react: Callable[[], None], _: Any) -> None:
    board.state.warn("")
    board.status_message = ""
    try:
        react()
    finally:
        board.param.trigger("status_message")
