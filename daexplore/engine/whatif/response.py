"""Response of a run's network to one galaxy at each level of a perturbation."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.saliency.maps import gradcam
from daexplore.data import GalaxySet, load_images, open_described
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.rgb import to_rgb, upright
from daexplore.data.simulate import PRESETS, Preset, reobserve
from daexplore.engine.inference import load_network, network_outputs
from daexplore.engine.perturbations import sky_sigma
from daexplore.engine.whatif.galaxy_perturbations import (
    WHATIF_DIALS,
    Position,
    Simulation,
    Subject,
    positions,
    remark,
)
from daexplore.engine.whatif.messages import Level, LevelPlan, Query, Response
from daexplore.errors import InputError
from daexplore.models import Network, batch_norm_domain
from daexplore.runs import Run

__all__ = ["answer", "plan"]

_NOISE_SAMPLE = 64


def plan(question: Query) -> LevelPlan:
    """The positions of the question's dial.

    Raises:
        InputError: the galaxy's image is not here, or the dial cannot be turned for it.
    """
    subject = _subject(*_key(question))
    stops = (
        Level(one.level, one.original, one.how, one.note)
        for one in positions(subject, question.dial)
    )
    return LevelPlan(
        subject.simulation is not None,
        WHATIF_DIALS[question.dial],
        tuple(stops),
        remark(subject, question.dial),
    )


def answer(question: Query, number: int) -> Response:
    """What the network says at one position of the plan. Galaxy, images and network stay in memory
    for the next call.

    Raises:
        InputError: as ``plan``, or the weights are not there.
    """
    key = _key(question)
    images, rgb = _images(*key, question.dial, question.seed, question.draws, number)
    network, preprocess = _network(question.run, question.epoch, _weights_stamp(question))
    outputs = network_outputs(network, images, np.arange(len(images)), preprocess, question.domain)
    called = int(outputs.logits[0].argmax()) if outputs.logits.shape[1] > 2 else 1
    with batch_norm_domain(network, question.domain):
        first = as_batch(images, np.zeros(1, np.int64), preprocess, question.domain)
        cam = gradcam(network, first, np.array([called]), network.saliency_layer)[0]
    shown = upright(np.asarray(cam, np.float32), _origin(*key[:2]))
    return Response(rgb, outputs.logits, outputs.latents, shown, called)


def _key(question: Query) -> tuple[str, str, str, float | None]:
    """Equal for runs made from the same galaxies."""
    run = _run(question.run)
    if question.sample_id not in run.samples.index:
        raise InputError(f"The run {run.id} knows no galaxy {question.sample_id!r}.")
    stated: Any = run.samples.loc[question.sample_id].get("redshift", np.nan)
    found = pd.to_numeric(stated, errors="coerce")
    redshift = None if pd.isna(found) else float(found)
    return (
        json.dumps(run.info["data"], sort_keys=True),
        question.domain,
        question.sample_id,
        redshift,
    )


def _weights_stamp(question: Query) -> int:
    file = Path(question.run) / "weights" / f"epoch-{question.epoch:04d}.safetensors"
    return file.stat().st_mtime_ns if file.is_file() else 0


@lru_cache(maxsize=8)
def _run(path: str) -> Run:
    return Run(path)


@lru_cache(maxsize=8)
def _network(path: str, epoch: int, _stamp: int) -> tuple[Network, Preprocess]:
    run = _run(path)
    return load_network(run, epoch), Preprocess.from_dict(run.info["preprocessing"])


@lru_cache(maxsize=64)
def _images(
    data: str,
    domain: str,
    sample_id: str,
    redshift: float | None,
    dial: str,
    seed: int,
    draws: int,
    number: int,
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The draws (draws, C, H, W) at one position, and the first of them in colour."""
    subject = _subject(data, domain, sample_id, redshift)
    images = _positions(data, domain, sample_id, redshift, dial)[number].draws(draws, seed)
    return images, to_rgb(images[:1], subject.bands, origin=_origin(data, domain))[0]


def _origin(data: str, domain: str) -> str | None:
    found = json.loads(data)[domain].get("origin")
    return None if found is None else str(found)


@lru_cache(maxsize=8)
def _positions(
    data: str, domain: str, sample_id: str, redshift: float | None, dial: str
) -> list[Position]:
    return positions(_subject(data, domain, sample_id, redshift), dial)


@lru_cache(maxsize=8)
def _subject(data: str, domain: str, sample_id: str, redshift: float | None) -> Subject:
    described = json.loads(data)
    image, bands = load_images(
        described[domain], domain, [sample_id], lambda about: _galaxies(json.dumps(about))
    )
    simulation = _simulation(
        described[domain], domain, sample_id, np.asarray(image, np.float32), redshift
    )
    noise = (
        {}
        if simulation is not None
        else {side: _sky(json.dumps(about)) for side, about in described.items()}
    )
    return Subject(
        sample_id,
        domain,
        np.asarray(image),
        bands,
        described[domain].get("pixel_scale"),
        simulation,
        noise,
    )


def _simulation(
    about: dict[str, Any],
    domain: str,
    sample_id: str,
    image: NDArray[np.float32],
    redshift: float | None,
) -> Simulation | None:
    """Where the galaxy comes from, if drawing it again gives its image bit by bit; else it counts
    as real.
    """
    made = next(
        (part["simulated"] for part in (about, *about.get("parts", ())) if part.get("simulated")),
        None,
    )
    if (
        made is None
        and not about.get("parts")
        and about.get("path")
        and Path(about["path"]).exists()
    ):
        made = _galaxies(json.dumps(about)).provenance
        made = {
            "preset": made.get("simulator"),
            "version": made.get("version"),
            "seed": made.get("seed"),
        }
    preset = PRESETS.get(str((made or {}).get("preset")))
    if made is None or preset is None or made["version"] != preset.version:
        return None
    # A domain of a preset can be in the place of the other one.
    conditions = (preset.source, preset.target)
    for condition in conditions if domain == "source" else reversed(conditions):
        try:
            again = reobserve(preset.name, [sample_id], condition, int(made["seed"]))
        except InputError:
            return None
        if np.array_equal(again, image):
            return Simulation(preset, condition, int(made["seed"]), _redshift(preset, redshift))
    return None


def _redshift(preset: Preset, catalogue: float | None) -> float | None:
    return preset.population.redshift if preset.samples is None else catalogue


@lru_cache(maxsize=4)
def _galaxies(about: str) -> GalaxySet:
    return open_described(json.loads(about))


@lru_cache(maxsize=4)
def _sky(about: str) -> NDArray[np.float64]:
    """(C,) sky noise of a set, from images spread over it."""
    galaxies = _galaxies(about)
    rows = np.unique(np.linspace(0, len(galaxies) - 1, _NOISE_SAMPLE).astype(np.int64))
    return sky_sigma(np.asarray(galaxies.images[rows]))
