"""The controls above the panels, and the legend of hues and markers."""

from html import escape
from itertools import combinations
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from daexplore.app.catalogue_columns import COLUMN
from daexplore.app.core.session import bind, show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import LatentView
from daexplore.app.state import ExplorerState
from daexplore.views.style import class_marker

__all__ = ["legend", "toolbar"]

_SHAPES = {
    "circle": "<circle cx='6' cy='6' r='4.5'/>",
    "triangle": "<path d='M6 1 L11 10.5 L1 10.5 Z'/>",
    "square": "<path d='M2 2 H10 V10 H2 Z'/>",
    "diamond": "<path d='M6 0.5 L10.5 6 L6 11.5 L1.5 6 Z'/>",
    "star": (
        "<path d='M6 0 L7.5 4.4 L12 4.4 L8.4 7.1 L9.7 11.5 L6 8.8 L2.3 11.5 L3.6 7.1 L0 4.4 L4.5"
        " 4.4 Z'/>"
    ),
    "hex": "<path d='M3.5 1.5 H8.5 L11.2 6 L8.5 10.5 H3.5 L0.8 6 Z'/>",
    "x": "<path d='M2 2 L10 10 M10 2 L2 10' stroke='currentColor' stroke-width='1.6'/>",
}


def toolbar(state: ExplorerState) -> pn.viewable.Viewable:
    """View, split, domains, colour and, for more than two classes, the pair either side of the
    boundary.
    """
    look: dict[str, Any] = {"size": "small", "margin": 0}
    pair = pmui.Select(
        label="Class pair",
        options=_pairs(state),
        value=tuple(state.pair),
        width=210,
        **look,
    )
    pair.visible = len(state.classes) > 2
    pair.param.watch(lambda event: state.param.update(pair=event.new), "value")

    def classes_changed(_: Any) -> None:
        pair.options = _pairs(state)
        pair.visible = len(state.classes) > 2
        pair.value = tuple(state.pair)

    state.param.watch(classes_changed, ["run_ids", "pair"])
    return pn.FlexBox(
        _choice(
            state,
            "view",
            {"Margin plane": "plane", "PCA": "pca", "UMAP": "umap", "UMAP (aligned)": "aligned"},
        ),
        _choice(state, "domains", {"Both domains": "both", "Source": "source", "Target": "target"}),
        _choice(state, "split", {"Test": "test", "Validation": "validation"}),
        _colour(state),
        pair,
        align_items="center",
        gap="6px 14px",
        sizing_mode="stretch_width",
        margin=0,
    )


def legend(scenes: list[LatentView], hues: str) -> str:
    """What hues, markers and rings mean, as markup; of the hues ``hues`` says it."""
    if not scenes:
        return ""
    parts = [hues]
    present = {
        int(label) for scene in scenes for label in np.unique(scene.evaluation.labels[scene.rows])
    }
    labels = sorted(present, key=lambda label: (label < 0, label))
    for label in labels:
        parts.append(
            _item(
                f"<g fill='currentColor'>{_SHAPES[class_marker(label)]}</g>",
                scenes[0].run.classes[label] if label >= 0 else "unlabelled",
            )
        )
    parts.append(f"<span><i>{term('oracle')}</i> true class of target galaxies</span>")
    parts.append(
        _item(
            "<circle cx='6' cy='6' r='5.5' fill='none' stroke='currentColor' stroke-width='2'/>",
            "tapped",
        )
    )
    parts.append(
        _item(
            "<circle cx='6' cy='6' r='5.5' fill='none' stroke='currentColor' stroke-width='2'"
            " stroke-dasharray='3 2'/>",
            "same galaxy, other domain",
        )
    )
    return explained(f"<div class='legend'>{''.join(parts)}</div>")


def _colour(state: ExplorerState) -> pn.viewable.Viewable:
    choice = pmui.Select(label="Hue", size="small", margin=0, width=190, searchable=True)

    def follow(*_: Any) -> None:
        options = {name.removeprefix(COLUMN): name for name in state.colours}
        choice.param.update(
            options=options, value=state.colour if state.colour in state.colours else "domain"
        )

    follow()
    state.param.watch(show_errors(state, follow), ["run_ids", "colour"])
    choice.param.watch(lambda event: state.show(colour=event.new), "value")
    return choice


def _choice(state: ExplorerState, name: str, options: dict[str, str]) -> pmui.RadioButtonGroup:
    group = pmui.RadioButtonGroup(options=options, size="small", margin=0, label="")
    bind(group, state, name)
    return group


def _pairs(state: ExplorerState) -> dict[str, tuple[int, int]]:
    return {
        f"{first} | {second}": (i, j)
        for (i, first), (j, second) in combinations(enumerate(state.classes), 2)
    } or {"": (0, 1)}


def _item(shape: str, text: str) -> str:
    return (
        f"<span><svg width='12' height='12' aria-hidden='true'>{shape}</svg>{escape(text)}</span>"
    )
