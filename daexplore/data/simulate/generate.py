"""Simulation of a whole preset: parallel, reproducible and cached on disk."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.simulate.chunks import GALAXIES, chunk_parts
from daexplore.data.simulate.presets import PRESETS, Preset, find_preset
from daexplore.data.simulate.psf import psf_widths
from daexplore.data.simulate.render import DOMAINS, Part
from daexplore.data.simulate.samples import image_plan, sample_parts
from daexplore.errors import InputError
from daexplore.utils import files

__all__ = ["SIMULATOR_VERSION", "cache_folder", "open_preset", "simulate"]

SIMULATOR_VERSION = PRESETS["distant"].version
"""Version of the distant galaxies; part of the cache's key."""

Progress = Callable[[int, int], None]
Task = Callable[[], list[Part]]

_INTERVAL = 2.0
_TASK = 64  # images


def simulate(
    preset: str,
    n: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[GalaxySet, GalaxySet]:
    """The preset's galaxies as the source and as the target condition show them.

    The same preset and seed give the same images bit by bit, whatever the number of workers, and
    the first images of a larger set are those of a smaller one.

    Args:
        preset: a key of ``PRESETS``.
        n: images a domain; None takes the preset's own number.
        seed: which galaxies.
        workers: processes; None takes as many as there are CPUs for this process, 1 stays in this
            process. A script that asks for more than one must guard its main part by ``if __name__
            == "__main__"``.
        progress: called with the number of images done and their total.

    Returns:
        source and target. Where the domains show the same galaxies, row i of both is the same
        galaxy from the same side and ``group_id`` names the galaxy in both.

    Raises:
        InputError: an unknown preset, or a number that cannot be.
    """
    chosen = find_preset(preset)
    n = _checked(chosen, n, seed, workers)
    shape = (n, len(chosen.bands), chosen.size, chosen.size)
    images = {domain: np.empty(shape, np.float32) for domain in DOMAINS}
    found: dict[str, list[Part]] = {domain: [] for domain in DOMAINS}
    tasks = _tasks(chosen, seed, n)
    done = 0
    for parts in _results(tasks, _worker_count(workers, len(tasks))):
        for part in parts:
            images[part.domain][part.rows] = part.images
            found[part.domain].append(part)
            done += len(part.rows)
        if progress is not None:
            progress(done // 2, n)
    source, target = (
        _galaxy_set(chosen, domain, images[domain], _table(found[domain]), seed)
        for domain in DOMAINS
    )
    return source, target


def open_preset(
    preset: str,
    n: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[GalaxySet, GalaxySet]:
    """As ``simulate``, but simulated once and kept on disk; images come memory-mapped.

    Processes that ask for the same set at once wait for the first of them. The folder is
    ``cache_folder()``.

    Raises:
        InputError: as ``simulate``, or a cache folder that cannot be written.
    """
    from filelock import FileLock

    chosen = find_preset(preset)
    n = _checked(chosen, n, seed, workers)
    folder = cache_folder() / f"{preset}-n{n}-seed{seed}-v{chosen.version}"
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
    """Where simulated sets are kept."""
    return files.cache_folder("simulated")


def _checked(preset: Preset, n: int | None, seed: int, workers: int | None) -> int:
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # This is a worker that runs the user's script again: without this it would wait for ever
        # for the process that started it.
        raise InputError(
            "A script that simulates galaxies needs the line `if __name__ == '__main__':` above"
            " what it does."
        )
    n = preset.n if n is None else n
    if n < 4:
        raise InputError(
            f"Cannot simulate {n} images: give a number of at least 4, two galaxies of each kind."
        )
    if seed < 0:
        raise InputError(f"Cannot simulate with seed {seed}: give a whole number of at least 0.")
    if workers is not None and workers < 1:
        raise InputError(
            f"Cannot simulate with {workers} workers: give a number of at least 1, or none for one"
            " a CPU."
        )
    return n


def _worker_count(workers: int | None, chunks: int) -> int:
    if workers is None:
        workers = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        # a new process takes about as long to start as a few chunks take
        workers = min(workers, chunks // 4)
    return max(1, min(workers, chunks))


def _tasks(preset: Preset, seed: int, n: int) -> list[Task]:
    """The simulation in pieces that do not depend on each other."""
    if preset.samples is None:
        return [
            partial(chunk_parts, preset, seed, number, n)
            for number in range(-(-n // (GALAXIES * preset.views)))
        ]
    tasks: list[Task] = []
    for domain, sample in zip(DOMAINS, preset.samples, strict=True):
        wanted = image_plan(sample, n)
        # galaxy by galaxy, so that each is drawn once
        order = sorted(range(n), key=lambda row: wanted[row])
        for start in range(0, n, _TASK):
            rows = order[start : start + _TASK]
            tasks.append(
                partial(
                    sample_parts,
                    preset,
                    seed,
                    domain,
                    np.array(rows),
                    [wanted[row] for row in rows],
                )
            )
    return tasks


def _results(tasks: list[Task], workers: int) -> Iterator[list[Part]]:
    """What the tasks give, in the order in which they get ready."""
    if workers == 1:
        for task in tasks:
            yield task()
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: set[Future[list[Part]]] = set()
        submitted = 0
        try:
            while submitted < len(tasks) or waiting:
                # a short queue: results not yet fetched take memory
                while submitted < len(tasks) and len(waiting) < 2 * workers:
                    waiting.add(pool.submit(tasks[submitted]))
                    submitted += 1
                ready, waiting = wait(waiting, timeout=_INTERVAL, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _table(parts: list[Part]) -> pd.DataFrame:
    """The catalogue's columns in the order of the rows."""
    order = np.argsort(np.concatenate([part.rows for part in parts]))
    return pd.DataFrame(
        {
            name: np.concatenate([part.columns[name] for part in parts])[order]
            for name in parts[0].columns
        }
    )


def _galaxy_set(
    preset: Preset, domain: str, images: NDArray[np.float32], table: pd.DataFrame, seed: int
) -> GalaxySet:
    condition = preset.source if domain == "source" else preset.target
    catalogue = pd.DataFrame(
        {
            "sample_id": [
                f"{domain}/{galaxy}-{view}"
                for galaxy, view in zip(table["galaxy"], table["view"], strict=True)
            ],
            "group_id": table["galaxy"].astype(object),
            "label": table["label"].astype("Int64"),
            **{name: table[name] for name in table.columns if name not in ("label", "galaxy")},
            "seed": seed,
        }
    )
    provenance = {
        "simulator": preset.name,
        "version": preset.version,
        "n": len(table),
        "seed": seed,
        "condition": condition.name,
        "exposure": condition.exposure,
        "unit": "nJy",
    }
    return GalaxySet(
        images,
        catalogue,
        preset.classes,
        preset.bands,
        domain,
        preset.pixel_scale,
        provenance,
        flux_scale=(1.0,) * len(preset.bands),
        psf_fwhm=psf_widths(condition),
    )


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
