"""Headline above the tabs, computed in the background and cached for all sessions."""

from collections.abc import Hashable
from typing import Any

import panel as pn

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session
from daexplore.app.glossary.markup import explained
from daexplore.app.headline.text import headline
from daexplore.app.latents.embeddings import change_token
from daexplore.app.latents.view import scene
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE

__all__ = ["cached_headline", "computed_headline", "headline_bar"]

_told: LRUCache[str] = LRUCache(256)


def cached_headline(state: ExplorerState) -> str:
    """The sentence, if it has been computed for what is on screen; else nothing."""
    return _told.peek(_key(state)) or ""


def headline_bar(state: ExplorerState, session: Session) -> pn.viewable.Viewable:
    """The line that shows it."""
    # An empty line of the sentence's height at first, so that nothing moves when it arrives.
    service = Compute(state, session)
    line = pn.pane.HTML(
        _line(cached_headline(state)), sizing_mode="stretch_width", stylesheets=[STYLE], margin=0
    )

    def show(found: str) -> None:
        line.object = _line(found)

    def soon(*_: Any) -> None:
        service.settle("headline", computed_headline, state.snapshot(), then=show)

    state.param.watch(soon, ["run_ids", "epoch", "split", "threshold", "pair", "progress"])
    soon()
    return line


def computed_headline(state: ExplorerState) -> str:
    """The sentence about what a state shows, kept for :func:`cached_headline`."""
    from daexplore.app.results.seed_variability import seed_flip_rate

    return _told.get(
        _key(state),
        lambda: headline(state, [scene(state, run) for run in state.runs], seed_flip_rate(state)),
    )


def _key(state: ExplorerState) -> Hashable:
    """All that the sentence depends on; which other runs there are bears on the noise of the
    seeds.
    """
    shown = tuple((*change_token(run, state.epoch_of(run)), state.label(run)) for run in state.runs)
    return (
        shown,
        state.split,
        state.threshold,
        state.pair,
        tuple(run.id for run in state.evaluated_runs),
    )


def _line(found: str) -> str:
    return explained(f"<p class='headline'>{found}</p>")
