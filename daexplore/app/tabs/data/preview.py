"""Preview of two domains: galleries by class and a description, read in a child process."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daexplore.app.core.processes import submit_process
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.views.images import data_uri, mosaic_png

if TYPE_CHECKING:
    from daexplore.data import GalaxySet

__all__ = ["DomainChoice", "DomainPreview", "preview_domains", "submit_preview", "validated_choice"]

_SHOWN = 16
_COLUMNS = 8
_TILE = 96


@dataclass(frozen=True)
class DomainChoice:
    """Which two domains are asked about: those that a run was trained on, or two presets or paths.

    Attributes:
        source: preset, or path of the labelled images.
        target: preset, or path of the survey's images.
        label: column of the catalogues that holds the class, None if a reader knows it.
        run: folder of a run; its galaxies then, and nothing else counts.
    """

    source: str = ""
    target: str = ""
    label: str | None = None
    run: str | None = None

    def arguments(self) -> list[str]:
        """The choice as arguments of ``daexplore inspect``."""
        if self.run is not None:
            return ["--run", self.run]
        return [self.source, self.target, *(["--label", self.label] if self.label else [])]


@dataclass(frozen=True)
class DomainPreview:
    """A preview of both domains.

    Attributes:
        galleries: as "walls" of an inspection: domain, label, n, total, png (data URI), oracle.
        words: for each domain, what it is, in a line.
        names: short name of each domain.
        key: changes whenever the galaxies do.
    """

    galleries: tuple[dict[str, Any], ...]
    words: dict[str, str]
    names: dict[str, str]
    key: str = field(compare=False)


def submit_preview(choice: DomainChoice) -> "Future[DomainPreview]":
    """Start reading the domains in a child process, or joins those who do; the future may hold an
    InputError.
    """
    return submit_process("data", preview_domains, choice)


def preview_domains(choice: DomainChoice) -> DomainPreview:
    """Read the domains; may take minutes where thousands of files have to be opened.

    Raises:
        InputError: a path that cannot be read.
    """
    galleries: list[dict[str, Any]] = []
    words, names, keys = {}, {}, [repr(choice.label)]
    for domain, (galaxies, total, key) in zip(DOMAINS, _opened(choice), strict=True):
        galleries += _galleries(galaxies, domain, total)
        words[domain] = _words(galaxies, total or len(galaxies))
        names[domain] = galaxies.name
        keys.append(key)
    return DomainPreview(
        tuple(galleries), words, names, hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    )


def _opened(choice: DomainChoice) -> "Iterator[tuple[GalaxySet, int | None, str]]":
    """The sets; how many images there are, where only a sample was made; and what identifies
    them.
    """
    from daexplore.data import open_described, read_galaxies

    if choice.run is None:
        for place, name in enumerate((choice.source, choice.target)):
            if _is_preset(name):
                yield _sample(name, place, 0, None)
            else:
                galaxies = read_galaxies(name, label=choice.label)
                yield galaxies, None, galaxies.fingerprint()
        return
    from daexplore.runs import Run

    run = Run(choice.run)
    data = run.config.data
    for place, (domain, name) in enumerate((("source", data.source), ("target", data.target))):
        about = run.info["data"][domain]
        kept = about.get("path") and Path(about["path"]).exists()
        if not kept and _is_preset(name):
            yield _sample(name, place, data.simulation_seed, data.simulated)
        else:
            galaxies = open_described(about)
            yield (
                galaxies,
                None,
                galaxies.fingerprint() + repr((data.fractions, data.split_seed, data.limit)),
            )


def _is_preset(name: str) -> bool:
    from daexplore.data.simulate import PRESETS

    return name in PRESETS


def _sample(
    name: str, place: int, seed: int, simulated: int | None
) -> "tuple[GalaxySet, int, str]":
    """A few galaxies of a preset: all of them may take minutes, and are the same for every user
    them.
    """
    from daexplore.data.simulate import PRESETS

    preset = PRESETS[name]
    return _simulated(name, seed)[place], simulated or preset.n, repr((preset, seed, simulated))


@lru_cache(maxsize=4)
def _simulated(name: str, seed: int) -> "tuple[GalaxySet, GalaxySet]":
    from daexplore.data.simulate import simulate

    return simulate(name, n=2 * _SHOWN, seed=seed, workers=1)


def _galleries(galaxies: "GalaxySet", domain: str, total: int | None) -> Iterator[dict[str, Any]]:
    from daexplore.data.rgb import to_rgb

    for label, kind in (*reversed(list(enumerate(galaxies.classes))), (-1, "unlabelled")):
        rows = np.flatnonzero(galaxies.labels == label)
        if not len(rows):
            continue
        shown = np.sort(np.random.default_rng(0).permutation(rows)[:_SHOWN])
        stamps = to_rgb(
            np.stack([np.asarray(galaxies.images[row]) for row in shown]),
            galaxies.bands,
            origin=galaxies.origin,
        )
        yield {
            "domain": domain,
            "label": kind,
            "n": len(shown),
            "total": None if total is not None else len(rows),
            "png": data_uri(mosaic_png(_sized(stamps), _COLUMNS, gap=3)),
            "oracle": domain == "target" and label >= 0,
        }


def _sized(stamps: np.ndarray) -> np.ndarray:
    """Small images with each pixel drawn several times, large ones made smaller: a gallery is for
    the eye.
    """
    from PIL import Image

    side = max(stamps.shape[1:3])
    if side <= _TILE:
        zoom = _TILE // side
        return stamps.repeat(zoom, axis=1).repeat(zoom, axis=2)
    size = (round(stamps.shape[2] * _TILE / side), round(stamps.shape[1] * _TILE / side))
    return np.stack(
        [
            np.asarray(Image.fromarray(stamp).resize(size, Image.Resampling.BICUBIC))
            for stamp in stamps
        ]
    )


def _words(galaxies: "GalaxySet", total: int) -> str:
    _, _, height, width = galaxies.images.shape
    scale = f", {galaxies.pixel_scale:.3g}″ a pixel" if galaxies.pixel_scale else ""
    return (
        f"{galaxies.name}: {total} images, {', '.join(galaxies.bands)}, {height} × {width}{scale}"
    )


def validated_choice(source: str, target: str, label: str = "") -> DomainChoice:
    """The choice that a user typed in.

    Raises:
        InputError: a field that is empty, or a path that does not exist on this machine.
    """
    from daexplore.data.simulate import PRESETS

    paths = []
    for domain, text in (("source", source.strip()), ("target", target.strip())):
        if not text:
            raise InputError(
                f"Give the path of the {domain} images: a galaxy set, an .npy or FITS file, a"
                f" folder of images, a catalogue; or a preset ({', '.join(PRESETS)})."
            )
        path = Path(text).expanduser()
        if text not in PRESETS and not path.exists():
            raise InputError(
                f"The {domain} images {text} do not exist on the machine that serves this page;"
                f" give another path, or a preset ({', '.join(PRESETS)})."
            )
        paths.append(text if text in PRESETS else str(path))
    return DomainChoice(paths[0], paths[1], label.strip() or None)
