"""Chunk of an ingested set: read, fitted, written, and recorded last."""

import hashlib
import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import ReadConfig, from_dict, to_dict
from daexplore.data.readers.listing import Listing
from daexplore.data.readers.load import ImageFormat, fitted
from daexplore.utils.files import atomic_write

__all__ = [
    "RECORDS",
    "Plan",
    "Record",
    "Rejected",
    "chunk_name",
    "read_record",
    "write_chunk",
    "write_images",
]

RECORDS = ".ingest"
"""Folder of the records within the set's, there until the set is complete."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What every worker has to know.

    Attributes:
        listing: the input.
        read: what is declared of it.
        frame: of all its images.
        chunk: rows of the listing a chunk.
        folder: of the galaxy set.
    """

    listing: Listing
    read: ReadConfig
    frame: ImageFormat
    chunk: int
    folder: Path

    @property
    def count(self) -> int:
        """Number of chunks."""
        return -(-len(self.listing) // self.chunk)

    def rows(self, number: int) -> range:
        """Rows of the listing that make up a chunk."""
        return range(number * self.chunk, min((number + 1) * self.chunk, len(self.listing)))


@dataclass(frozen=True)
class Rejected:
    """A rejected galaxy: its row in the listing, why, and whether its size or bands are not the
    others'.
    """

    row: int
    reason: str
    odd: bool


@dataclass(frozen=True)
class Record:
    """What a finished chunk holds.

    Attributes:
        rows: of the listing, in the order of its images.
        columns: what the galaxies' files say, one dictionary a row.
        digests: of the images.
        forms: sizes and bands of its galaxies as they came, with how many there are of each; those
            rejected too.
        rejected: its galaxies that cannot be used.
        bytes: size of the file; 0 without one, where no galaxy can be used.
        sha256: of the file.
    """

    rows: tuple[int, ...]
    columns: tuple[dict[str, Any], ...]
    digests: tuple[str, ...]
    forms: dict[str, int]
    rejected: tuple[Rejected, ...]
    bytes: int
    sha256: str


def chunk_name(number: int) -> str:
    """The chunk's file within the set's folder."""
    return f"images/{number:05d}.npy"


def write_chunk(plan: Plan, number: int) -> Record:
    """Read a chunk's galaxies and writes their images, then its record; a galaxy that cannot be
    used is left out.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    done = [(row, fitted(plan.listing, row, plan.frame, plan.read)) for row in plan.rows(number)]
    kept = [(row, one) for row, one in done if one.pixels is not None]
    size, sha256 = write_images(
        plan.folder / chunk_name(number), [one.pixels for _, one in kept if one.pixels is not None]
    )
    forms: dict[str, int] = {}
    for _, one in done:
        if one.image_format:
            forms[one.image_format] = forms.get(one.image_format, 0) + 1
    record = Record(
        tuple(row for row, _ in kept),
        tuple(one.columns for _, one in kept),
        tuple(one.digest for _, one in kept),
        forms,
        tuple(Rejected(row, one.reason, one.odd) for row, one in done if one.pixels is None),
        size,
        sha256,
    )
    with atomic_write(_record_path(plan.folder, number)) as part:
        part.write_text(json.dumps(to_dict(record)))
    return record


def read_record(folder: Path, number: int) -> Record | None:
    """The record of a finished chunk; None where there is none, or where the chunk's file is not as
    it says.
    """
    try:
        record = from_dict(Record, json.loads(_record_path(folder, number).read_text()))
        there = (folder / chunk_name(number)).stat().st_size if record.bytes else 0
    except (OSError, ValueError):
        return None
    return record if there == record.bytes else None


def write_images(path: Path, images: list[NDArray[np.float32]]) -> tuple[int, str]:
    """Size and checksum of the file."""
    if not images:
        return 0, ""
    header = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": (len(images), *images[0].shape)}
    np.lib.format.write_array_header_1_0(header, about)
    digest, size = hashlib.sha256(), 0
    with atomic_write(path) as part, part.open("wb") as file:
        for piece in itertools.chain(
            [header.getvalue()], (image.astype("<f4", copy=False).tobytes() for image in images)
        ):
            digest.update(piece)
            size += file.write(piece)
    return size, digest.hexdigest()


def _record_path(folder: Path, number: int) -> Path:
    return folder / RECORDS / f"{number:05d}.json"
