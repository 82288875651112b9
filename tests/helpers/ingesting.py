"""Inputs for the ingest's tests, in a module of their own so that worker processes find it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from daexplore.data.readers.listing import Cutout, Listing
from daexplore.errors import InputError

SHAPE = (2, 6, 5)


@dataclass(frozen=True)
class Drawn:
    """A reader's ``load``: row i is noise of seed i. Some rows can be made odd or unreadable, or
    stop the whole program.
    """

    wide: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    holed: frozenset[int] = frozenset()
    stop: int = -1

    def __call__(self, row: int) -> Cutout:
        if row == self.stop:
            raise KeyboardInterrupt
        if row in self.broken:
            raise InputError(f"file {row} is truncated.")
        shape = (*SHAPE[:2], SHAPE[2] + 2) if row in self.wide else SHAPE
        pixels = np.random.default_rng(row).normal(size=shape).astype(np.float32)
        if row in self.holed:
            pixels[0, 2, 2] = np.nan
        return Cutout(pixels, ("g", "r"), 0.2, (1.0, 2.0), columns={"at_edge": row % 3 == 0})


def drawn(n: int, aside=(), name="drawn", **rows) -> Listing:
    ids = [f"{name}/{i:04d}" for i in range(n)]
    label = pd.array([i % 2 for i in range(n)], dtype="Int64")
    catalogue = pd.DataFrame(
        {"sample_id": ids, "group_id": ids, "label": label, "redshift": np.linspace(0, 1, n)}
    )
    load = Drawn(
        **{key: value if key == "stop" else frozenset(value) for key, value in rows.items()}
    )
    return Listing(
        catalogue,
        load,
        ("disc", "merger"),
        name,
        {"path": "drawn", "group_ids": None},
        tuple(aside),
    )


def write_cutouts(folder: Path, n: int, shape=(3, 16, 16)) -> Path:
    """FITS cut-outs with their bands and scale in the header, and their labels in catalogue.csv."""
    from astropy.io import fits

    folder.mkdir(parents=True)
    for i in range(n):
        header = fits.Header({"PIXSCALE": 0.262, "BANDS": "gri"[: shape[0]]})
        pixels = np.random.default_rng(i).normal(size=shape).astype(np.float32)
        fits.PrimaryHDU(pixels, header).writeto(folder / f"{i:05d}.fits")
    pd.DataFrame(
        {"filename": [f"{i:05d}.fits" for i in range(n)], "label": np.arange(n) % 2}
    ).to_csv(folder / "catalogue.csv", index=False)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Name and checksum of every file, but for the lock."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != "ingest.lock"
    )
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
