"""Performance tab: one section at a time."""

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.export_menu import export_menu
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import show_errors
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.all_metrics import NumbersSection
from daexplore.app.tabs.performance.calibration import CalibrationSection
from daexplore.app.tabs.performance.confusion import ConfusionSection
from daexplore.app.tabs.performance.curves import precision_recall_section, roc_section
from daexplore.app.tabs.performance.risk_coverage import RiskSection
from daexplore.app.tabs.performance.section import Section
from daexplore.app.tabs.performance.slices import SliceSection
from daexplore.app.tabs.registry import TabContext, TabView

__all__ = ["SECTIONS", "build_tab"]

SECTIONS: dict[str, Callable[[ExplorerState, Compute], Section]] = {
    "ROC": roc_section,
    "Precision-recall": precision_recall_section,
    "Confusion": ConfusionSection,
    "Calibration": CalibrationSection,
    "Slices": SliceSection,
    "Risk-coverage": RiskSection,
    "All metrics": NumbersSection,
}
"""By the name on their button, in the order of the buttons."""

_CHANGES = ["run_ids", "epoch", "split", "pair", "progress"]


def build_tab(entry: TabContext) -> TabView:
    """The tab. A section is made when it is first asked for, and follows the state only while it
    is on screen.
    """
    state, session = entry.state, entry.session
    service = Compute(state, session)
    made: dict[str, Section] = {}
    choice = pmui.RadioButtonGroup(
        options=list(SECTIONS), value="ROC", size="small", margin=0, label=""
    )
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def on_screen() -> Section | None:
        return made.get(choice.value) if entry.visible() else None

    def enter() -> None:
        if choice.value not in made:
            made[choice.value] = SECTIONS[choice.value](state, service)
        if list(place.objects) != [made[choice.value].view]:
            place.objects = [made[choice.value].view]
        follow()

    def follow() -> None:
        section = on_screen()
        if section is not None:
            section.show()

    def move() -> None:
        section = on_screen()
        if section is not None:
            section.on_threshold_drag()

    def settle(name: str) -> None:
        session.debounced(name, show_errors(state, follow))

    def threshold() -> None:
        move()
        settle("performance-threshold")

    safe_enter = show_errors(state, session.batched(enter))
    choice.param.watch(lambda _: safe_enter(), "value")
    state.param.watch(lambda *_: settle("performance"), _CHANGES)
    safe_threshold = show_errors(state, session.batched(threshold))
    state.param.watch(lambda _: safe_threshold(), "threshold")
    safe_enter()
    view = pn.Column(
        pn.Row(choice, margin=0),
        place,
        export_menu(state, session, "roc"),
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "10px"},
    )
    return TabView(view, safe_enter)
