"""Saving the selection under a name beside the runs, and having one back."""

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.core.session import show_errors
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE
from daexplore.runs.selections import Selection, Selections

__all__ = ["restore_selection", "save_selection", "selections_bar"]


def save_selection(state: ExplorerState, name: str, note: str = "") -> Selection:
    """Keep the selection, with what was on screen when it was made.

    Raises:
        InputError: nothing is selected, or the name cannot be or is taken.
    """
    seen = {
        name: getattr(state, name)
        for name in ("run_ids", "epoch", "view", "split", "domains", "threshold", "filter")
    }
    shown = {run.id: state.epoch_of(run) for run in state.runs}
    kept = Selections(state.root).save(name, state.selection or (), note, seen | {"epochs": shown})
    state.name_selection(kept.name)
    return kept


def restore_selection(state: ExplorerState, name: str) -> str:
    """Select the galaxies kept under this name.

    Returns:
        How many of them the runs on screen have evaluated, in a sentence.

    Raises:
        InputError: there is no such selection, or its file is damaged.
    """
    found = state.select_named(name)
    known = (
        set().union(*(run.evaluation(state.epoch_of(run)).row_by_id for run in state.runs))
        if state.runs
        else set()
    )
    here = sum(sample_id in known for sample_id in found.sample_ids)
    note = f" {found.note}" if found.note else ""
    return (
        f"“{found.name}”, saved {found.created[:16].replace('T', ' ')} UTC: {here} of its"
        f" {len(found)} galaxies are in these runs.{note}"
    )


class _Bar:
    def __init__(self, state: ExplorerState) -> None:
        self._state = state
        self._gone: Selection | None = None
        self._following = False
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self._saved = pmui.Select(label="Saved selections", options={}, width=210, **small)
        self._delete = pmui.Button(
            label="Delete", icon="delete", variant="text", visible=False, **small
        )
        self._undo = pmui.Button(label="Undo", icon="undo", variant="text", visible=False, **small)
        self._name = pmui.TextInput(label="Name of the selection", width=180, **small)
        self._note = pmui.TextInput(label="Note", width=180, **small)
        self._save = pmui.Button(
            label="Save selection", icon="bookmark_add", variant="outlined", **small
        )
        self._said = pn.pane.HTML(
            "",
            sizing_mode="stretch_width",
            stylesheets=[STYLE],
            margin=0,
            css_classes=["selections-said"],
        )
        self._follow()
        state.param.watch(show_errors(state, self._follow), ["selection", "revision", "run_ids"])
        self._saved.param.watch(show_errors(state, self._chosen), "value")
        self._save.on_click(show_errors(state, self._keep))
        self._delete.on_click(show_errors(state, self._remove))
        self._undo.on_click(show_errors(state, self._put_back))
        row = pn.FlexBox(
            *(self._saved, self._delete, self._undo, self._name, self._note, self._save),
            align_items="center",
            gap="6px 10px",
            sizing_mode="stretch_width",
            margin=0,
        )
        self.view = pn.Column(row, self._said, sizing_mode="stretch_width", margin=0)

    def _follow(self, *_: Any, prefer: str = "") -> None:
        found, damaged = Selections(self._state.root).all()
        options = {"–": ""} | {f"{each.name} ({len(each)})": each.name for each in found}
        same = [each.name for each in found if frozenset(each.sample_ids) == self._state.selection]
        value = next((name for name in (prefer, self._saved.value, *same) if name in same), "")
        # What the list shows follows the selection here; it does not set it.
        self._following = True
        try:
            self._saved.param.update(options=options, value=value)
        finally:
            self._following = False
        self._saved.disabled = not found
        self._delete.visible = bool(value)
        nothing = not self._state.selection
        for widget in (self._save, self._name, self._note):
            widget.disabled = nothing
        if damaged:
            reasons = " ".join(reason for _, reason in damaged)
            self._say(f"{len(damaged)} saved selections cannot be read. {reasons}")

    def _chosen(self, event: Any) -> None:
        if event.new and not self._following:
            self._say(restore_selection(self._state, event.new))
        self._delete.visible = bool(event.new)

    def _keep(self, _: Any) -> None:
        kept = save_selection(
            self._state,
            self._name.value_input or self._name.value,
            self._note.value_input or self._note.value,
        )
        self._name.param.update(value="", value_input="")
        self._note.param.update(value="", value_input="")
        self._follow(prefer=kept.name)
        self._say(f"{len(kept)} galaxies are saved as “{kept.name}”.")

    def _remove(self, _: Any) -> None:
        self._gone = Selections(self._state.root).delete(self._saved.value)
        self._follow()
        self._undo.visible = True
        self._say(f"“{self._gone.name}” is deleted; the galaxies stay selected.")

    def _put_back(self, _: Any) -> None:
        if self._gone is not None:
            kept = Selections(self._state.root).restore(self._gone)
            self._undo.visible, self._gone = False, None
            self._follow(prefer=kept.name)
            self._say(f"“{kept.name}” is back.")

    def _say(self, text: str) -> None:
        self._said.object = f"<p class='hint' role='status'>{escape(text)}</p>"


def selections_bar(state: ExplorerState) -> pn.viewable.Viewable:
    """Saved selections to choose from, and a name to save the present one under. Follows
    ``state.selection`` and sets it.
    """
    return _Bar(state).view
