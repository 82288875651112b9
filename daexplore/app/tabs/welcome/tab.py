"""Welcome page of a folder without runs: the problem, galaxies, and one button to train."""

from collections.abc import Callable
from html import escape

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.card import STYLES
from daexplore.app.components.training.panel import TrainingPanel
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, show_errors
from daexplore.app.jobs.commands import command_line, train_command
from daexplore.app.jobs.job import Job
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.welcome.galleries import GalaxyGallery, galleries
from daexplore.config import DEFAULT_METHODS
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.images import data_uri
from daexplore.views.style import DOMAIN_COLORS

__all__ = ["welcome"]


_BEGIN = "Train noDA, MMD and DANN (about 3 minutes)"
_HEADLINE = "A network trained on simulations loses its skill on the survey."
_LEAD = (
    "Below are the same galaxies twice: as simulated, and as a survey observes them. A"
    " network learns mergers from the labelled simulation (the source) and is asked about the"
    " survey (the target), which has no labels. Domain adaptation tries to carry the"
    " skill over. Train the same network without it and with two kinds of it, and watch the"
    " galaxies move across the decision boundary."
)
_LIVE = (
    "Each point is a galaxy that no network was trained on. Right of the line it is predicted as a"
    " merger; the higher, the more it resembles the survey. Watch where the target goes without"
    " adaptation, and whether MMD and DANN bring it back."
)
_DOMAINS = {
    "source": ("Source", "simulated, labelled"),
    "target": ("Target", "the same galaxies with the survey's noise, unlabelled"),
}


def welcome(
    state: ExplorerState,
    on_finished: Callable[[], None] | None = None,
    command: Callable[[str], list[str]] | None = None,
) -> pn.viewable.Viewable:
    """The first page: galaxies, a button, then the trainings live.

    Args:
        state: whose folder of runs is filled.
        on_finished: called when the trainings have ended and there is something to compare.
        command: what trains a method, for tests; by default ``daexplore train --data demo``.
    """
    command = command or (lambda method: train_command(state.root, method))
    begin = pmui.Button(
        label=_BEGIN,
        icon="play_arrow",
        color="primary",
        variant="contained",
        size="large",
        margin=0,
    )
    compare = pmui.Button(
        label="Open the comparison",
        icon="compare",
        color="primary",
        variant="outlined",
        margin=0,
        visible=False,
    )
    hint = pn.pane.HTML(
        "<p class='hint'>The same from a terminal:"
        f" <code>{escape(command_line(command('mmd')))}</code></p>",
        stylesheets=STYLES,
        margin=0,
    )
    gallery = _gallery(state, Session())
    hero = pn.pane.HTML(_hero(_LEAD), stylesheets=STYLES, margin=0, sizing_mode="stretch_width")

    def leave(*_: object) -> None:
        state.refresh()
        state.set_training(False)
        if on_finished is not None:
            on_finished()

    def ended(runs: list[Run]) -> None:
        # After a failure the cards stay, with what went wrong; the way on is then a button.
        if runs and all(job.state == "finished" for job in trainings.queue.jobs):
            leave()
        else:
            begin.param.update(visible=True, disabled=False, label="Train noDA, MMD and DANN again")
            compare.visible = bool(runs)

    trainings = TrainingPanel(state, ended)

    def go_live(live: bool = True) -> None:
        state.set_training(live)
        begin.visible = gallery.visible = hint.visible = not live
        compare.visible = False
        hero.object = _hero(_LIVE if live else _LEAD)

    def start(*_: object) -> None:
        go_live()
        trainings.queue.forget_ended()
        try:
            trainings.start(
                Job(command(method), state.root, method=method) for method in DEFAULT_METHODS
            )
        except InputError:
            go_live(False)
            raise

    def look(*_: object) -> None:
        compare.visible = state.training and bool(state.user_runs)

    begin.on_click(show_errors(state, start))
    compare.on_click(show_errors(state, leave))
    state.param.watch(show_errors(state, look), "revision")
    if trainings.queue.busy:
        go_live()
    buttons = pn.FlexBox(
        begin,
        compare,
        hint,
        align_items="center",
        gap="10px 18px",
        margin=0,
        sizing_mode="stretch_width",
    )
    return pn.Column(
        hero,
        buttons,
        gallery,
        trainings.view,
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "16px"},
    )


def _gallery(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    """Both domains' galleries; quiet grey until they are drawn, in a thread, since that takes a
    second or two.
    """
    pane = pn.pane.HTML(
        _galleries_html([]), stylesheets=STYLES, sizing_mode="stretch_width", margin=0
    )

    def show(found: list[GalaxyGallery]) -> None:
        pane.object = _galleries_html(found)

    def draw() -> None:
        Compute(state, session).submit("galleries", galleries, where="slow", then=show)

    # After the page's HTML has left: the thread would compete with its rendering.
    pn.state.onload(draw) if pn.state.curdoc else draw()
    return pane


def _galleries_html(found: list[GalaxyGallery]) -> str:
    blocks = []
    for domain, (name, about) in _DOMAINS.items():
        rows = [gallery for gallery in found if gallery.domain == domain]
        pictures = "".join(map(_figure, rows))
        blank = (
            ""
            if rows
            else (
                "<figure><figcaption>drawing galaxies …</figcaption><div"
                " class='gallery-blank'></div></figure>"
            )
            * 2
        )
        head = (
            f"<h2><span style='color:{DOMAIN_COLORS[domain]}'>■</span> {name}"
            f" <small>{about}</small></h2>"
        )
        blocks.append(f"<section aria-label='{name} galaxies'>{head}{pictures or blank}</section>")
    return f"<div class='galleries'>{''.join(blocks)}</div>"


def _figure(gallery: GalaxyGallery) -> str:
    return (
        f"<figure><figcaption>{escape(gallery.kind)}s</figcaption>"
        f"<img src='{data_uri(gallery.png)}' alt='{escape(gallery.alt)}'></figure>"
    )


def _hero(text: str) -> str:
    return f"<div class='hero'><h1>{_HEADLINE}</h1><p>{text}</p></div>"
