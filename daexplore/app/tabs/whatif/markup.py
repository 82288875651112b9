"""Markup of the What-if tab: galaxy, film strip of levels, and maps at one level."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from daexplore.app.tabs.whatif.model import SelectedGalaxy
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.rgb import to_rgb
from daexplore.engine.whatif.messages import Level, Response
from daexplore.runs import Run, TrainingImages
from daexplore.views.images import (
    colorbar_png,
    common_scale,
    data_uri,
    galaxy_png,
    mosaic_png,
    overlay_png,
)

__all__ = ["film_html", "galaxy_html", "hints_html", "maps_html", "training_html"]

_RAMP = f"<img alt='dark to bright' src='{data_uri(colorbar_png(96, 8))}'>"
_SAID = {"recorded": "as recorded", "observed again": "observed again", "degraded": "degraded"}


def galaxy_html(chosen: SelectedGalaxy | None, truth: str) -> str:
    """Which galaxy it is, and how it was chosen."""
    if chosen is None:
        return (
            "<p class='hint'>No run on screen has evaluated a galaxy to turn the dial on. Choose"
            " other runs above.</p>"
        )
    reason = f"Example galaxy: {escape(chosen.reason)}. " if chosen.reason else ""
    return (
        f"<h3>{escape(chosen.sample_id)} <small>{escape(chosen.domain)}, {escape(chosen.split)}"
        f" split, {truth}</small></h3><p class='hint'>{reason}Tap another galaxy in Compare, Flips"
        " or Domain distance to turn the dial on that one.</p>"
    )


def film_html(
    stops: tuple[Level, ...], images: Mapping[int, Response], position: int, sample_id: str
) -> str:
    """The galaxy at each position; the one looked at is outlined. Each frame is a button with its
    number.
    """
    frames = []
    for number, stop in enumerate(stops):
        answer = images.get(number)
        text = escape(f"{sample_id} at {stop.level:.3g}, {_SAID[stop.how]}", quote=True)
        picture = (
            f"<img alt='{text}' src='{data_uri(galaxy_png(answer.image))}'>"
            if answer
            else "<div class='blank'>computing …</div>"
        )
        own = "<i>survey's own</i>" if stop.original else ""
        looked = number == position
        frames.append(
            f"<figure data-galaxy='{number}' class='frame{' looked' if looked else ''}'"
            f" aria-pressed='{_flag(looked)}'"
            f" aria-label='{text}'>{picture}<figcaption><b>{stop.level:.3g}</b>"
            f" {own}<br>{escape(stop.note)}</figcaption></figure>"
        )
    return f"<div class='film'>{''.join(frames)}</div>"


def maps_html(
    answers: Mapping[str, Response],
    probabilities: Mapping[str, "np.ndarray[tuple[int], np.dtype[np.float64]]"],
    everything: list[Response],
    stop: Level,
    classes: tuple[str, ...],
    pair: tuple[int, int],
    threshold: float,
) -> str:
    """Grad-CAM of each run at one position, on one scale for all runs and positions; and what each
    run says there.
    """
    if not answers:
        return "<p class='hint'>Computing Grad-CAM …</p>"
    scale = common_scale(answer.map for answer in everything)
    cells = []
    for run, answer in answers.items():
        p = probabilities[run]
        middle = float(np.median(p))
        called = escape(classes[pair[1]] if middle > threshold else classes[pair[0]])
        spread = (
            f"<br>{len(p)} draws, {p.min():.2f} to {p.max():.2f}"
            if len(p) > 1
            else "<br>no noise to draw, 1 image"
        )
        explained = classes[answer.explained]
        alt = escape(f"Grad-CAM of {run} for {explained} at {stop.level:.3g}", quote=True)
        says = (
            f"for {escape(explained)}<br>p({escape(classes[pair[1]])}) <b>{middle:.2f}</b>:"
            f" {called}{spread}"
        )
        picture = (
            f"<img alt='{alt}' src='{data_uri(overlay_png(answer.image, answer.map, scale))}'>"
        )
        cells.append(
            f"<figure>{picture}<figcaption><b>{escape(run)}</b><br>{says}</figcaption></figure>"
        )
    return (
        f"<div class='strip-head'><b>Grad-CAM at {stop.level:.3g}</b><span>of the first"
        f" draw</span><span class='scale'>one scale for all runs and positions: 0 {_RAMP}"
        f" {scale:.2g}</span></div><div class='strip maps'>{''.join(cells)}</div>"
    )


def hints_html(sentences: list[str]) -> str:
    """Each sentence as a quiet line."""
    return "".join(f"<p class='hint'>{escape(sentence)}</p>" for sentence in sentences if sentence)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _bands(run: Run) -> tuple[str, ...]:
    return Preprocess.from_dict(run.info["preprocessing"]).bands


def training_html(runs: Sequence[Run]) -> str:
    """What networks trained under random observing conditions are shown; "" where none is."""
    parts = []
    for run in runs:
        found = TrainingImages.read(run.path)
        if found is None or run.config.train.conditions is None:
            continue
        galaxies, draws = int((found.draws == 0).sum()), int(found.draws.max())
        data = run.info["data"]["source"]
        rgb = to_rgb(found.images, _bands(run), origin=data.get("origin"))
        text = (
            f"{galaxies} galaxies in columns: above as in the source, below under {draws} draws of"
            f" the observing conditions of {run.label}"
        )
        parts.append(
            f"<figure><img alt='{escape(text, quote=True)}'"
            f" src='{data_uri(mosaic_png(rgb, galaxies))}'>"
            f"<figcaption>{escape(run.label)}: {galaxies} source galaxies of the training split."
            f" First row: as they are. Other rows: {draws} draws of the conditions.</figcaption>"
            "</figure>"
        )
    if not parts:
        return ""
    return (
        "<h3>What the network is shown</h3><p class='hint'>In training, each image is seen through"
        " observing conditions that are drawn again in each epoch. A curve above that stays level"
        " over a range of a dial shows that the network became insensitive to it.</p>"
        f"<div class='shown'>{''.join(parts)}</div>"
    )
