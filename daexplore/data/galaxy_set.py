"""A set of galaxy images and its catalogue: what every reader gives and everything else takes."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.chunked_images import ChunkedImages, Images
from daexplore.data.rgb import png, to_rgb
from daexplore.errors import InputError
from daexplore.notebook_html import card, pictures, table

__all__ = ["REQUIRED_COLUMNS", "GalaxySet", "galaxies_card"]


REQUIRED_COLUMNS = ("sample_id", "group_id", "label")
_IMAGES, _CATALOGUE, _ABOUT = "images.npy", "catalogue.parquet", "galaxies.json"
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class GalaxySet:
    """Images of galaxies in one domain, row by row with their catalogue.

    Attributes:
        images: (N, C, H, W) float32, channel first, native flux units; memory-mapped, or read row
            by row, where they come from disk.
        catalogue: N rows; ``sample_id`` (unique text), ``group_id`` (text; images of one physical
            galaxy share it), ``label`` (nullable integer index into ``classes``; missing where
            it is unlabelled), then whatever else is known.
        classes: names of the labels 0, 1, …
        bands: names of the channels, declared by the maker of the data, never guessed.
        name: short name of the set.
        pixel_scale: [arcsec / pixel], None where unknown.
        flux_scale: nanojansky that one unit of a pixel represents, in each band; None where
            unknown.
        psf_fwhm: full width at half maximum of the point spread function in each band [arcsec];
            None where unknown.
        provenance: where it came from, as JSON types.
    """

    images: Images
    catalogue: pd.DataFrame
    classes: tuple[str, ...]
    bands: tuple[str, ...]
    name: str
    pixel_scale: float | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    flux_scale: tuple[float, ...] | None = None
    psf_fwhm: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        where = f"Galaxy set {self.name!r}"
        if self.images.ndim != 4:
            raise InputError(
                f"{where}: expected images of shape (N, channels, height, width), got"
                f" {self.images.shape}."
            )
        missing = [column for column in REQUIRED_COLUMNS if column not in self.catalogue.columns]
        if missing:
            raise InputError(
                f"{where}: the catalogue lacks the column {missing[0]!r}; it has"
                f" {', '.join(map(str, self.catalogue.columns))}."
            )
        if len(self.catalogue) != len(self.images):
            raise InputError(
                f"{where}: {len(self.images)} images but {len(self.catalogue)} catalogue rows; give"
                " one row for each image."
            )
        if len(self.images) == 0:
            raise InputError(f"{where}: it holds no galaxies; the catalogue is empty.")
        if len(self.bands) != self.images.shape[1]:
            raise InputError(
                f"{where}: {len(self.bands)} band names ({', '.join(self.bands)}) for"
                f" {self.images.shape[1]} channels."
            )
        for what, values in (("flux scales", self.flux_scale), ("PSF widths", self.psf_fwhm)):
            if values is not None and len(values) != len(self.bands):
                raise InputError(
                    f"{where}: {len(values)} {what} for the {len(self.bands)} bands"
                    f" {', '.join(self.bands)}; give one for each."
                )
        repeated = self.catalogue["sample_id"][self.catalogue["sample_id"].duplicated()]
        if len(repeated):
            raise InputError(
                f"{where}: sample_id {repeated.iloc[0]!r} stands"
                f" {1 + int((repeated == repeated.iloc[0]).sum())} times; ids must be unique."
            )
        labels = self.labels
        if labels.max(initial=-1) >= len(self.classes) or labels.min(initial=0) < -1:
            raise InputError(
                f"{where}: labels must be 0 to {len(self.classes) - 1} ({', '.join(self.classes)})"
                f" or missing; found {sorted(set(labels))}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        n, c, h, w = self.images.shape
        counts = ", ".join(f"{count} {name}" for name, count in self.class_counts().items())
        return (
            f"GalaxySet({self.name!r}: {n} images {c}x{h}x{w},"
            f" {self.catalogue['group_id'].nunique()} galaxies; {counts}{self._left_out()})"
        )

    def _left_out(self) -> str:
        told = self.provenance.get("account") or {}
        passed = sum(int(each["count"]) for each in told.get("passed_over", ()))
        words = [f"{passed} passed over"] if passed else []
        words += [f"{len(told['warnings'])} warnings"] if told.get("warnings") else []
        return f"; {', '.join(words)}" if words else ""

    def _repr_html_(self) -> str:

        return galaxies_card(self)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class index, -1 where the label is missing."""
        labels: NDArray[np.int64] = self.catalogue["label"].fillna(-1).to_numpy(np.int64)
        return labels

    @property
    def origin(self) -> str | None:
        """Where the first pixel of its images is, "lower left" or "upper left"; None where that is
        not known.
        """
        found = self.provenance.get("origin")
        return None if found is None else str(found)

    @property
    def sample_ids(self) -> NDArray[np.object_]:
        """(N,) the ids, in row order."""
        return self.catalogue["sample_id"].to_numpy(object)

    def class_counts(self) -> dict[str, int]:
        """Images by class name, and "unlabelled" where there are any."""
        names = (*self.classes, "unlabelled")
        counts = {
            name: int((self.labels == i).sum())
            for i, name in zip((*range(len(self.classes)), -1), names, strict=True)
        }
        return {name: count for name, count in counts.items() if count or name != "unlabelled"}

    def rows(self, sample_ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """Row numbers of the given ids, in their order.

        Raises:
            InputError: an id that is not in the set.
        """
        rows: NDArray[np.int64] = self._index.get_indexer(pd.Index(list(sample_ids)))
        if (rows < 0).any():
            raise InputError(
                f"Galaxy set {self.name!r} has no galaxy"
                f" {list(sample_ids)[int(np.argmax(rows < 0))]!r}."
            )
        return rows

    @cached_property
    def _index(self) -> "pd.Index[Any]":
        index: pd.Index[Any] = pd.Index(self.catalogue["sample_id"])
        return index

    def take(self, rows: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> "GalaxySet":
        """The given rows (numbers or a mask) as a new set; their images are copied."""
        rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        catalogue = self.catalogue.iloc[rows].reset_index(drop=True)
        return dataclasses.replace(self, images=self.images[rows], catalogue=catalogue)

    def check_finite(self, chunk: int = 1024) -> None:
        """Read every pixel once.

        Raises:
            InputError: NaN or infinite pixels, with how many images and which comes first.
        """
        bad = [
            start + int(i)
            for start in range(0, len(self), chunk)
            for i in np.flatnonzero(
                ~np.isfinite(self.images[start : start + chunk]).all(axis=(1, 2, 3))
            )
        ]
        if bad:
            raise InputError(
                f"Galaxy set {self.name!r}: {len(bad)} of {len(self)} images hold NaN or infinite"
                f" pixels, first {self.sample_ids[bad[0]]!r} (row {bad[0]}). `daexplore ingest`"
                " interpolates such pixels, or rejects the images."
            )

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over the catalogue's keys and labels, the shape, and up to 256
        evenly spaced images.
        """
        digest = hashlib.sha256(
            repr((self.images.shape, self.classes, self.bands, self.pixel_scale)).encode()
        )
        for column in REQUIRED_COLUMNS:
            digest.update("\x1f".join(map(str, self.catalogue[column])).encode())
        return self._with_images(digest)

    def image_fingerprint(self) -> str:
        """Sixteen hexadecimal digits over the ids and up to 256 evenly spaced images: the same
        whatever the labels are, and how they are matched.
        """
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update("\x1f".join(map(str, self.catalogue["sample_id"])).encode())
        return self._with_images(digest)

    def _with_images(self, digest: Any) -> str:
        for row in np.unique(np.linspace(0, len(self) - 1, 256).astype(int)):
            digest.update(np.ascontiguousarray(self.images[row], np.float32).tobytes())
        return str(digest.hexdigest()[:16])

    def save(self, folder: str | Path) -> Path:
        """Write images.npy, catalogue.parquet and galaxies.json, the last one last: a folder with
        it is complete.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _IMAGES).open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": tuple(self.images.shape)}
            )
            for start in range(0, len(self), _CHUNK):
                file.write(np.ascontiguousarray(self.images[start : start + _CHUNK], "<f4").data)
        self.catalogue.to_parquet(folder / _CATALOGUE, index=False)
        (folder / _ABOUT).write_text(json.dumps(self.about(), indent=1) + "\n")
        return folder

    def about(self) -> dict[str, Any]:
        """Content of galaxies.json."""
        return {
            "format": 1,
            "name": self.name,
            "classes": list(self.classes),
            "bands": list(self.bands),
            "pixel_scale": self.pixel_scale,
            "flux_scale": self.flux_scale,
            "psf_fwhm": self.psf_fwhm,
            "provenance": self.provenance,
        }

    @staticmethod
    def load(folder: str | Path) -> "GalaxySet":
        """Open a folder that ``save`` or ``ingest`` wrote; images stay on disk until rows of them
        are taken.

        Raises:
            InputError: a file of it is missing or unreadable.
        """
        folder = Path(folder)
        _require(folder, _CATALOGUE, _ABOUT)
        try:
            about = json.loads((folder / _ABOUT).read_text())
            images = _open_images(folder, about.get("chunks"))
            catalogue = pd.read_parquet(folder / _CATALOGUE)
            provenance = about["provenance"] | {"path": str(folder.absolute())}
            flux_scale, psf_fwhm = (
                tuple(about[key]) if about.get(key) else None for key in ("flux_scale", "psf_fwhm")
            )
            classes, bands = tuple(about["classes"]), tuple(about["bands"])
            return GalaxySet(
                images,
                catalogue,
                classes,
                bands,
                about["name"],
                about["pixel_scale"],
                provenance,
                flux_scale,
                psf_fwhm,
            )
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"The galaxy set in {folder} cannot be read: {error}. Make it again."
            ) from error


def _require(folder: Path, *names: str) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} is not a galaxy set: it lacks {', '.join(missing)}. Make one with `daexplore"
            " simulate` or `daexplore ingest`, or give a path to your images."
        )


def _open_images(folder: Path, chunks: list[dict[str, Any]] | None) -> Images:
    """One file, memory-mapped, or the chunks that galaxies.json lists."""
    if chunks is None:
        _require(folder, _IMAGES)
        images: NDArray[Any] = np.load(folder / _IMAGES, mmap_mode="r", allow_pickle=False)
        return images
    return ChunkedImages.open([folder / chunk["file"] for chunk in chunks])


_SIZE = 48  # [px]
_MOST, _MOST_OF_A_CLASS = 24, 6


def galaxies_card(galaxies: "GalaxySet") -> str:
    """HTML with galaxies evenly spaced in the catalogue; only those are read."""
    n, bands, height, width = galaxies.images.shape
    scale = f", {galaxies.pixel_scale:.3g}″ a pixel" if galaxies.pixel_scale else ""
    lines = (
        f"{n} images of {galaxies.catalogue['group_id'].nunique()} galaxies",
        (
            f"{bands} band{'s' if bands > 1 else ''}: {', '.join(galaxies.bands)}; {height} ×"
            f" {width} pixels{scale}"
        ),
    )
    counts = galaxies.class_counts()
    few = min(_MOST_OF_A_CLASS, max(1, _MOST // len(counts)))
    labels = [galaxies.classes.index(name) if name in galaxies.classes else -1 for name in counts]
    shown = [_few_of(galaxies, label, few) for label in labels]
    return card(
        galaxies.name,
        lines,
        table(("class", "images"), [(name, str(count)) for name, count in counts.items()], shown),
    )


def _few_of(galaxies: "GalaxySet", label: int, few: int) -> str:
    rows = np.flatnonzero(galaxies.labels == label)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, few).astype(int))] if len(rows) else rows
    if not len(rows):
        return ""
    drawn = to_rgb(np.asarray(galaxies.images[rows]), galaxies.bands, origin=galaxies.origin)
    return pictures(
        zip((png(rgb, _SIZE) for rgb in drawn), map(str, galaxies.sample_ids[rows]), strict=True),
        _SIZE,
    )
