"""Page of the explorer, one per user, over a folder of runs."""

import importlib
import os
import threading
from collections.abc import Callable
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly

from daexplore.app.components.run_controls import controls
from daexplore.app.core.session import Session, show_errors
from daexplore.app.glossary.markup import words
from daexplore.app.headline.line import cached_headline, headline_bar
from daexplore.app.headline.loading_page import TEMPLATE, loading_html
from daexplore.app.latents.view import scene
from daexplore.app.results.opening_galaxy import opening_galaxy
from daexplore.app.state import EXAMPLES, ExplorerState
from daexplore.app.tabs.registry import TABS, TabContext
from daexplore.app.theme import STYLE, THEME
from daexplore.app.url import URL_STATE, apply_query, to_query

__all__ = ["page"]

_BAR = {
    "& .MuiToolbar-root": {"minHeight": "44px"},
    "& .header a, & .header .title": {"color": "inherit !important", "fontSize": "1.125rem"},
}
_TAB = {
    "& .MuiTab-root": {"minHeight": "44px"},
    "& .MuiTab-root.Mui-selected": {"color": "inherit !important"},
    "& .MuiTabs-indicator": {"backgroundColor": "currentColor"},
}
_OWN = "Inspect your own galaxies"
_EXAMPLE = (
    "<p class='hint'>This folder has no runs yet. These came with the package: noDA, MMD and DANN"
    " in three seeds each, trained on simulated distant galaxies and made smaller; what they show"
    " is what happened.</p>"
)
_LOOK_EVERY = 1000  # [ms]
_WARM_AFTER = 5.0  # [s]


def page(
    root: str | os.PathLike[str] | None = None, examples: str | os.PathLike[str] | None = EXAMPLES
) -> pmui.Page:
    """The whole page for one user.

    Args:
        root: folder of runs; None takes the environment variable DAEXPLORE_RUNS, else ``runs``.
        examples: folder of finished runs to open with while that one has none; None opens with the
            first page then.
    """
    pn.extension(respect_explicit_sizing=True)
    _own_style_sheets()
    state = ExplorerState(
        os.fspath(root) if root else os.environ.get("DAEXPLORE_RUNS") or "runs", examples
    )
    session = Session()
    _share_address(state)
    menu, content = _content(state, session)
    shell = pmui.Page(
        title="daexplore",
        template=TEMPLATE,
        header=[menu],
        theme_config=THEME,
        main=[
            pn.Column(
                _alert(state),
                content,
                sizing_mode="stretch_width",
                margin=(8, 20),
                # Without this, a tab taller than the window is clipped, and what
                # follows overlaps it.
                styles={"max-height": "none"},
            )
        ],
        sx=_BAR,
        busy_indicator=None,
    )
    # Whether the server is busy is one flag for all users: each event of one of them would go
    # through every model of all pages, twice.
    with edit_readonly(shell):
        shell.busy = False
    state.set_dark(bool(shell.dark_theme))
    shell.param.watch(lambda event: state.set_dark(bool(event.new)), "dark_theme")
    if pn.state.curdoc:
        pn.state.curdoc.template_variables["first_words"] = loading_html(
            cached_headline(state), [state.label(run) for run in state.runs]
        )
        _warm_up()
        session.call_every(_LOOK_EVERY, show_errors(state, state.refresh))
    return shell


def _preselect(state: ExplorerState) -> None:
    """A first visit opens with an informative galaxy; an address that names one keeps
    it.
    """
    if state.galaxy is None:
        found = opening_galaxy(state, [scene(state, run) for run in state.runs])
        if found is not None:
            state.select_galaxy(found.sample_id, found.galaxy_reason)


def _own_style_sheets() -> None:
    """Have Panel's style sheets come from this server.

    Panel notes that only when it renders a page's HTML. A session that is rebuilt when a slow or
    lost connection comes back has none rendered, and would send the user to another host.
    """
    from panel.io.resources import LOCAL_DIST

    if pn.state.curdoc:
        base = f"{pn.state.rel_path}/" if pn.state.rel_path else ""
        pn.state.curdoc.template_variables.setdefault("dist_url", base + LOCAL_DIST)


@cache
def _warm_up() -> None:
    """Import, beside the first user's page, what the other tabs need: the first to open one does
    not wait for it then.
    """
    timer = threading.Timer(
        _WARM_AFTER, lambda: importlib.import_module("daexplore.views.plots.roc")
    )
    timer.daemon = True
    timer.start()


def _content(
    state: ExplorerState, session: Session
) -> tuple[pn.viewable.Viewable, pn.viewable.Viewable]:
    """The menu and what it leads to. Without anything to compare there is no menu, but a welcome,
    until the first run arrives.
    """
    menu = pmui.TabMenu(
        items=[{"label": tab.name} for tab in TABS],
        active=0,
        visible=False,
        margin=(0, 0, 0, 24),
        sx=_TAB,
    )
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    made: dict[bool, pn.viewable.Viewable] = {}

    def show(*_: Any) -> None:
        ready = bool(state.evaluated_runs) and not state.training and not state.show_welcome
        if place.objects and ready == menu.visible:
            return
        if ready not in made:
            made[ready] = _tabs(state, session, menu) if ready else _welcome(state, session)
        menu.visible = ready
        place.objects = [made[ready]]

    state.set_training(_first_training(state))
    show_errors(state, show)()
    state.param.watch(show_errors(state, show), ["revision", "training", "show_welcome"])
    return menu, pn.Column(_example(state), place, sizing_mode="stretch_width", margin=0)


def _example(state: ExplorerState) -> pn.viewable.Viewable:
    """State that what is shown came with the package, and leads on to the user's own."""
    words = pn.pane.HTML(
        _EXAMPLE, stylesheets=[STYLE], sizing_mode="stretch_width", margin=0, align="center"
    )
    own = pmui.Button(
        label="Train your own", icon="play_arrow", size="small", variant="outlined", margin=0
    )
    own.on_click(lambda _: state.open_welcome(True))
    strip = pn.Row(
        words, own, sizing_mode="stretch_width", margin=(0, 0, 6, 0), css_classes=["example"]
    )

    def look(*_: Any) -> None:
        strip.visible = state.example and not state.show_welcome and not state.training
        if not state.example:
            state.open_welcome(False)

    look()
    state.param.watch(show_errors(state, look), ["revision", "show_welcome", "training"])
    return strip


def _first_training(state: ExplorerState) -> bool:
    """Whether trainings run and none was ever finished here: then a reload leads back to
    them.
    """
    from daexplore.app.jobs.queue import find_jobs

    return not any(run.status == "finished" for run in state.user_runs) and any(
        not job.ended for job in find_jobs(state.root)
    )


def _welcome(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    from daexplore.app.tabs.data.tab import data_tab
    from daexplore.app.tabs.runs.tab import runs_tab
    from daexplore.app.tabs.welcome.tab import welcome

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
            own.objects = [data_tab(state, session).view]
        own.visible, first.visible = first.visible, own.visible
        switch.label = "Back to the first page" if own.visible else _OWN

    switch.on_click(show_errors(state, turn))
    back = pmui.Button(
        label="Back to the example runs",
        icon="arrow_back",
        variant="text",
        margin=0,
        visible=state.example,
    )
    back.on_click(lambda _: state.open_welcome(False))
    return pn.Column(
        pn.Row(back, switch, margin=0), first, own, sizing_mode="stretch_width", margin=0
    )


def _tabs(state: ExplorerState, session: Session, menu: pmui.TabMenu) -> pn.viewable.Viewable:
    """One tab per menu item, built when it is first opened."""
    names = [tab.name for tab in TABS]
    contents = [pn.Column(sizing_mode="stretch_width", margin=0) for _ in TABS]
    # Among Bokeh's own columns a tab's figures would be laid out with those of hidden tabs:
    # columns of React part them.
    frames = [
        pmui.Column(content, sizing_mode="stretch_width", margin=0, visible=False)
        for content in contents
    ]
    top = pn.Column(
        controls(state, session),
        headline_bar(state, session),
        sizing_mode="stretch_width",
        margin=0,
    )
    spoken = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0)
    entered: dict[int, Callable[[], object]] = {}

    def back() -> None:
        state.refresh()
        menu.active = 0

    def enter(*_: Any) -> None:
        chosen = menu.active or 0
        state.open_tab(names[chosen])
        for place, frame in enumerate(frames):
            frame.visible = place == chosen
        top.visible = TABS[chosen].shared_controls
        spoken.object = words(TABS[chosen].terms)
        if chosen in entered:
            entered[chosen]()
        elif not contents[chosen].objects:
            # The page's HTML leaves first; the tab is built while the browser loads its
            # scripts.
            contents[chosen].objects = [
                pn.pane.HTML("<p class='hint'>Drawing …</p>", stylesheets=[STYLE])
            ]
            session.call_soon(show_errors(state, lambda: build_tab(chosen)))

    def build_tab(place: int) -> None:
        show_errors(state, _preselect)(state)
        tab = TABS[place].build_tab(
            TabContext(state, session, lambda: (menu.active or 0) == place, back)
        )
        entered[place] = tab.entered
        contents[place].objects = [tab.view]

    def lead(*_: Any) -> None:
        menu.active = names.index(state.tab)

    lead()
    show_errors(state, enter)()
    menu.param.watch(show_errors(state, enter), "active")
    state.param.watch(show_errors(state, lead), "tab")
    return pn.Column(
        top, *frames, spoken, sizing_mode="stretch_width", margin=0, styles={"gap": "8px"}
    )


def _alert(state: ExplorerState) -> pn.viewable.Viewable:
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def show(*_: Any) -> None:
        if not state.alert:
            place.objects = []
            return
        # Its own text would be Markdown, in which an address could have scripts run.
        text = pn.pane.HTML(
            f"<p>{escape(state.alert)}</p>",
            stylesheets=[STYLE],
            sizing_mode="stretch_width",
            margin=0,
        )
        alert = pmui.Alert(
            text,
            severity="error",
            closeable=True,
            sizing_mode="stretch_width",
            margin=(0, 0, 10, 0),
        )
        alert.param.watch(lambda event: state.warn("") if event.new else None, "closed")
        place.objects = [alert]

    show()
    state.param.watch(show, "alert")
    return place


def _share_address(state: ExplorerState) -> None:
    """Take over what the address asks for, then keeps the address up to date."""
    location = pn.state.location
    if location is None:
        return
    apply_query(state, location.query_params)

    def write(*_: Any) -> None:
        query = urlencode(to_query(state), safe=",/:|")
        location.search = f"?{query}" if query else ""

    state.param.watch(show_errors(state, write), list(URL_STATE))
