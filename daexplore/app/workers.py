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
    from daexplore.app.looks import Choice

__all__ = ["gradcam", "look", "umap", "umap_file"]

_pools: dict[str, ProcessPoolExecutor] = {}
_pending: dict[tuple[Any, ...], "Future[Any]"] = {}
_lock = threading.Lock()


def umap_file(run_path: Path, epoch: int) -> Path:
    """Where the UMAP of an epoch's latents is kept."""
    return run_path / "derived" / f"umap-epoch={epoch:04d}.parquet"


def umap(run_path: Path, epoch: int) -> "Future[Any]":
    """Starts the UMAP of an epoch's latents, or joins the one under way. Its result is (sample_ids (n,), x (n,), y (n,))."""
    return _submit("umap", _umap, str(run_path), epoch)


def gradcam(run_path: Path, epoch: int, sample_id: str, domain: str) -> "Future[Any]":
    """Starts the Grad-CAM of one galaxy, or joins the one under way. Its result is a map (rows, cols), >= 0, un-normalised."""
    return _submit("gradcam", _gradcam, str(run_path), epoch, sample_id, domain)


def look(choice: "Choice") -> "Future[Any]":
    """Starts reading two domains, or joins the one under way. Its result is a :class:`daexplore.app.looks.Look`."""
    return _submit("look", _look, choice)


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
        _pools[name] = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_calm)
    return _pools[name]


def _calm() -> None:
    if hasattr(os, "nice"):
        os.nice(10)


@atexit.register
def _stop() -> None:
    for pool in _pools.values():
        pool.shutdown(wait=False, cancel_futures=True)


def _look(choice: "Choice") -> Any:
    from daexplore.app.looks import look

    return look(choice)


def _umap(run_path: str, epoch: int) -> tuple[NDArray[np.object_], NDArray[np.float32], NDArray[np.float32]]:
    import pandas as pd

    from daexplore.analysis import projection
    from daexplore.runs import Run

    evaluation = Run(run_path).evaluation(epoch)
    xy = np.asarray(projection.umap(evaluation.latents, seed=0), np.float32)
    file = umap_file(Path(run_path), epoch)
    try:
        file.parent.mkdir(exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        pd.DataFrame({"sample_id": evaluation.sample_ids, "x": xy[:, 0], "y": xy[:, 1]}).to_parquet(temporary, index=False)
        os.replace(temporary, file)
    except OSError:
        # Runs may lie in a folder that cannot be written to; the result is then only not kept.
        pass
    return evaluation.sample_ids, xy[:, 0], xy[:, 1]


def _gradcam(run_path: str, epoch: int, sample_id: str, domain: str) -> NDArray[np.float32]:
    from daexplore.engine.explain import gradcam_map

    return np.asarray(gradcam_map(run_path, epoch, sample_id, domain), np.float32)
