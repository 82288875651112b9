"""Every run in the folder, those that cannot be read with the reason."""

from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from daexplore.app.guard import guarded
from daexplore.app.state import MAX_RUNS, ExplorerState
from daexplore.app.style import STYLE
from daexplore.runs import Run

__all__ = ["runs_tab"]

_HEAD = (
    "run",
    "started [UTC]",
    "status",
    "epochs",
    "selected epoch",
    "source accuracy",
    "target accuracy <i>oracle</i>",
    "galaxies",
    "folder",
)


def runs_tab(state: ExplorerState) -> pn.viewable.Viewable:
    """A table of the folder, and the choice of what to put side by side."""
    table = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0, css_classes=["runs-table"])
    choice = pmui.MultiChoice(
        label=f"Side by side (at most {MAX_RUNS})",
        max_items=MAX_RUNS,
        options=_options(state),
        value=list(state.run_ids),
        width=720,
        margin=(8, 0, 0, 0),
        chip=True,
        solid=False,
    )

    def draw(*_: Any) -> None:
        choice.param.update(options=_options(state), value=list(state.run_ids))
        table.object = _table(state)

    def choose(event: Any) -> None:
        if event.new != state.run_ids:
            state.choose(event.new)

    state.param.watch(guarded(state, draw), ["revision", "run_ids"])
    choice.param.watch(guarded(state, choose), "value")
    draw()
    return pn.Column(choice, table, sizing_mode="stretch_width", margin=0, styles={"gap": "12px"})


def _options(state: ExplorerState) -> dict[str, str]:
    return {state.label(run): run.id for run in state.usable}


def _table(state: ExplorerState) -> str:
    lines = [_line(state, run) for run in state.all_runs]
    for path, reason in state.damaged:
        lines.append(
            f"<tr class='damaged'><td>{escape(path.name)}</td><td></td><td><i class='bad'>damaged</i></td>"
            f"<td colspan='{len(_HEAD) - 3}'>{escape(reason)}</td></tr>"
        )
    if not lines:
        return f"<p class='hint'>There are no runs in {escape(str(state.root))} yet.</p>"
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    counts = f"{len(state.all_runs)} runs, {len(state.damaged)} damaged, in {escape(str(state.root.absolute()))}"
    return f"<table class='text'><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table><p class='hint'>{counts}</p>"


def _line(state: ExplorerState, run: Run) -> str:
    info = run.info
    shown = "<b>" if run.id in state.run_ids else "<span>"
    error = f"<br><small>{escape(str(info['error']))}</small>" if info.get("error") else ""
    planned = info.get("progress", {}).get("epochs") or run.config.train.epochs
    galaxies = " + ".join(
        f"{info['data'][domain].get('n', '?')} {escape(str(info['data'][domain].get('name', domain)))}" for domain in info["data"]
    )
    cells = (
        f"{shown}{escape(run.label)}",
        str(info["created"])[:16].replace("T", " "),
        f"<i>{escape(run.status)}</i>{error}",
        f"{len(run.evaluated)} of {planned}",
        "–" if run.selected_epoch is None else str(run.selected_epoch),
        _accuracy(info, "source"),
        _accuracy(info, "target"),
        galaxies,
        escape(run.id),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _accuracy(info: dict[str, Any], domain: str) -> str:
    entry = info.get("metrics", {}).get(domain, {}).get("test", {}).get("accuracy", {})
    value = entry.get("value")
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:.3f} <small>test, n = {entry.get('n', '?')}</small>"
