"""ROC curves of all compared runs in both domains, and every metric with its interval."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn

from daexplore.app.guard import guarded
from daexplore.app.merit import metric_tables
from daexplore.app.scene import Scene, scene
from daexplore.app.scores import scores
from daexplore.app.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.style import STYLE

__all__ = ["performance"]

_ALL = ("accuracy", "auc", "precision", "recall", "f1", "brier")


def performance(state: ExplorerState, session: Session, visible: Callable[[], bool]) -> tuple[pn.viewable.Viewable, Callable[[], object]]:
    """The tab, and what to call when it is entered: it is drawn again when what it shows changes, but only while it is ``visible``."""
    import holoviews as hv

    from daexplore.views.evaluations import roc_tables
    from daexplore.views.roc import roc_panels
    from daexplore.views.summaries import summary_roc

    hv.extension("bokeh")
    html: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [STYLE], "margin": 0}
    summary, numbers = pn.pane.HTML("", **html), pn.pane.HTML("", **html)
    curves = pn.pane.HoloViews(sizing_mode="fixed", margin=0, linked_axes=False)
    seen: list[tuple[Any, ...]] = []

    def draw(*_: Any) -> None:
        key = (tuple(state.run_ids), state.epoch, state.split, state.threshold, tuple(state.pair), state.progress)
        if not visible() or seen == [key]:
            return
        evaluations = {state.label(run): run.evaluation(state.epoch_of(run)) for run in state.runs}
        table, bands = roc_tables(evaluations, state.split, (int(state.pair[0]), int(state.pair[1])))
        summary.object = f"<p class='summary'>{escape(summary_roc(table, state.split))}</p>"
        curves.visible = not table.empty
        if not table.empty:
            curves.object = roc_panels(table, bands=bands, threshold=state.threshold, split=state.split, size=(400, 400))
        scenes: list[Scene] = [scene(state, run) for run in state.runs]
        numbers.object = metric_tables(scores(state, scenes), state, _ALL)
        seen[:] = [key]

    safe = guarded(state, draw)
    state.param.watch(lambda *_: session.settled("performance", safe), ["run_ids", "epoch", "split", "threshold", "pair", "progress"])
    safe()
    tab = pn.Column(curves, summary, pn.Column(numbers, max_width=900, margin=(12, 0)), sizing_mode="stretch_width", margin=0)
    return tab, safe
