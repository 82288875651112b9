"""FITS files of many galaxies as MAST publishes DeepMerge's (DOI 10.17909/t9-vqk6-pc80)."""

import mmap
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import MERGERS, merger_labels
from daexplore.data.catalogues.match import MatchedCatalogue, keyed_by_place, keyed_by_sample
from daexplore.data.catalogues.read import TableFile
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.fits.band_files import FITS_SUFFIX
from daexplore.data.readers.fits.hdus import (
    PIXEL_TYPES,
    Hdu,
    by_astropy,
    first_image,
    physical_values,
    read_bytes,
    read_hdus,
)
from daexplore.data.readers.fits.photometry import cube_bands, flux_scale, pixel_scale
from daexplore.data.readers.image_format import declared_flux
from daexplore.errors import InputError

__all__ = ["is_hlsp", "read_hlsp"]

_PUBLISHED = re.compile(r"hlsp_.*_((?:f\d{3,4}[a-z]+\d?-?)+)_", re.IGNORECASE)


def is_hlsp(path: Path) -> bool:
    """Whether the first image of a FITS file holds many galaxies: four axes, by its header
    alone.
    """
    image = first_image(path) if FITS_SUFFIX.search(path.name) else None
    return image is not None and len(image.shape) == 4 and image.shape[0] > 1


def read_hlsp(path: Path, read: ReadConfig) -> GalaxySet:
    """Images (N, channels, height, width) of the first image HDU, with the labels of another one.

    Images of floats without scaling stay memory-mapped, in the byte order of the file: code that
    takes rows casts them to float32. Packed or scaled ones are read into memory. Labels are 0
    (non-merger) or 1 (merger), in an image of N values or in a table with N rows and one column; of
    a table with more columns all go into the catalogue. A declared catalogue with N rows goes
    before it. Bands are the declared ones, else what the header says, else those in the published
    file name (the provenance says so), else only numbered.

    Raises:
        InputError: a damaged file, images of another shape, labels of another length or with other
            values.
    """
    data = read_bytes(path)
    hdus = read_hdus(data, path)
    images = next((hdu for hdu in hdus if hdu.shape), None)
    if images is None or len(images.shape) != 4:
        got = "no image" if images is None else f"an array of shape {images.shape}"
        raise InputError(
            f"{path}: expected images of shape (N, channels, height, width) in the first HDU with"
            f" an image, got {got}."
        )
    name = read.name or FITS_SUFFIX.sub("", path.name)
    about = _about(path, read, name, images, hdus, data)
    bands, origin = _bands(path, read, images)
    scale = read.pixel_scale or pixel_scale(images.header)
    unit = flux_scale(images.header, scale, one_band=False)
    flux = declared_flux(read) or (None if unit is None else (unit,) * len(bands))
    provenance = (
        {"reader": "hlsp", "path": str(path.resolve()), "origin": "lower left"}
        | about.provenance
        | ({"bands_from": origin} if origin else {})
    )
    return GalaxySet(
        _pixels(path, images, data),
        about.catalogue,
        about.classes,
        bands,
        name,
        scale,
        provenance,
        flux,
        read.psf_fwhm,
    )


def _pixels(path: Path, images: Hdu, data: bytes | mmap.mmap) -> NDArray[Any]:
    scaled = any(
        images.header.get(keyword, plain) != plain
        for keyword, plain in (("BSCALE", 1), ("BZERO", 0))
    )
    with path.open("rb") as stream:
        packed = images.kind == "compressed" or stream.read(6) != b"SIMPLE"
    if images.bitpix < 0 and not scaled and not packed:
        return np.memmap(path, PIXEL_TYPES[images.bitpix], "r", images.data, images.shape)
    return physical_values(images, data)


def _bands(path: Path, read: ReadConfig, images: Hdu) -> tuple[tuple[str, ...], str | None]:
    """Names of the channels, and where they come from."""
    channels = images.shape[1]
    if read.bands is not None:
        if len(read.bands) != channels:
            raise InputError(
                f"{images.where}: {len(read.bands)} bands are declared, but its images have"
                f" {channels} channels. Name each once."
            )
        return tuple(read.bands), "declared"
    if named := cube_bands(images.header, channels):
        return named, "header"
    match = _PUBLISHED.match(path.name)
    published = tuple(match[1].upper().split("-")) if match else ()
    if len(published) == channels:
        return published, "file name"
    return tuple(f"channel {channel}" for channel in range(channels)), None


def _about(
    path: Path,
    read: ReadConfig,
    name: str,
    images: Hdu,
    hdus: Sequence[Hdu],
    data: bytes | mmap.mmap,
) -> MatchedCatalogue:
    """Ids, labels and whatever else is known, from the declared catalogue or the HDU after the
    images.
    """
    n = images.shape[0]
    sample_ids = [f"{name}/{row:06d}" for row in range(n)]
    if read.catalogue:
        return keyed_by_place(path, name, n, read)
    labels = next(
        (hdu for hdu in hdus if hdu is not images and (hdu.shape or hdu.kind == "table")), None
    )
    columns = None if labels is None else _columns(labels, n, data)
    if columns is not None and columns.shape[1] > 1:
        return keyed_by_sample(sample_ids, TableFile(columns, path), read)
    for what, column in (("label", read.label), ("group", read.group)):
        if column is not None:
            raise InputError(
                f"{path} has no column {column!r} for the {what}s. Give a table, one row an image"
                f" in their order, with `--catalogue`, or leave `--{what}` out."
            )
    label: Any = (
        pd.NA
        if labels is None or columns is None
        else merger_labels(columns.iloc[:, 0].to_numpy(), labels.where)
    )
    catalogue = pd.DataFrame(
        {
            "sample_id": sample_ids,
            "group_id": sample_ids,
            "label": pd.Series(label, index=range(n), dtype="Int64"),
        }
    )
    provenance = {
        "labels": labels and labels.where.rpartition(", ")[2],
        "group_ids": None,
        "note": "groups unknown: leakage possible",
    }
    return MatchedCatalogue(catalogue, MERGERS, provenance)


def _columns(hdu: Hdu, n: int, data: bytes | mmap.mmap) -> pd.DataFrame:
    """Of a table, or an image of one value a galaxy; columns with more than one value a row are
    left out.
    """
    if hdu.kind == "table":
        from astropy.table import Table

        table = Table(by_astropy(hdu, data))
        frame: pd.DataFrame = table[
            [name for name in table.colnames if table[name].ndim == 1]
        ].to_pandas()
        found = f"{len(frame)} rows with {frame.shape[1]} columns"
    else:
        frame = pd.DataFrame({"label": physical_values(hdu, data).reshape(-1)})
        found = f"an array of shape {hdu.shape}"
    if len(frame) != n or frame.shape[1] == 0 or (hdu.shape and max(hdu.shape) != n):
        raise InputError(
            f"{hdu.where}: expected {n} labels, one for each image, got {found}. Correct the file,"
            " or give --catalogue."
        )
    return frame
