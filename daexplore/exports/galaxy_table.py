"""Table of evaluated galaxies: predictions, positions and catalogue columns."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.write import Column
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run
from daexplore.runs.parquet import read_table
from daexplore.utils.files import read_json

__all__ = ["GalaxyTable", "galaxy_table", "thumbnails"]

_ORACLE = "oracle: for reporting only"
_UNITS = {
    "arcsec": "arcsec",
    "arcmin": "arcmin",
    "deg": "deg",
    "kpc": "kpc",
    "mpc": "Mpc",
    "myr": "Myr",
    "gyr": "Gyr",
}
_KEYS = ("sample_id", "group_id", "domain", "split", "label")


@dataclass(frozen=True, eq=False)
class GalaxyTable:
    """The evaluated galaxies of one epoch of a run.

    Attributes:
        epoch: of the outputs.
        columns: name, description and unit of each plain column, in order.
        values: (n,) of each, by name.
        logits: (n, K).
        latents: (n, D).
        projection: what projection_x and projection_y are.
    """

    epoch: int
    columns: tuple[Column, ...]
    values: dict[str, NDArray[Any]]
    logits: NDArray[np.float32]
    latents: NDArray[np.float32]
    projection: str


def galaxy_table(run: Run, epoch: int | None = None) -> GalaxyTable:
    """The table of a run.

    Args:
        run: whose outputs.
        epoch: the selected one by default.

    Raises:
        InputError: that epoch was not evaluated, or a file of the run is damaged.
    """
    found = run.evaluation(epoch)
    classes = np.array(run.classes, object)
    labelled, source = found.labels >= 0, found.domain == "source"
    named = np.where(labelled, classes[np.maximum(found.labels, 0)], "")
    positions, projection = _positions(run, found)
    pair = run.classes[:2]
    made: list[tuple[str, NDArray[Any], str]] = [
        ("sample_id", found.sample_ids, "Key of the image in daexplore"),
        ("group_id", found.group_ids, "Galaxy that the image shows"),
        ("domain", found.domain, "source or target"),
        ("split", found.split, "validation or test"),
        ("label", np.where(source, named, ""), "Class of source galaxies, empty for the target"),
        ("oracle_label", named, f"Class, also of the target ({_ORACLE})"),
        ("predicted", classes[found.predicted], "The most probable class"),
        (
            "oracle_correct",
            np.where(labelled, np.where(found.predicted == found.labels, "yes", "no"), ""),
            f"Whether predicted is the class ({_ORACLE})",
        ),
        ("probability", found.probability, _of_probability(run)),
        ("margin", _margin(found), _of_margin(pair, len(run.classes))),
        ("projection_x", positions[:, 0], f"{projection}: {_axes(projection)[0]}"),
        ("projection_y", positions[:, 1], f"{projection}: {_axes(projection)[1]}"),
    ]
    columns = [_column(name, values, text) for name, values, text in made]
    values = {name: _plain(each) for name, each, _ in made}
    units = _known_units(run)
    catalogue = run.samples.reindex(found.sample_ids)
    for name in catalogue.columns:
        if name in _KEYS:
            continue
        own, series = str(name), catalogue[name]
        title = f"catalogue_{own}" if own in values else own
        values[title] = _catalogue_values(series)
        columns.append(
            _column(
                title,
                values[title],
                "From the catalogue of the images",
                units.get(own) or _unit(own),
            )
        )
    return GalaxyTable(found.epoch, tuple(columns), values, found.logits, found.latents, projection)


def thumbnails(
    run: Run, ids: NDArray[np.object_], domains: NDArray[np.object_], size: int
) -> list[bytes]:
    """A PNG picture of each galaxy in colours, ``size`` pixels wide.

    Raises:
        InputError: the images are not on this machine and cannot be simulated again.
    """
    from daexplore.data import load_pictures
    from daexplore.data.rgb import png, to_rgb

    pictures: list[bytes] = [b""] * len(ids)
    for domain in DOMAINS:
        here = np.flatnonzero(domains == domain)
        for start in range(0, len(here), 256):
            rows = here[start : start + 256]
            about = run.info["data"][domain]
            pixels, bands = load_pictures(about, domain, ids[rows].tolist())
            shown = about.get("pictures") or about
            drawn = to_rgb(pixels, bands, origin=shown.get("origin"))
            for row, rgb in zip(rows, drawn, strict=True):
                pictures[row] = png(rgb, size)
    return pictures


def _margin(found: Evaluation) -> NDArray[np.float32]:
    if found.logits.shape[1] == 2:
        return np.asarray(found.logits[:, 1] - found.logits[:, 0])
    ordered = np.sort(found.logits, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def _of_margin(pair: tuple[str, ...], classes: int) -> str:
    if classes == 2:
        return f"Logit of {pair[1]!r} less that of {pair[0]!r}; 0 on the decision boundary"
    return "Largest logit less the second largest; 0 on a decision boundary"


def _of_probability(run: Run) -> str:
    return (
        f"Probability of {run.classes[1]!r}, 0 to 1"
        if len(run.classes) == 2
        else "Probability of the predicted class, 0 to 1"
    )


def _positions(run: Run, found: Evaluation) -> tuple[NDArray[np.float64], str]:
    """(n, 2) of the stored UMAP, else of the margin plane, else principal components; and which it
    is.
    """
    from daexplore.analysis.latents.margin_plane import margin_plane
    from daexplore.analysis.latents.projection import pca

    file = run.derived(f"umap-epoch={found.epoch:04d}.parquet")
    if file.is_file():
        stored = (
            read_table(file, ("sample_id", "x", "y"))
            .to_pandas()
            .drop_duplicates("sample_id")
            .set_index("sample_id")
        )
        placed = stored.reindex(found.sample_ids)[["x", "y"]].to_numpy(np.float64)
        if np.isfinite(placed).all():
            return placed, f"UMAP of the latents after epoch {found.epoch}"
    if len(run.classes) == 2:
        try:
            weights = run.head(found.epoch)
            args = (found.latents, found.labels, found.domain, found.split, *weights)
            plane = margin_plane(*args, groups=found.group_ids, logits=found.logits)
            return np.stack([plane.x, plane.y], axis=1), "Margin plane"
        except InputError:
            # Too few galaxies for the probe, or a head that distinguishes no classes; components
            # can always be had.
            pass
    return pca(found.latents)[0], "Principal components of the latents"


def _axes(projection: str) -> tuple[str, str]:
    return (
        ("distance to the boundary", "score of a domain probe")
        if projection == "Margin plane"
        else ("first axis", "second axis")
    )


def _column(name: str, values: NDArray[Any], description: str, unit: str | None = None) -> Column:
    values = _plain(values)
    kind = values.dtype.kind
    dtype = (
        f"U{max(1, max((len(str(value)) for value in values), default=1))}"
        if kind == "O"
        else f"{kind}{values.dtype.itemsize}"
    )
    return Column(name, dtype, description, unit)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Text as objects, numbers as they are."""
    return values.astype(object) if values.dtype.kind in "OUST" else values


def _catalogue_values(series: "pd.Series[Any]") -> NDArray[Any]:
    """Numbers with NaN where missing, or text that is empty there: the one missing value that every
    reader agrees on.
    """
    if pd.api.types.is_bool_dtype(series.dtype) and not series.isna().any():
        return series.to_numpy(bool)
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        whole = pd.api.types.is_integer_dtype(series.dtype) and not series.isna().any()
        return series.to_numpy(np.int64) if whole else series.to_numpy(np.float64, na_value=np.nan)
    return series.astype("string").fillna("").to_numpy(object)


def _unit(name: str) -> str | None:
    """Unit implied by a name such as separation_arcsec."""
    if name.lower() in ("ra", "dec"):
        return "deg"
    found = re.search(r"_([a-z]+)$", name.lower())
    return _UNITS.get(found.group(1)) if found else None


def _known_units(run: Run) -> dict[str, str]:
    """Units of the catalogue's columns that the galaxy sets, if they are here, have written down;
    where two differ, neither.
    """
    units: dict[str, set[str]] = {}
    for told in run.info["data"].values():
        file = Path(str(told.get("path"))) / "galaxies.json"
        if told.get("path") and file.is_file():
            for name, unit in (
                (read_json(file).get("provenance") or {}).get("units") or {}
            ).items():
                units.setdefault(str(name), set()).add(str(unit))
    return {name: found.pop() for name, found in units.items() if len(found) == 1}
