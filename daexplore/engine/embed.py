"""Galaxy images made into vectors, chunk by chunk, resumable: a galaxy set of embeddings."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.analysis.images.morphology import feature_names, morphology
from daexplore.config import ModelConfig, ReadConfig
from daexplore.data import GalaxySet, describe, read_galaxies
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.preprocessing.steps import Crop, ImageScale
from daexplore.domains import DOMAINS
from daexplore.engine.inference import load_network
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.errors import InputError
from daexplore.models import EncoderNetwork, build_network
from daexplore.runs import Run
from daexplore.utils.files import atomic_write, write_json

__all__ = ["MORPHOLOGY", "embed"]

MORPHOLOGY = "morphology"
"""Name under which measured shapes stand in the place of a network."""

_CHUNK, _BATCH = 4096, 128
_PROGRESS = "embedding.json"
_PLAIN = ("deepmerge", "d4-deepmerge", "resnet18")


@dataclass(frozen=True)
class _Encoder:
    """What makes vectors of images.

    Attributes:
        identity: JSON types; another identity makes other vectors.
        names: of the features; None numbers them.
        vectors: from images (n, C, H, W) as they come to (n, D).
    """

    identity: dict[str, Any]
    names: tuple[str, ...] | None
    vectors: Callable[[NDArray[Any]], NDArray[np.float32]]


def embed(
    data: str,
    out: str | Path,
    network: str | None = None,
    *,
    run: str | Path | None = None,
    weights: str | None = None,
    options: dict[str, Any] | None = None,
    read: ReadConfig | None = None,
    restart: bool = False,
    device: str = "cpu",
    report: Report = no_report,
) -> GalaxySet:
    """Make a galaxy set whose "images" are vectors: one pixel, one band per feature.

    Catalogue, classes and ids are those of the images, which are remembered, so that they can be
    shown. Run again, it continues where it was stopped.

    Args:
        data: galaxies of any kind that can be read, or a preset's domain such as "demo:source".
        out: folder of the new set.
        network: encoder by name, such as "efficientnet-lite0", or "morphology". Images are scaled
            one by one (``data.normalise=image``).
        run: a trained run instead, whose latents and preprocessing are used.
        weights: file of weights for ``network``.
        options: of the network, such as ``{"resize": 128}``.
        read: how the files are read.
        restart: replace vectors that were begun differently.
        device: of torch.
        report: called with the progress.

    Raises:
        InputError: neither a network nor a run, galaxies that cannot be read, or a folder with
            something else.
    """
    galaxies = _opened(data, read)
    encoder = _encoder(galaxies, network, run, weights, options or {}, device)
    folder = Path(out)
    identity = encoder.identity | {"galaxies": galaxies.image_fingerprint(), "n": len(galaxies)}
    _begin(folder, identity, restart)
    starts = range(0, len(galaxies), _CHUNK)
    files = [f"vectors-{number:05d}.npy" for number in range(len(starts))]
    length = 0
    for start, name in zip(starts, files, strict=True):
        report(Progress("embedding", start, len(galaxies)))
        if not (folder / name).is_file():
            parts = [
                encoder.vectors(np.asarray(galaxies.images[first : min(first + _BATCH, stop)]))
                for stop in (min(start + _CHUNK, len(galaxies)),)
                for first in range(start, stop, _BATCH)
            ]
            with atomic_write(folder / name) as part, part.open("wb") as file:
                np.save(file, np.concatenate(parts)[:, :, None, None])
        length = int(np.load(folder / name, mmap_mode="r").shape[1])
    report(Progress("embedding", len(galaxies), len(galaxies)))
    return _finish(folder, galaxies, files, encoder, length)


def _opened(data: str, read: ReadConfig | None) -> GalaxySet:
    from daexplore.data.simulate import PRESETS, open_preset

    preset, _, domain = data.partition(":")
    if preset in PRESETS:
        if domain not in DOMAINS:
            raise InputError(
                f"{data!r} is a pair of sets: embed {preset}:source and {preset}:target, each into"
                " a folder of its own."
            )
        return open_preset(preset)[DOMAINS.index(domain)]
    return read_galaxies(data, read)


def _encoder(
    galaxies: GalaxySet,
    network: str | None,
    run: str | Path | None,
    weights: str | None,
    options: dict[str, Any],
    device: str,
) -> _Encoder:
    if (network is None) == (run is None):
        raise InputError("Name what makes the vectors: either --network NAME or --run RUN.")
    if run is not None:
        return _of_run(Run(run), galaxies, device)
    assert network is not None
    if network == MORPHOLOGY:
        scale = ImageScale()
        return _Encoder(
            {"network": network, "version": 1, "bands": list(galaxies.bands)},
            feature_names(galaxies.bands),
            lambda images: morphology(scale.apply(images)),
        )
    return _of_network(network, galaxies, weights, options, device)


def _of_run(run: Run, galaxies: GalaxySet, device: str) -> _Encoder:
    preprocess = Preprocess.from_dict(run.info["preprocessing"]).for_galaxy_set("target", galaxies)
    module = load_network(run).to(device)
    return _Encoder(
        {"run": run.id, "epoch": run.selected_epoch},
        None,
        lambda images: _latents(module, preprocess.apply(images, "target"), device),
    )


def _of_network(
    name: str, galaxies: GalaxySet, weights: str | None, options: dict[str, Any], device: str
) -> _Encoder:
    side = min(galaxies.images.shape[2:])
    own = {} if name in _PLAIN else {"latent": 0, "input": "unit"}
    config = ModelConfig(name, own | options, weights)
    module = build_network(config, len(galaxies.bands), 2, side)
    if not isinstance(module, EncoderNetwork) and weights is None:
        raise InputError(
            f"The network {name} has no published weights, and random ones make no useful vectors."
            " Give --weights FILE, or take a trained run with --run RUN."
        )
    module = module.to(device).eval()
    crop, scale = Crop((side, side)), ImageScale()
    return _Encoder(
        {"network": name, "options": options, "weights": weights},
        None,
        lambda images: _latents(module, scale.apply(crop.apply(images)), device),
    )


def _latents(
    module: torch.nn.Module, images: NDArray[np.float32], device: str
) -> NDArray[np.float32]:
    with torch.inference_mode():
        batch = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
        latents: NDArray[np.float32] = module(batch.to(device)).latents.float().cpu().numpy()
    return latents


def _begin(folder: Path, identity: dict[str, Any], restart: bool) -> None:
    """Make the folder, or check that what is in it was begun in the same way."""
    file = folder / _PROGRESS
    if folder.is_dir() and any(folder.iterdir()) and not file.is_file():
        raise InputError(
            f"{folder} holds something else than vectors. Choose another folder with --out."
        )
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before != identity and not restart:
            raise InputError(
                f"{folder} holds vectors that were made differently (from"
                f" {before.get('network') or before.get('run')}, {before.get('n')} galaxies)."
                " Choose another folder, or replace them with --restart."
            )
        for old in _written(folder) if before != identity or restart else ():
            old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, identity)


def _written(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("vectors-*.npy"))
    yield from (path for path in (folder / "galaxies.json",) if path.is_file())


def _finish(
    folder: Path, galaxies: GalaxySet, files: list[str], encoder: _Encoder, length: int
) -> GalaxySet:
    galaxies.catalogue.to_parquet(folder / "catalogue.parquet", index=False)
    names = encoder.names or tuple(f"f{number:04d}" for number in range(length))
    pictures = describe(galaxies)
    provenance = {"embedding": encoder.identity, "pictures": pictures}
    about = {
        "format": 1,
        "name": galaxies.name,
        "classes": list(galaxies.classes),
        "bands": list(names),
        "pixel_scale": None,
        "flux_scale": None,
        "psf_fwhm": None,
        "provenance": provenance,
        "chunks": [{"file": name} for name in files],
    }
    write_json(folder / "galaxies.json", about)
    return GalaxySet.load(folder)
