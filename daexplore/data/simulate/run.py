"""Whole simulations: in parallel, the same whatever the number of workers, and kept on disk."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.galaxies import GalaxySet
from daexplore.data.simulate.chunks import GALAXIES, simulate_chunk
from daexplore.data.simulate.presets import Preset, find_preset
from daexplore.errors import InputError

__all__ = ["SIMULATOR_VERSION", "cache_folder", "open_preset", "simulate"]

SIMULATOR_VERSION = 4
"""Part of the cache's key: raised whenever the same preset and seed give other images."""

Progress = Callable[[int, int], None]
Chunk = tuple[NDArray[np.float32], NDArray[np.float32], dict[str, Any]]

_INTERVAL = 2.0


def simulate(
    preset: str, n: int | None = None, seed: int = 0, workers: int | None = None, progress: Progress | None = None
) -> tuple[GalaxySet, GalaxySet]:
    """The preset's galaxies as the source and as the target condition show them.

    The same preset and seed give the same images bit by bit, whatever the number of workers, and the first images of a larger set are
    those of a smaller one.

    Args:
        preset: a key of ``PRESETS``.
        n: images a domain; None takes the preset's own number.
        seed: which galaxies.
        workers: processes; None takes as many as there are CPUs for this process, 1 stays in this process. A script that asks for
            more than one must guard its main part by ``if __name__ == "__main__"``.
        progress: called with the number of images done and their total.

    Returns:
        source and target: row i of both is the same galaxy from the same side; ``group_id`` names the galaxy in both.

    Raises:
        InputError: an unknown preset, or a number that cannot be.
    """
    chosen = find_preset(preset)
    n = _checked(chosen, n, seed, workers)
    shape = (n, len(chosen.bands), chosen.size, chosen.size)
    images = {"source": np.empty(shape, np.float32), "target": np.empty(shape, np.float32)}
    per_chunk = GALAXIES * chosen.views
    count = -(-n // per_chunk)
    columns: dict[int, dict[str, Any]] = {}
    for chunk, (source, target, catalogue) in _chunks(chosen, seed, count, _worker_count(workers, count)):
        rows = slice(chunk * per_chunk, min((chunk + 1) * per_chunk, n))
        images["source"][rows], images["target"][rows] = source[: rows.stop - rows.start], target[: rows.stop - rows.start]
        columns[chunk] = catalogue
        if progress is not None:
            progress(min(len(columns) * per_chunk, n), n)
    table = pd.DataFrame({name: np.concatenate([columns[i][name] for i in range(count)])[:n] for name in columns[0]})
    source_set, target_set = (_galaxy_set(chosen, name, images[name], table, seed) for name in ("source", "target"))
    return source_set, target_set


def open_preset(
    preset: str, n: int | None = None, seed: int = 0, workers: int | None = None, progress: Progress | None = None
) -> tuple[GalaxySet, GalaxySet]:
    """As ``simulate``, but simulated once and kept on disk; images come memory-mapped.

    Processes that ask for the same set at once wait for the first of them. The folder is ``cache_folder()``.

    Raises:
        InputError: as ``simulate``, or a cache folder that cannot be written.
    """
    from filelock import FileLock

    chosen = find_preset(preset)
    n = _checked(chosen, n, seed, workers)
    folder = cache_folder() / f"{preset}-n{n}-seed{seed}-v{SIMULATOR_VERSION}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _write(folder, simulate(preset, n, seed, workers, progress))
    except OSError as error:
        raise InputError(
            f"Cannot keep simulated galaxies in {folder.parent}: {error}. Make room there, "
            "or set DAEXPLORE_CACHE to a folder that can be written."
        ) from error
    return GalaxySet.load(folder / "source"), GalaxySet.load(folder / "target")


def cache_folder() -> Path:
    """Where simulated sets are kept: the environment variable DAEXPLORE_CACHE, or the user's cache folder of the platform."""
    from platformdirs import user_cache_dir

    chosen = os.environ.get("DAEXPLORE_CACHE")
    return (Path(chosen).expanduser() if chosen else Path(user_cache_dir("daexplore"))) / "simulated"


def _checked(preset: Preset, n: int | None, seed: int, workers: int | None) -> int:
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # This is a worker that runs the user's script anew: without this it would wait for ever for the process that started it.
        raise InputError("A script that simulates galaxies needs the line `if __name__ == '__main__':` above what it does.")
    n = preset.n if n is None else n
    if n < 4:
        raise InputError(f"Cannot simulate {n} images: give a number of at least 4, two galaxies of each kind.")
    if seed < 0:
        raise InputError(f"Cannot simulate with seed {seed}: give a whole number of at least 0.")
    if workers is not None and workers < 1:
        raise InputError(f"Cannot simulate with {workers} workers: give a number of at least 1, or none for one a CPU.")
    return n


def _worker_count(workers: int | None, chunks: int) -> int:
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # a new process takes about as long to start as a few chunks take
        workers = min(workers, chunks // 4)
    return max(1, min(workers, chunks))


def _chunks(preset: Preset, seed: int, count: int, workers: int) -> Iterator[tuple[int, Chunk]]:
    """Each chunk's number and content, in the order in which they get ready."""
    if workers == 1:
        for chunk in range(count):
            yield chunk, simulate_chunk(preset, seed, chunk)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: dict[Future[Chunk], int] = {}
        submitted = 0
        try:
            while submitted < count or waiting:
                # a short queue: results that nobody has fetched yet take memory
                while submitted < count and len(waiting) < 2 * workers:
                    waiting[pool.submit(simulate_chunk, preset, seed, submitted)] = submitted
                    submitted += 1
                ready, _ = wait(waiting, timeout=_INTERVAL, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _galaxy_set(preset: Preset, domain: str, images: NDArray[np.float32], table: pd.DataFrame, seed: int) -> GalaxySet:
    condition = preset.source if domain == "source" else preset.target
    galaxies = [f"G{row // preset.views:05d}" for row in range(len(table))]
    catalogue = pd.DataFrame(
        {
            "sample_id": [f"{domain}/{galaxy}-{view}" for galaxy, view in zip(galaxies, table["view"], strict=True)],
            "group_id": galaxies,
            "label": table["label"].astype("Int64"),
            **{name: table[name] for name in table.columns if name != "label"},
            "seed": seed,
        }
    )
    provenance = {
        "simulator": preset.name,
        "version": SIMULATOR_VERSION,
        "n": len(table),
        "seed": seed,
        "condition": condition.name,
        "exposure": condition.exposure,
        "unit": "nJy",
    }
    return GalaxySet(images, catalogue, preset.classes, preset.bands, domain, preset.pixel_scale, provenance)


def _write(folder: Path, sets: tuple[GalaxySet, GalaxySet]) -> None:
    """Both sets into a temporary neighbour, which becomes ``folder`` when it is complete."""
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for galaxies in sets:
            galaxies.save(part / galaxies.name)
        part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
