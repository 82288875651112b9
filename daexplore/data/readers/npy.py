"""Pairs of .npy files as DeepMerge publishes them: images, and labels in a second file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import MERGERS, merger_labels
from daexplore.data.catalogues.match import MatchedCatalogue, keyed_by_place
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.image_format import declared_flux
from daexplore.data.readers.packed.shards import channels_first
from daexplore.errors import InputError

__all__ = ["read_npy"]

_IDS = "subsamples_ID"


def read_npy(path: Path, read: ReadConfig) -> GalaxySet:
    """Images (N, channels, height, width), memory-mapped, with the labels and galaxy ids found
    beside them. Of channels last a view is taken. Vectors (N, D) become images of one pixel.

    The files stay on disk in the type they have: float64 images are not converted here, since a
    whole file may not fit in memory; code that takes rows out of them casts those to float32, as
    ``Preprocess.apply`` does.

    Labels are looked for, whatever the case of the letters, under the published names:
    ``…_X_….npy`` with ``…_y_….npy``, ``…-x.npy`` with ``…-labels-y.npy`` or ``…labels-y.npy``,
    ``NAME.npy`` with ``NAME_y.npy``, ``…_3FILT.npy`` with ``…_3FILT_y.npy`` or ``…_y_3FILT.npy``.
    Without such a file the set is unlabelled. Galaxy ids come from ``NAME_ID.npy`` or
    ``subsamples_ID.npy``; without them each image is a group of its own, and the provenance warns
    that images of one galaxy may come apart in the splits. A declared catalogue, with one row an
    image in the order of the images, goes before both.

    Raises:
        InputError: an array of another shape or type, or labels or ids of another length or with
            other values.
    """
    name = read.name or path.stem
    images = _images(path)
    about = (
        keyed_by_place(path, name, len(images), read)
        if read.catalogue
        else _from_arrays(path, read, name, len(images))
    )
    channels = images.shape[1]
    bands = (
        tuple(f"channel {channel}" for channel in range(channels))
        if read.bands is None
        else read.bands
    )
    provenance = {"reader": "npy", "path": str(path.resolve())} | about.provenance
    return GalaxySet(
        images,
        about.catalogue,
        about.classes,
        bands,
        name,
        read.pixel_scale,
        provenance,
        declared_flux(read),
        read.psf_fwhm,
    )


def _from_arrays(path: Path, read: ReadConfig, name: str, n: int) -> MatchedCatalogue:
    for what, column in (("label", read.label), ("group", read.group)):
        if column is not None:
            raise InputError(
                f"{path} has no catalogue, so no column {column!r} for the {what}s. Give the table,"
                f" one row an image in their order, with `--catalogue`, or leave `--{what}` out."
            )
    labels_file, ids_file = (
        _beside(path, _label_stems(path.stem)),
        _beside(path, (f"{path.stem}_ID", _IDS)),
    )
    sample_ids = [f"{name}/{row:06d}" for row in range(n)]
    groups = sample_ids if ids_file is None else _ids(ids_file, path, n)
    label: Any = (
        pd.NA
        if labels_file is None
        else merger_labels(_column(labels_file, path, n, "labels"), labels_file)
    )
    catalogue = pd.DataFrame(
        {
            "sample_id": sample_ids,
            "group_id": groups,
            "label": pd.Series(label, index=range(n), dtype="Int64"),
        }
    )
    provenance: dict[str, Any] = {
        "labels": None if labels_file is None else labels_file.name,
        "group_ids": None if ids_file is None else ids_file.name,
    }
    if ids_file is None:
        provenance["note"] = "groups unknown: leakage possible"
    return MatchedCatalogue(catalogue, MERGERS, provenance)


def _open(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} cannot be read as a plain .npy array: {error}. Write it again with numpy.save."
        ) from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is an archive of several arrays; give one .npy file.")
    return array


def _images(path: Path) -> NDArray[Any]:
    images = _open(path)
    expected = "expected images of shape (N, channels, height, width)"
    if images.ndim == 2 and images.shape[1] > 1 and images.dtype.kind in "fiu" and len(images):
        # Vectors, such as embeddings: images of one pixel whose bands are the features.
        return images[:, :, None, None]
    if images.ndim == 3:
        raise InputError(
            f"{path}: {expected}, got {images.shape}. If it has one band, save images[:, None]."
        )
    if images.ndim != 4:
        raise InputError(
            f"{path}: {expected}, got {images.shape}. Is this the labels' file? Give the images'."
        )
    if 0 in images.shape:
        raise InputError(f"{path}: {expected}, got {images.shape}, which is empty.")
    if images.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: expected real numbers as pixels, got {images.dtype}. Save"
            " images.astype('float32')."
        )
    # A view: the file stays on disk.
    return images if channels_first(images.shape[1:], str(path)) else np.moveaxis(images, -1, 1)


def _label_stems(stem: str) -> Iterator[str]:
    """Names under which the labels of ``stem`` were published."""
    yield re.sub(r"_x_", "_y_", stem, flags=re.IGNORECASE)
    for suffix in ("-x", "_x"):
        if stem.lower().endswith(suffix):
            base = stem[: -len(suffix)]
            yield from (
                base + ending for ending in (f"{suffix[0]}y", "-labels-y", "_labels-y", "labels-y")
            )
    if stem.lower() == "x":
        yield "y"
    yield f"{stem}_y"
    yield re.sub(r"_3filt", "_y_3FILT", stem, flags=re.IGNORECASE)


def _beside(path: Path, stems: Iterator[str] | tuple[str, ...]) -> Path | None:
    """The first of the named .npy files that is beside ``path``, whatever the case of its
    letters.
    """
    there = {
        file.name.lower(): file for file in sorted(path.parent.iterdir()) if file.name != path.name
    }
    return next(
        (there[f"{stem}.npy".lower()] for stem in stems if f"{stem}.npy".lower() in there), None
    )


def _column(path: Path, of: Path, n: int, what: str) -> NDArray[Any]:
    values = _open(path)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (n,):
        hint = (
            " If it belongs to other images, rename it to theirs: NAME_ID.npy beside NAME.npy."
            if what == "ids"
            else ""
        )
        raise InputError(
            f"{path}: expected {n} {what}, one for each image of {of.name}, got an array of shape"
            f" {values.shape}.{hint}"
        )
    return values


def _ids(path: Path, of: Path, n: int) -> list[str]:
    values = _column(path, of, n, "ids")
    if values.dtype.kind == "f":
        if not np.array_equal(values, np.floor(values)):
            raise InputError(
                f"{path}: galaxy ids must be whole numbers or text, got {values.dtype} with"
                " fractions or NaN."
            )
        values = values.astype(np.int64)
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
