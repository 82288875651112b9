"""Runs tab: all runs of the folder, also damaged ones, and the trash."""

import json
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.metric_tables import settings_table
from daexplore.app.components.sortable_table import SelectableTable
from daexplore.app.core.session import Session, show_errors
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.app.tabs.runs.model import RunsModel, when_text
from daexplore.app.tabs.runs.rows import COLUMNS, Row, table_row
from daexplore.app.tabs.runs.toolbar import STYLES, RunsToolbar
from daexplore.views.plots.metrics_table import config_differences

__all__ = ["RunsTab", "build_tab", "runs_tab"]

_LOOK_EVERY = 2000  # [ms]
_BIN_COLUMNS = [
    {"text": "run", "help": "Methods and seed; below, the run's folder."},
    {"text": "deleted [UTC]", "help": "When it was moved to the trash."},
]


def build_tab(entry: TabContext) -> TabView:
    """The tab behind the menu's item."""
    tab = RunsTab(entry.state, entry.session, entry.visible)
    return TabView(tab.view, tab.draw)


def runs_tab(state: ExplorerState) -> pn.viewable.Viewable:
    """The same without a menu, for the first page."""
    return RunsTab(state, Session(), lambda: True).view


class RunsTab:
    """The table, what can be done with its lines, what differs between the ticked ones, and the
    trash.

    Args:
        state: the page's.
        session: the user's.
        visible: whether the tab is the one on screen.
    """

    def __init__(self, state: ExplorerState, session: Session, visible: Any) -> None:
        self._state, self._visible = state, visible
        self.board = board = RunsModel(state)
        self._stamp: tuple[int, ...] = ()
        self._rows: list[Row] = []
        html: dict[str, Any] = {"stylesheets": STYLES, "sizing_mode": "stretch_width", "margin": 0}
        self.table = SelectableTable(
            caption="Runs",
            columns=list(COLUMNS),
            sort=board.sort,
            descending=board.descending,
            **html,
        )
        self.toolbar = RunsToolbar(board, session)
        self._settings = pn.pane.HTML("", **html)
        self.bin = SelectableTable(
            caption="Runs in the trash", columns=_BIN_COLUMNS, **(html | {"max_width": 560})
        )
        self._bin_head = pn.pane.HTML("", **html)
        self.restore = pmui.Button(
            label="Restore", icon="restore", size="small", variant="outlined", margin=0
        )
        self.restore.on_click(show_errors(state, self._restore))
        self._trash = pn.Column(
            self._bin_head,
            self.bin,
            self.restore,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "6px"},
        )
        for name in ("ticked", "sort", "descending"):
            self.table.param.watch(show_errors(state, self._from_table), name)
        self.bin.param.watch(show_errors(state, self._bin_ticked), "ticked")
        board.param.watch(
            show_errors(state, self.draw),
            ["search", "tags", "sort", "descending", "ticked", "status_message"],
        )
        state.param.watch(show_errors(state, self._follow), ["revision", "run_ids"])
        session.call_every(_LOOK_EVERY, show_errors(state, self.follow))
        self.view = pn.Column(
            self.toolbar.finding,
            self.toolbar.doing,
            self.table,
            self._settings,
            self._trash,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "10px"},
        )
        show_errors(state, self.draw)()

    def draw(self, *_: Any) -> None:
        """Show the folder as it is now."""
        board = self.board
        self._stamp = board.change_token()
        rows = board.rows()
        shown = board.shown(rows)
        # Lines are many and seldom change: they are made and sent only when they do.
        changed = {"rows": json.dumps(list(map(table_row, rows)))} if rows is not self._rows else {}
        self._rows = rows
        self.table.param.update(
            **changed,
            order=[row.name for row in shown],
            ticked=list(board.ticked),
            sort=board.sort,
            descending=board.descending,
        )
        self._settings.object = _differences(*board.settings(rows))
        self.toolbar.draw(rows, shown)
        self._draw_trash()

    def _follow(self, *_: Any) -> None:
        if self._visible():
            self.draw()

    def follow(self) -> None:
        """Draw again if the folder of runs has changed; called every two seconds."""
        if self._visible() and self.board.change_token() != self._stamp:
            self.draw()

    def _from_table(self, _: Any) -> None:
        table = self.table
        self.board.param.update(
            ticked=list(table.ticked), sort=table.sort, descending=table.descending
        )

    def _draw_trash(self) -> None:
        binned = self.board.trash()
        names = {each.item.path.name for each in binned}
        self._trash.visible = bool(binned)
        self._bin_head.object = (
            f"<h2>Trash</h2><p class='hint'>{len(binned)} runs; nothing is removed"
            " automatically.</p>"
        )
        self.bin.param.update(
            rows=json.dumps(
                [
                    {
                        "key": each.item.path.name,
                        "label": f"{each.label}, {each.item.name}",
                        "damaged": False,
                        "cells": [
                            {"text": each.label, "small": each.item.name},
                            {"text": when_text(each.item.when)},
                        ],
                    }
                    for each in binned
                ]
            ),
            order=[each.item.path.name for each in binned],
            ticked=[name for name in self.bin.ticked if name in names],
        )
        self._bin_ticked()

    def _bin_ticked(self, *_: Any) -> None:
        self.restore.disabled = not self.bin.ticked

    def _restore(self, _: Any) -> None:
        wanted = set(self.bin.ticked)
        try:
            self.board.restore(
                [each.item for each in self.board.trash() if each.item.path.name in wanted]
            )
        finally:
            self.draw()


def _differences(configs: dict[str, Any], about: str) -> str:
    head = "<h2>What differs in the settings</h2>"
    if len(configs) < 2:
        return f"{head}<p class='hint'>Tick two runs or more to compare their settings.</p>"
    frame = config_differences(configs)
    if frame.empty:
        return f"{head}<p class='hint'>Nothing: the settings are the same ({escape(about)}).</p>"
    return (
        f"{head}<p class='hint'>{len(frame)} settings; {escape(about)}.</p><div"
        f" class='settings'>{settings_table(frame)}</div>"
    )
