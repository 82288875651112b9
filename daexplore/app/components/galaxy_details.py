"""Details of the selected galaxy: image in both domains, predictions and Grad-CAM per run."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from numpy.typing import NDArray

from daexplore.app.catalogue_columns import columns_of
from daexplore.app.components.galaxy_images import cached_gradcam, galaxy_image, submit_gradcam
from daexplore.app.core.session import Session, error_message, show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import LatentView
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE
from daexplore.data.rgb import upright
from daexplore.errors import InputError
from daexplore.views.images import colorbar_png, common_scale, data_uri, galaxy_png, overlay_png
from daexplore.views.plots.saliency import summary_saliency

__all__ = ["GalaxyDetails"]


_Key = tuple[str, int, str]
_RAMP = f"<img alt='dark to bright' src='{data_uri(colorbar_png(96, 8))}'>"


@dataclass(frozen=True)
class RunPrediction:
    """Prediction of one run for the galaxy; ``map`` None with the reason in ``note``."""

    run: str
    epoch: int
    probability: float
    map: NDArray[np.float32] | None
    note: str


class GalaxyDetails:
    """Follows ``state.galaxy``. Maps that are not stored are computed in a child process and come
    in when they are ready.

    Args:
        state: whose galaxy.
        scenes: the panels' scenes, asked for whenever the strip is drawn.
        session: in which maps arrive when they are ready.
    """

    def __init__(
        self, state: ExplorerState, scenes: Callable[[], list[LatentView]], session: Session
    ) -> None:
        self._state, self._scenes, self._session = state, scenes, session
        self._failed: dict[_Key, str] = {}
        self._waiting: dict[_Key, Future[Any]] = {}
        self.view = pn.pane.HTML(
            "",
            sizing_mode="stretch_width",
            stylesheets=[STYLE],
            margin=0,
            css_classes=["galaxy-strip"],
        )
        self.draw()

    def draw(self) -> None:
        """Show the galaxy under the runs and epochs on screen."""
        state = self._state
        scenes = [scene for scene in self._scenes() if scene.row_of(state.galaxy) is not None]
        wanted = {(scene.run.id, scene.evaluation.epoch, state.galaxy) for scene in scenes}
        for key in [key for key in self._waiting if key not in wanted]:
            self._waiting.pop(key).cancel()
        if state.galaxy is None:
            self.view.object = (
                "<p class='hint'>Tap a galaxy in any panel to see its image, its probability and"
                " its Grad-CAM in every run; the arrow keys walk on.</p>"
            )
        elif not scenes:
            self.view.object = (
                f"<p class='hint'>No run on screen has evaluated {escape(state.galaxy)}; it is kept"
                " in case another one has.</p>"
            )
        else:
            self.view.object = explained(self._html(scenes, state.galaxy))

    def _html(self, scenes: list[LatentView], sample_id: str) -> str:
        scene = scenes[0]
        row = scene.row_of(sample_id)
        assert row is not None
        found = scene.evaluation
        twin = scene.counterpart_of(row)
        domain = str(found.domain[row])
        image, note = _image(scene, row)
        origin = scene.run.info["data"][domain].get("origin")
        verdicts = [self._verdict(each, sample_id, domain) for each in scenes]
        scale = common_scale(verdict.map for verdict in verdicts if verdict.map is not None)
        about = scene.run.classes[1] if len(scene.run.classes) == 2 else "the predicted class"
        cells = [
            _cell(
                _picture(image, note, f"{sample_id}, {domain}"),
                f"<b>{domain}</b>",
                _truth(scene, row),
            )
        ]
        if twin is not None:
            other, other_note = _image(scene, twin)
            other_domain = str(found.domain[twin])
            cells.append(
                _cell(
                    _picture(other, other_note, f"the same galaxy, {other_domain}"),
                    f"same galaxy, {other_domain}",
                    _called(scene, twin),
                )
            )
        cells += [
            _cell(
                _map(verdict, image, scale, origin),
                f"<b>{escape(verdict.run)}</b>",
                _says(verdict, scene, state=self._state) + _agreement(verdict, verdicts[0]),
            )
            for verdict in verdicts
        ]
        return (
            f"<div class='strip-head'><b>{escape(sample_id)}</b> <span>{domain}, {found.split[row]}"
            " split</span>"
            f"<span class='scale'>{term('Grad-CAM', f'Grad-CAM of {about}')}, one scale: 0 {_RAMP}"
            f" {scale:.2g}</span></div>"
            f"{self._chosen()}<div class='strip'>{''.join(cells)}</div>"
            f"<p class='summary'>{escape(_summary(sample_id, about, verdicts))}</p>"
            f"{_catalogue(scene, sample_id)}"
        )

    def _chosen(self) -> str:
        return (
            f"<p class='summary'>Example galaxy: {escape(self._state.galaxy_reason)}.</p>"
            if self._state.galaxy_reason
            else ""
        )

    def _verdict(self, scene: LatentView, sample_id: str, domain: str) -> RunPrediction:
        row = scene.row_of(sample_id)
        assert row is not None
        epoch = scene.evaluation.epoch
        found, note = cached_gradcam(scene.run, epoch, sample_id), ""
        key = (scene.run.id, epoch, sample_id)
        if found is None:
            note = self._failed.get(key, "computing …")
        if found is None and key not in self._failed and key not in self._waiting:
            self._waiting[key] = submit_gradcam(scene.run, epoch, sample_id, domain)
            self._waiting[key].add_done_callback(
                lambda done: self._session.call_soon(
                    show_errors(self._state, partial(self._arrived, key, done))
                )
            )
        return RunPrediction(scene.label, epoch, float(scene.probability[row]), found, note)

    def _arrived(self, key: _Key, done: "Future[Any]") -> None:
        if self._waiting.pop(key, None) is None:
            return
        # Where another page gave up what both were waiting for, it is asked for again below.
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._failed[key] = error_message(error)
        self.draw()


def _image(scene: LatentView, row: int) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        return (
            galaxy_image(
                scene.run, str(scene.evaluation.domain[row]), str(scene.evaluation.sample_ids[row])
            ),
            "",
        )
    except (InputError, OSError) as error:
        return None, str(error)


def _picture(image: NDArray[np.uint8] | None, note: str, text: str) -> str:
    if image is None:
        return f"<div class='blank' title='{escape(note, quote=True)}'>{escape(note)}</div>"
    return f"<img alt='{escape(text, quote=True)}' src='{data_uri(galaxy_png(image))}'>"


def _map(
    verdict: RunPrediction, image: NDArray[np.uint8] | None, scale: float, origin: str | None
) -> str:
    if verdict.map is None:
        return (
            f"<div class='blank' title='{escape(verdict.note, quote=True)}'>Grad-CAM:"
            f" {escape(verdict.note)}</div>"
        )
    ground = np.zeros((72, 72, 3), np.uint8) if image is None else image
    text = f"Grad-CAM of {verdict.run}, epoch {verdict.epoch}"
    shown = overlay_png(ground, upright(verdict.map, origin), scale)
    return f"<img alt='{escape(text, quote=True)}' src='{data_uri(shown)}'>"


def _cell(picture: str, title: str, line: str) -> str:
    return f"<figure>{picture}<figcaption>{title}<br>{line}</figcaption></figure>"


def _truth(scene: LatentView, row: int) -> str:
    label, oracle = int(scene.evaluation.labels[row]), scene.evaluation.domain[row] == "target"
    if label < 0:
        return "unlabelled"
    return f"is {escape(scene.run.classes[label])}{' <i>oracle</i>' if oracle else ''}"


def _called(scene: LatentView, row: int) -> str:
    return f"p {scene.probability[row]:.2f} in {escape(scene.label)}"


def _says(verdict: RunPrediction, scene: LatentView, state: ExplorerState) -> str:
    first, second = (scene.run.classes[label] for label in scene.pair)
    called = second if verdict.probability > state.threshold else first
    return f"p({escape(second)}) <b>{verdict.probability:.2f}</b>: {escape(called)}"


def _summary(sample_id: str, about: str, verdicts: list[RunPrediction]) -> str:
    return summary_saliency(
        sample_id,
        about,
        {verdict.run: _central(verdict.map) for verdict in verdicts if verdict.map is not None},
    )


def _agreement(verdict: RunPrediction, first: RunPrediction) -> str:
    """How far a map and the first run's point to the same cells, as a line of markup."""
    from daexplore.analysis.saliency.maps import iou

    if (
        verdict is first
        or verdict.map is None
        or first.map is None
        or verdict.map.shape != first.map.shape
    ):
        return ""
    value = float(iou(first.map, verdict.map))
    about = (
        f"Intersection over union of the fifth of the cells where the maps of {verdict.run} and"
        f" {first.run} are largest"
    )
    shown = "–" if np.isnan(value) else f"{value:.2f}"
    return (
        f"<br><small title='{escape(about, quote=True)}'>{term('IoU')} with {escape(first.run)}"
        f" {shown}</small>"
    )


def _catalogue(scene: LatentView, sample_id: str) -> str:
    """The galaxy's line of the catalogue; what it lacks is left out."""
    row = scene.run.samples.loc[sample_id]
    parts = [
        f"{escape(name)} <b>{escape(_value(row[name]))}</b>"
        for name in columns_of([scene.run])
        if not pd.isna(row[name])
    ]
    line = " · ".join(parts)
    return (
        f"<p class='catalogue' title='{escape(re.sub('<[^>]*>', '', line), quote=True)}'>{line}</p>"
        if parts
        else ""
    )


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _central(cam: NDArray[np.float32]) -> float:
    """The share of a map within the central half of the image's width and height; NaN for a map
    that is zero everywhere.
    """
    inside = [
        np.clip((np.arange(size) + 1) / size, 0.25, 0.75)
        - np.clip(np.arange(size) / size, 0.25, 0.75)
        for size in cam.shape
    ]
    weight = np.outer(inside[0] * cam.shape[0], inside[1] * cam.shape[1])
    total = float(cam.sum())
    return float((cam * weight).sum()) / total if total > 0 else float("nan")
