"""The numbers beside the panels: metrics of every run, for all galaxies and for the outlined ones, and what differs in the settings."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from daexplore.app.background import Background
from daexplore.app.glossary import explained, term
from daexplore.app.picker import picker
from daexplore.app.scene import Scene
from daexplore.app.scores import Score, scores
from daexplore.app.state import ExplorerState
from daexplore.app.style import STYLE
from daexplore.views.plots.metrics_table import config_differences

__all__ = ["Merit", "differences_table", "metric_tables"]

_HINT = "<p class='hint'>Draw around galaxies in a panel, or choose a column, to see how the runs do on them.</p>"
_BRIEF = ("accuracy", "auc", "recall")
_TITLES = {"accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall", "f1": "F1", "brier": "Brier"}
_TERMS = _TITLES | {"brier": "Brier score"}


class Merit:
    """Tables that are drawn again when ``draw`` is called.

    Args:
        state: threshold, split and selection.
        scenes: the panels' scenes, asked for whenever the tables are drawn.
        background: where the numbers are computed.

    Attributes:
        views: the numbers, and the differences.
    """

    def __init__(self, state: ExplorerState, scenes: Callable[[], list[Scene]], background: Background) -> None:
        self._state, self._scenes, self._background = state, scenes, background
        html: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [STYLE], "margin": 0}
        self._all, self._count, self._selected, self._settings = (pn.pane.HTML("", **html) for _ in range(4))
        self._clear = pmui.Button(label="Clear", icon="close", size="small", variant="text", visible=False, margin=0)
        self._clear.on_click(lambda _: state.select(None))
        head = pn.Row(pn.pane.HTML("<b>Selection</b>", **html), self._clear, sizing_mode="stretch_width", margin=(14, 0, 0, 0))
        title = pn.pane.HTML("<b>What differs between the runs</b>", **(html | {"margin": (14, 0, 4, 0)}))
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.views = (
            pn.Column(self._all, head, picker(state), self._count, self._selected, **wide),
            pn.Column(title, self._settings, **wide),
        )

    def draw(self) -> None:
        """Shows at once what is selected, and, when they are computed, the numbers of what is on screen."""
        state, scenes, selection = self._state.still(), self._scenes(), self._state.selection
        self._clear.visible = selection is not None
        self._count.object = _HINT if selection is None else _counted(len(selection))
        self._settings.object = differences_table(scenes)

        def compute() -> tuple[list[Score], list[Score]]:
            return scores(state, scenes), [] if selection is None else scores(state, scenes, selection)

        def show(found: tuple[list[Score], list[Score]]) -> None:
            every, chosen = (metric_tables(each, state, _BRIEF) for each in found)
            self._all.object, self._selected.object = every, chosen

        self._background.settle("merit", compute, show)


def _counted(count: int) -> str:
    return f"<p class='hint'><b class='count'>{count}</b> galaxies selected; the same ones in every run.</p>"


def metric_tables(found: list[Score], state: ExplorerState, names: tuple[str, ...]) -> str:
    """One table a domain, one line a run: value and 95% interval of each metric, with n, split and whose labels were used."""
    tables = []
    rule = f"threshold {state.threshold:.2f}" if len(state.classes) <= 2 else "most probable class"
    for domain in ("source", "target"):
        lines = [score for score in found if score.domain == domain]
        if not any(score.n for score in lines):
            tables.append(f"<p class='hint'>No labelled {domain} galaxies here.</p>" if lines else "")
            continue
        counts = " / ".join(dict.fromkeys(str(score.n) for score in lines))
        oracle = f" <i>{term('oracle')}</i>" if domain == "target" else ""
        head = "".join(f"<th>{term(_TERMS[name], _TITLES[name])}</th>" for name in names)
        body = "".join(
            f"<tr><td>{escape(score.run)}</td>{''.join(_cell(score.metrics.get(name)) for name in names)}</tr>" for score in lines
        )
        tables.append(
            f"<table><caption>{term(domain, domain.capitalize())}{oracle} <small>{state.split}, n = {counts}</small></caption>"
            f"<thead><tr><th>{rule}</th>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
    return explained("".join(tables))


def differences_table(scenes: list[Scene]) -> str:
    """The settings in which the runs on screen differ, as markup."""
    if len(scenes) < 2:
        return "<p class='hint'>Choose a second run to compare its settings.</p>"
    frame = config_differences({scene.label: scene.run.config for scene in scenes})
    if frame.empty:
        return "<p class='hint'>Nothing: the settings are the same.</p>"
    head = "".join(f"<th>{escape(str(column))}</th>" for column in frame.columns)
    lines = [[escape(str(value)) for value in row] for row in frame.itertuples(index=False)]
    # Dotted names may break after their dots only.
    body = "".join(
        f"<tr><td>{line[0].replace('.', '.<wbr>')}</td>{''.join(f'<td>{value}</td>' for value in line[1:])}</tr>" for line in lines
    )
    return f"<table class='text'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(entry: dict[str, float] | None) -> str:
    if entry is None or not np.isfinite(entry["value"]):
        return "<td>–</td>"
    low, high = entry.get("low", float("nan")), entry.get("high", float("nan"))
    interval = f"<small>[{low:.3f}, {high:.3f}]</small>" if np.isfinite(low) and np.isfinite(high) else ""
    return f"<td>{entry['value']:.3f}{interval}</td>"
