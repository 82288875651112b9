"""Panel of metrics for all and for selected galaxies, and of differing settings."""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.column_filter import picker
from daexplore.app.components.metric_tables import differences_table, metric_tables
from daexplore.app.core.compute import Compute
from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import Score, scores
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE

__all__ = ["MetricsPanel"]


_HINT = (
    "<p class='hint'>Draw around galaxies in a panel, or choose a column, to see how the runs do on"
    " them.</p>"
)
_BRIEF = ("accuracy", "auc", "recall")


class MetricsPanel:
    """Tables that are drawn again when ``draw`` is called.

    Args:
        state: threshold, split and selection.
        scenes: the panels' scenes, asked for whenever the tables are drawn.
        service: where the numbers are computed.

    Attributes:
        views: the numbers, and the differences.
    """

    def __init__(
        self, state: ExplorerState, scenes: Callable[[], list[LatentView]], service: Compute
    ) -> None:
        self._state, self._scenes, self._compute = state, scenes, service
        html: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [STYLE], "margin": 0}
        self._all, self._count, self._selected, self._settings = (
            pn.pane.HTML("", **html) for _ in range(4)
        )
        self._clear = pmui.Button(
            label="Clear", icon="close", size="small", variant="text", visible=False, margin=0
        )
        self._clear.on_click(lambda _: state.select(None))
        head = pn.Row(
            pn.pane.HTML("<b>Selection</b>", **html),
            self._clear,
            sizing_mode="stretch_width",
            margin=(14, 0, 0, 0),
        )
        title = pn.pane.HTML(
            "<b>What differs between the runs</b>", **(html | {"margin": (14, 0, 4, 0)})
        )
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.views = (
            pn.Column(self._all, head, picker(state), self._count, self._selected, **wide),
            pn.Column(title, self._settings, **wide),
        )

    def draw(self) -> None:
        """Show at once what is selected, and, when they are computed, the numbers of what is on
        screen.
        """
        state, scenes, selection = self._state.snapshot(), self._scenes(), self._state.selection
        self._clear.visible = selection is not None
        self._count.object = _HINT if selection is None else _counted(len(selection))
        self._settings.object = differences_table(scenes)

        def compute() -> tuple[list[Score], list[Score]]:
            return scores(state, scenes), (
                [] if selection is None else scores(state, scenes, selection)
            )

        def show(found: tuple[list[Score], list[Score]]) -> None:
            every, chosen = (metric_tables(each, state, _BRIEF) for each in found)
            self._all.object, self._selected.object = every, chosen

        self._compute.settle("merit", compute, then=show)


def _counted(count: int) -> str:
    return (
        f"<p class='hint'><b class='count'>{count}</b> galaxies selected; the same ones in every"
        " run.</p>"
    )
