"""Diagram of the losses of a training, and of the parts of the network that each one pulls."""

from html import escape

import pandas as pd

from daexplore.app.glossary.markup import term
from daexplore.methods import METHODS, LossTerm, method_label

__all__ = ["loss_diagram_html"]

_LOSSES = {name: method.loss for name, method in METHODS.items() if method.loss is not None}


_NOTE = (
    "Arrows run against the data, as gradients do; the wider, the larger the weighted loss now (not"
    " its gradient). Dashed: sign reversed."
)
_TASK = (
    "The task loss pulls classifier and encoder so that labelled source galaxies fall on the right"
    " side of the boundary."
)
_ROW, _TOP = 46, 62


def loss_diagram_html(method: str, weights: dict[str, float], history: pd.DataFrame) -> str:
    """The diagram of a run's losses with their sizes in its newest epoch, and the same in
    sentences.

    Args:
        method: alignments joined by "+".
        weights: of each alignment, by name.
        history: of the run, as ``Run.history`` gives it; may be empty.
    """
    train = history[
        (history["split"] == "train") & history["name"].astype(str).str.startswith("loss/")
    ]
    sizes = {
        str(name).removeprefix("loss/"): float(value)
        for name, value in train.groupby("name")["value"].last().items()
    }
    names = [name for name in method.split("+") if name in _LOSSES]
    others = [name for name in weights if name not in _LOSSES]
    drawn = [_box(0, "classifier", 196), _box(0, "encoder", 84), _box(0, "images", 2, quiet=True)]
    drawn += [
        _flow(66, 84),
        _flow(162, 196),
        _size_text(0, "task", sizes.get("task")),
        _arrow("M280,31 C264,4 214,4 200,14", sizes.get("task", 0)),
    ]
    drawn.append(_arrow("M196,24 C184,10 158,10 148,16", sizes.get("task", 0)))
    sentences = [_TASK if method != "oracle" else _TASK.replace("source", "target (oracle)")]
    for place, name in enumerate(names):
        force, size = (
            _LOSSES[name],
            sum(abs(sizes.get(each, 0.0)) for each in _LOSSES[name].terms),
        )
        known = any(each in sizes for each in force.terms)
        pull = weights.get(name, 1.0) * size
        top = _TOP + _ROW * place
        drawn.append(_box(top, force.box, 120, 156))
        drawn.append(_size_text(top, f"λ {weights.get(name, 1.0):g} ×", size if known else None))
        drawn.append(
            _arrow(
                f"M120,{top + 16} C96,{top + 12} 96,{_TOP - 4} 112,{_TOP - 16}",
                pull,
                dashed=force.reversed,
            )
        )
        if force.also_classifier:
            drawn.append(
                _arrow(f"M262,{top + 2} C262,{_TOP - 4} 250,{_TOP - 10} 246,{_TOP - 16}", pull)
            )
        sentences.append(_sentence(name, force))
    sentences += [
        f"{escape(name)} is your own method: its file states what its loss does." for name in others
    ]
    height = _TOP + _ROW * len(names)
    title = escape(
        f"Parts of the network and the losses that pull them in a run of {method_label(method)}",
        quote=True,
    )
    picture = (
        f"<svg viewBox='0 0 364 {height}' role='img' aria-label='{title}'"
        f" class='forces'>{_HEAD}{''.join(drawn)}</svg>"
    )
    return (
        f"{picture}<ul class='forces'>{''.join(f'<li>{each}</li>' for each in sentences)}</ul><p"
        f" class='hint'>{_NOTE}</p>"
    )


_HEAD = (
    "<defs><marker id='tip' viewBox='0 0 8 8' refX='6' refY='4' markerWidth='9' markerHeight='9'"
    " markerUnits='userSpaceOnUse' orient='auto'><path d='M0,0 L8,4 L0,8 z'"
    " fill='#D55E00'/></marker></defs>"
)


def _sentence(name: str, force: LossTerm) -> str:
    shown = term(method_label(name))
    also = " and the classifier" if force.also_classifier else ""
    if force.reversed:
        return (
            f"{shown} reads {force.reads}: the {force.box} learns to separate the domains; its"
            f" gradient reaches the encoder with its sign reversed, and pulls it {force.pulls}."
        )
    return f"{shown} reads {force.reads} and pulls the encoder{also} {force.pulls}."


def _box(top: int, text: str, left: int, width: int = 0, quiet: bool = False) -> str:
    width = width or (64 if quiet else 78)
    edge = "stroke-dasharray='2 3'" if quiet else ""
    shape = f"x='{left}' y='{top + 14}' width='{width}' height='32' rx='5'"
    rect = f"<rect {shape} fill='none' stroke='currentColor' stroke-opacity='.55' {edge}/>"
    return (
        f"{rect}<text x='{left + width / 2}' y='{top + 34}'"
        f" text-anchor='middle'>{escape(text)}</text>"
    )


def _flow(start: int, end: int) -> str:
    return (
        f"<line x1='{start}' x2='{end}' y1='30' y2='30' stroke='currentColor'"
        " stroke-opacity='.45'/>"
    )


def _size_text(top: int, name: str, size: float | None) -> str:
    shown = "…" if size is None else f"{size:.3f}"
    return f"<text x='282' y='{top + 34}'>{escape(name)} {shown}</text>"


def _arrow(path: str, size: float, dashed: bool = False) -> str:
    width = 1.2 + 4 * min(abs(size), 1.5) / 1.5
    dash = "stroke-dasharray='6 4'" if dashed else ""
    return (
        f"<path d='{path}' fill='none' stroke='#D55E00' stroke-width='{width:.1f}' {dash}"
        " marker-end='url(#tip)'/>"
    )
