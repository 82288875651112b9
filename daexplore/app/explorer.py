"""The explorer's page: one for each visitor, over a folder of runs."""

import importlib
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui

from daexplore.app.address import apply_query, query_of
from daexplore.app.compare import Compare
from daexplore.app.controls import controls
from daexplore.app.guard import guarded
from daexplore.app.scores import headline
from daexplore.app.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.style import STYLE, THEME

__all__ = ["page"]

_Room = tuple[Any, Callable[[], object]]

_ROOMS = ("Compare", "Performance", "Data", "Train", "Runs")
_BAR = {
    "& .MuiToolbar-root": {"minHeight": "44px"},
    "& .header a, & .header .title": {"color": "inherit !important", "fontSize": "18px"},
}
_TAB = {"& .MuiTab-root": {"minHeight": "44px"}, "& .MuiTab-root.Mui-selected": {"color": "inherit !important"}}
_OWN = "Inspect your own galaxies"
_LOOK_EVERY = 1000  # [ms]
_WARM_AFTER = 5.0  # [s]
_ADDRESS = ["run_ids", "chosen", "epoch", "view", "galaxy", "threshold"]


def page(root: str | os.PathLike[str] | None = None) -> pmui.Page:
    """The whole page for one visitor.

    Args:
        root: folder of runs; None takes the environment variable DAEXPLORE_RUNS, else ``runs``.
    """
    pn.extension(respect_explicit_sizing=True)
    _own_style_sheets()
    state = ExplorerState(os.fspath(root) if root else os.environ.get("DAEXPLORE_RUNS") or "runs")
    session = Session()
    _share_address(state)
    menu, content = _content(state, session)
    shell = pmui.Page(
        title="daexplore",
        header=[menu],
        theme_config=THEME,
        main=[
            pn.Column(
                _alert(state),
                content,
                sizing_mode="stretch_width",
                margin=(8, 20),
            )
        ],
        sx=_BAR,
    )
    state.dark = bool(shell.dark_theme)
    shell.param.watch(lambda event: state.param.update(dark=bool(event.new)), "dark_theme")
    if pn.state.curdoc:
        _warm_up()
        session.every(_LOOK_EVERY, guarded(state, state.refresh))
    return shell


def _own_style_sheets() -> None:
    """Has Panel's style sheets come from this server.

    Panel notes that only when it renders a page's HTML. A session that is made anew when a slow or lost connection comes back has none
    rendered, and would send the visitor to another host.
    """
    from panel.io.resources import LOCAL_DIST

    if pn.state.curdoc:
        base = f"{pn.state.rel_path}/" if pn.state.rel_path else ""
        pn.state.curdoc.template_variables.setdefault("dist_url", base + LOCAL_DIST)


@cache
def _warm_up() -> None:
    """Imports, beside the first visitor's page, what the other tabs need: the first to open one does not wait for it then."""
    timer = threading.Timer(_WARM_AFTER, lambda: importlib.import_module("daexplore.views.roc"))
    timer.daemon = True
    timer.start()


def _content(state: ExplorerState, session: Session) -> tuple[pn.viewable.Viewable, pn.viewable.Viewable]:
    """The menu and what it leads to. Without anything to compare there is no menu, but a welcome, until the first run comes in."""
    menu = pmui.TabMenu(items=[{"label": name} for name in _ROOMS], active=0, visible=False, margin=(0, 0, 0, 24), sx=_TAB)
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def show(*_: Any) -> None:
        ready = bool(state.usable) and not state.training
        if menu.visible or (place.objects and not ready):
            return
        menu.visible = ready
        place.objects = [_rooms(state, session, menu) if ready else _welcome(state, session)]

    state.training = _first_training(state)
    guarded(state, show)()
    state.param.watch(guarded(state, show), ["revision", "training"])
    return menu, place


def _first_training(state: ExplorerState) -> bool:
    """Whether trainings go on and none was ever finished here: then a reload leads back to them."""
    from daexplore.app.queue import find_jobs

    return not any(run.status == "finished" for run in state.usable) and any(not job.ended for job in find_jobs(state.root))


def _welcome(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    from daexplore.app.runs_tab import runs_tab
    from daexplore.app.welcome import welcome

    def look() -> None:
        state.refresh()

    parts = [welcome(state, on_finished=look)]
    if state.damaged:
        parts.append(runs_tab(state))
    first = pn.Column(*parts, sizing_mode="stretch_width", margin=0)
    own = pn.Column(sizing_mode="stretch_width", margin=0, visible=False)
    switch = pmui.Button(label=_OWN, icon="search", variant="text", margin=0)

    def turn(*_: Any) -> None:
        if not own.objects:
            own.objects = [_data(state, session)[0]]
        own.visible, first.visible = first.visible, own.visible
        switch.label = "Back to the first page" if own.visible else _OWN

    switch.on_click(guarded(state, turn))
    return pn.Column(switch, first, own, sizing_mode="stretch_width", margin=0)


def _rooms(state: ExplorerState, session: Session, menu: pmui.TabMenu) -> pn.viewable.Viewable:
    """One room a menu item, furnished when it is first entered."""
    makers: dict[str, Callable[[], _Room]] = {
        "Compare": lambda: (Compare(state, session).view, _nothing),
        "Performance": lambda: _performance(state, session, lambda: menu.active == _ROOMS.index("Performance")),
        "Data": lambda: _data(state, session),
        "Train": lambda: (_train(state, back), _nothing),
        "Runs": lambda: (_runs(state), _nothing),
    }
    rooms = {name: pn.Column(sizing_mode="stretch_width", margin=0, visible=False) for name in _ROOMS}
    top = pn.Column(controls(state), _headline(state, session), sizing_mode="stretch_width", margin=0)
    entered: dict[str, Callable[[], object]] = {}

    def back() -> None:
        state.refresh()
        menu.active = 0

    def enter(*_: Any) -> None:
        chosen = _ROOMS[menu.active or 0]
        for name, room in rooms.items():
            room.visible = name == chosen
        top.visible = chosen in ("Compare", "Performance")
        if chosen in entered:
            entered[chosen]()
        elif chosen == "Compare":
            furnish(chosen)
        elif not rooms[chosen].objects:
            rooms[chosen].objects = [pn.pane.HTML("<p class='hint'>Drawing …</p>", stylesheets=[STYLE])]
            session.later(guarded(state, lambda: furnish(chosen)))

    def furnish(name: str) -> None:
        content, entered[name] = makers[name]()
        rooms[name].objects = [content]

    guarded(state, enter)()
    menu.param.watch(guarded(state, enter), "active")
    return pn.Column(top, *rooms.values(), sizing_mode="stretch_width", margin=0, styles={"gap": "8px"})


def _nothing() -> None:
    pass


def _performance(state: ExplorerState, session: Session, visible: Callable[[], bool]) -> _Room:
    from daexplore.app.performance import performance

    return performance(state, session, visible)


def _data(state: ExplorerState, session: Session) -> _Room:
    from daexplore.app.data_tab import data_tab

    view, entered = data_tab(state, session)
    entered()
    return view, entered


def _train(state: ExplorerState, finished: Callable[[], None]) -> Any:
    from daexplore.app.train_tab import train_tab

    return train_tab(state, on_finished=finished)


def _runs(state: ExplorerState) -> pn.viewable.Viewable:
    from daexplore.app.runs_tab import runs_tab

    return runs_tab(state)


def _headline(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    from daexplore.app.scene import scene

    # An empty line of the sentence's height, so that nothing moves when it comes in.
    sentence = pn.pane.HTML("<p class='headline'></p>", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0)

    def draw() -> None:
        sentence.object = f"<p class='headline'>{headline(state, [scene(state, run) for run in state.runs])}</p>"

    def soon(*_: Any) -> None:
        session.settled("headline", guarded(state, draw))

    state.param.watch(soon, ["run_ids", "epoch", "split", "threshold", "pair", "progress"])
    soon()
    return sentence


def _alert(state: ExplorerState) -> pn.viewable.Viewable:
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def show(*_: Any) -> None:
        if not state.alert:
            place.objects = []
            return
        alert = pmui.Alert(object=state.alert, severity="error", closeable=True, sizing_mode="stretch_width", margin=(0, 0, 10, 0))
        alert.param.watch(lambda event: event.new and state.param.update(alert=""), "closed")
        place.objects = [alert]

    show()
    state.param.watch(show, "alert")
    return place


def _share_address(state: ExplorerState) -> None:
    """Takes over what the address asks for, then keeps the address up to date."""
    location = pn.state.location
    if location is None:
        return
    apply_query(state, location.query_params)

    def write(*_: Any) -> None:
        query = urlencode(query_of(state), safe=",/")
        location.search = f"?{query}" if query else ""

    state.param.watch(guarded(state, write), _ADDRESS)
