"""Work too slow for the page, done in calm child processes: UMAP in one, Grad-CAM in another, opening galaxies in a third."""

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from daexplore.app.tabs.data.preview import DomainChoice
    from daexplore.engine.whatif.messages import Query

__all__ = ["aligned_umap", "gradcam", "methods", "submit_preview_work", "umap", "whatif"]

_pools: dict[str, ProcessPoolExecutor] = {}
_pending: dict[tuple[Any, ...], "Future[Any]"] = {}
_lock = threading.Lock()


def umap(run_path: Path, epoch: int) -> "Future[Any]":
    """Starts the UMAP of an epoch's latents, or joins the one under way. Its result is a table: sample_id, x, y."""
    return _submit("umap", _umap, str(run_path), epoch)


def aligned_umap(run_path: Path, epochs: tuple[int, ...]) -> "Future[Any]":
    """Starts the UMAPs of all evaluated epochs, laid out together, or joins those under way. Their table has a column epoch beside.

    Args:
        run_path: folder of the run.
        epochs: those it has evaluated by now.
    """
    return _submit("umap", _aligned_umap, str(run_path), epochs)


def gradcam(run_path: Path, epoch: int, sample_id: str, domain: str) -> "Future[Any]":
    """Starts the Grad-CAM of one galaxy, or joins the one under way. Its result is a map (rows, cols), >= 0, un-normalised."""
    return _submit("gradcam", _gradcam, str(run_path), epoch, sample_id, domain)


def submit_preview_work(choice: "DomainChoice") -> "Future[Any]":
    """Starts reading two domains, or joins the one under way. Its result is a :class:`daexplore.app.tabs.data.preview.DomainPreview`."""
    return _submit("look", _look, choice)


def methods() -> "Future[Any]":
    """Starts asking what each alignment's options are, which takes torch, or joins the one under way: (name -> settings, networks)."""
    return _submit("look", _methods)


def _submit(pool: str, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    key = (pool, *arguments)
    with _lock:
        if key in _pending:
            return _pending[key]
        try:
            future = _pool(pool).submit(function, *arguments)
        except BrokenProcessPool:
            # A worker that was killed (out of memory, say) takes its pool along: the next request deserves a new one.
            _pools.pop(pool).shutdown(wait=False)
            future = _pool(pool).submit(function, *arguments)
        _pending[key] = future
    future.add_done_callback(lambda _: _forget(key))
    return future


def _forget(key: tuple[Any, ...]) -> None:
    with _lock:
        _pending.pop(key, None)


def _pool(name: str) -> ProcessPoolExecutor:
    if name not in _pools:
        # One thread each, set before the child imports numpy: a page on a busy machine must not make it busier.
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        _pools[name] = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=lower_priority
        )
    return _pools[name]


def lower_priority() -> None:
    if hasattr(os, "nice"):
        os.nice(10)


@atexit.register
def _stop() -> None:
    for pool in _pools.values():
        pool.shutdown(wait=False, cancel_futures=True)


def _look(choice: "DomainChoice") -> Any:
    from daexplore.app.tabs.data.preview import preview_domains

    return preview_domains(choice)


def _methods() -> Any:
    from daexplore.alignment import METHODS
    from daexplore.app.tabs.train.settings import method_settings
    from daexplore.models import NETWORKS

    return {name: method_settings(name, build) for name, build in METHODS.items()}, tuple(NETWORKS)


def _umap(run_path: str, epoch: int) -> Any:
    from daexplore.app.latents.umap import compute_umap

    return compute_umap(Path(run_path), epoch)


def _aligned_umap(run_path: str, _: tuple[int, ...]) -> Any:
    from daexplore.app.latents.umap import compute_aligned

    return compute_aligned(Path(run_path))


def _gradcam(run_path: str, epoch: int, sample_id: str, domain: str) -> NDArray[np.float32]:
    from daexplore.engine.explanation.gradcam import gradcam_map

    return np.asarray(gradcam_map(run_path, epoch, sample_id, domain), np.float32)


def whatif(question: "Query", number: int | None) -> "Future[Any]":
    """Starts what a run says of a galaxy at one position of a dial, or (None) where the dial can be turned to, or joins the one under way.

    Its result is an :class:`daexplore.engine.whatif.messages.Response`, or a ``Plan``.
    """
    return _submit("whatif", _whatif, question, number)


def _whatif(question: "Query", number: int | None) -> Any:
    from daexplore.engine.whatif.response import answer, plan

    return plan(question) if number is None else answer(question, number)
