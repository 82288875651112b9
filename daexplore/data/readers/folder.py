"""A folder of PNG or JPEG images with a catalogue.csv."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.galaxies import GalaxySet
from daexplore.errors import InputError

__all__ = ["CATALOGUE", "LABEL_COLUMNS", "read_folder"]

CATALOGUE = "catalogue.csv"
LABEL_COLUMNS = ("label", "class", "morphology", "merger")
"""Columns in which the class is looked for, in this order, where none is declared."""

_GREY_MODES = ("1", "L", "I;16", "I;16B", "I", "F")


def read_folder(
    path: str | Path,
    name: str | None = None,
    bands: Sequence[str] | None = None,
    pixel_scale: float | None = None,
    label: str | None = None,
) -> GalaxySet:
    """Images and catalogue of a folder; pixels become float32 in the units of the file, 0 to 255 for 8-bit images.

    catalogue.csv has a column ``filename`` (relative to the folder), may have ``group_id`` (images of one galaxy share it), and a column
    with the class: text, or whole numbers; an empty cell is a missing label. Classes are sorted by name; a column of 0 and 1 gives the
    classes "non-<column>" and "<column>". All images must have the same size and be all grey or all in colour. Without group ids each
    image is a group of its own, but copies of one image share theirs.

    Args:
        path: the folder.
        name: short name of the set; None takes the folder's.
        bands: names of the channels; None takes R, G, B (what the format calls them) or grey.
        pixel_scale: [arcsec / pixel].
        label: column with the class; None takes the first there is of ``LABEL_COLUMNS``. A catalogue with neither is unlabelled, as a
            survey's often is.

    Raises:
        InputError: a catalogue without filenames or rows, images that cannot be read or differ in shape, labels that are no classes.
    """
    path = Path(path)
    name = path.resolve().name if name is None else name
    table = _read_catalogue(path / CATALOGUE)
    column = _label_column(table, label, path / CATALOGUE)
    codes, classes = (
        _classes(table[column], column, path / CATALOGUE) if column else (pd.Series(pd.NA, index=table.index, dtype="Int64"), ())
    )
    images = _read_images(path, list(table["filename"]))
    sample_ids = name + "/" + table["filename"]
    provenance: dict[str, Any] = {"reader": "folder", "path": str(path.resolve()), "label_column": column, "group_ids": None}
    if "group_id" in table and table["group_id"].notna().all():
        groups = list(table["group_id"])
        provenance["group_ids"] = "group_id"
    else:
        groups = _groups_of_identical(images, sample_ids)
        provenance["note"] = "groups unknown, only identical images share one: leakage possible"
    keys = pd.DataFrame({"sample_id": sample_ids, "group_id": groups, "label": codes})
    catalogue = pd.concat([keys, table.drop(columns=[c for c in keys if c in table])], axis=1)
    default = ("R", "G", "B") if images.shape[1] == 3 else ("grey",)
    return GalaxySet(images, catalogue, classes, default if bands is None else tuple(bands), name, pixel_scale, provenance)


def _read_catalogue(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={"filename": str, "group_id": str}, low_memory=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}. Expected comma-separated columns with a header line.") from error
    if "filename" not in table.columns:
        raise InputError(
            f"{path} lacks the column 'filename'; it has {', '.join(map(str, table.columns))}. Rename the column with the images' names."
        )
    if table.empty:
        raise InputError(f"{path} has no rows: the catalogue is empty. Give one row for each image.")
    if table["filename"].isna().any():
        row = int(np.argmax(table["filename"].isna()))
        raise InputError(
            f"{path}: {int(table['filename'].isna().sum())} rows have no filename, first line {row + 2}. Fill them in, or drop the rows."
        )
    return table


def _label_column(table: pd.DataFrame, label: str | None, where: Path) -> str | None:
    if label in table.columns:
        return label
    known = next((column for column in LABEL_COLUMNS if column in table.columns), None)
    if label is not None and known is not None:
        raise InputError(f"{where} has no column {label!r} for the labels; it has {', '.join(map(str, table.columns))}.")
    return known


def _classes(column: pd.Series, name: str, where: Path) -> tuple[pd.Series, tuple[str, ...]]:
    """Class index of each row (missing stays missing), and the classes' names."""
    known = column.dropna()
    if pd.api.types.is_float_dtype(known) and (known % 1 != 0).any():
        first = known[known % 1 != 0].iloc[0]
        raise InputError(f"{where}: the column {name!r} holds fractions, first {first}; classes must be text or whole numbers.")
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        column = known.astype("int64").reindex(column.index).astype("Int64")
        if len(known) and known.isin((0, 1)).all():
            return column, ("0", "1") if name in LABEL_COLUMNS[:2] else (f"non-{name}", name)
        values = sorted(int(value) for value in column.dropna().unique())
    else:
        column = known.astype(str).str.strip().reindex(column.index)
        values = sorted(column.dropna().unique())
    codes = column.map({value: code for code, value in enumerate(values)}).astype("Int64")
    return codes, tuple(map(str, values))


def _read_images(folder: Path, filenames: list[str]) -> NDArray[np.float32]:
    """(N, channels, height, width), in the catalogue's order."""
    images: list[NDArray[Any]] = []
    unreadable: list[tuple[str, str]] = []
    for filename in filenames:
        try:
            images.append(_read_image(folder / filename))
        except (OSError, SyntaxError, ValueError) as error:
            unreadable.append((filename, "there is no such file" if isinstance(error, FileNotFoundError) else str(error)))
    if unreadable:
        filename, reason = unreadable[0]
        raise InputError(
            f"{folder}: {len(unreadable)} of {len(filenames)} images of {CATALOGUE} cannot be read, first {filename!r} ({reason}). "
            "Put them there as PNG or JPEG, or take their rows out of the catalogue."
        )
    shapes = Counter(image.shape for image in images)
    if len(shapes) > 1:
        sizes = ", ".join(f"{count} of {w}x{h} in {'colour' if c == 3 else 'grey'}" for (c, h, w), count in shapes.most_common(5))
        (common, _), *_ = shapes.most_common(1)
        odd = next(filename for filename, image in zip(filenames, images, strict=True) if image.shape != common)
        raise InputError(f"{folder}: images differ in shape: {sizes}; first odd one {odd!r}. Crop or resample them to one size first.")
    stack = np.empty((len(images), *images[0].shape), np.float32)
    for row, image in enumerate(images):
        stack[row] = image
    return stack


def _read_image(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image if image.mode in _GREY_MODES else image.convert("RGB"))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _groups_of_identical(images: NDArray[np.float32], sample_ids: pd.Series) -> list[str]:
    """Each image its own group, named by its id, but copies of one image share the first one's."""
    first: dict[bytes, str] = {}
    return [
        first.setdefault(hashlib.sha256(image.tobytes()).digest(), sample_id) for image, sample_id in zip(images, sample_ids, strict=True)
    ]
