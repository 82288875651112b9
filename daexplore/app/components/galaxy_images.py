"""Images and Grad-CAM maps of galaxies, cached for all sessions."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.processes import submit_process
from daexplore.app.latents.embeddings import change_token
from daexplore.data import GalaxySet, load_pictures, open_described
from daexplore.data.rgb import to_rgb
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.images import data_uri, galaxy_png

__all__ = [
    "cached_gradcam",
    "draw_thumbnails",
    "galaxy_image",
    "galaxy_images",
    "submit_gradcam",
    "thumbnail",
]


_sets: LRUCache[GalaxySet] = LRUCache(8)
_maps: LRUCache[NDArray[np.float32]] = LRUCache(2000)
_pictures: LRUCache[str] = LRUCache(3000)


def galaxy_image(run: Run, domain: str, sample_id: str) -> NDArray[np.uint8]:
    """(H, W, 3) the galaxy in colour.

    Raises:
        InputError: the images are not on this machine, or do not hold the galaxy.
    """
    image: NDArray[np.uint8] = galaxy_images(run, domain, [sample_id])[0]
    return image


def galaxy_images(run: Run, domain: str, sample_ids: Sequence[str]) -> NDArray[np.uint8]:
    """(n, H, W, 3) several galaxies of one domain, in the order of their ids; raises as
    ``galaxy_image``.
    """
    description = run.info["data"][domain]
    shown = description.get("pictures") or description
    key = tuple(str(shown.get(name)) for name in ("path", "label", "prefix", "fingerprint"))
    pixels, bands = load_pictures(
        description, domain, sample_ids, lambda about: _sets.get(key, lambda: open_described(about))
    )
    return to_rgb(pixels, bands, origin=shown.get("origin"))


def cached_gradcam(run: Run, epoch: int, sample_id: str) -> NDArray[np.float32] | None:
    """(rows, cols) a map that is stored in the run or was computed since; None if there is none
    yet.
    """
    stored = run.saliency(epoch)
    found = stored.map(sample_id) if stored is not None else None
    if found is None:
        found = _maps.peek(_key(run, epoch, sample_id))
    return found


def submit_gradcam(run: Run, epoch: int, sample_id: str, domain: str) -> "Future[Any]":
    """Start computing a map that is not available; when the future is done it is, unless the future
    holds an exception.
    """
    future = submit_process("gradcam", _gradcam, str(run.path), epoch, sample_id, domain)
    key = _key(run, epoch, sample_id)

    def keep(done: "Future[Any]") -> None:
        if not done.cancelled() and done.exception() is None:
            _maps.get(key, done.result)

    future.add_done_callback(keep)
    return future


def _gradcam(run_path: str, epoch: int, sample_id: str, domain: str) -> NDArray[np.float32]:
    # Imported in the child process alone: it takes torch.
    from daexplore.engine.explanation.gradcam import gradcam_map

    return np.asarray(gradcam_map(run_path, epoch, sample_id, domain), np.float32)


def _key(run: Run, epoch: int, sample_id: str) -> tuple[Any, ...]:
    return *change_token(run, epoch), sample_id


def thumbnail(run: Run, domain: str, sample_id: str) -> str | None:
    """The galaxy as a data URI if it was drawn before, else None."""
    return _pictures.peek(_image_key(run, domain, sample_id))


def draw_thumbnails(run: Run, domain: str, sample_ids: Iterable[str]) -> str:
    """Draw galaxies, for ``thumbnail`` to find; for a thread, since the images may have to be
    opened first.

    Returns:
        Why one could not be drawn, in a sentence; empty if all were.
    """
    problem = ""
    for sample_id in sample_ids:
        try:
            _pictures.get(
                _image_key(run, domain, sample_id),
                partial(_image_uri, run, domain, sample_id),
            )
        except (InputError, OSError) as error:
            problem = str(error)
    return problem


def _image_uri(run: Run, domain: str, sample_id: str) -> str:
    return data_uri(galaxy_png(galaxy_image(run, domain, sample_id)))


def _image_key(run: Run, domain: str, sample_id: str) -> tuple[str, ...]:
    about = run.info["data"][domain]
    return *(str(about.get(name)) for name in ("path", "prefix", "fingerprint")), sample_id
