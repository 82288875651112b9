"""Survey tiles and a catalogue of positions: cut-outs by the tiles' world coordinates."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.catalogues.coordinates import coordinate_columns, positions
from daexplore.data.catalogues.match import keyed_by_sample, names_images, names_of
from daexplore.data.catalogues.read import ID_COLUMNS, TableFile
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.fits.band_files import FITS_SUFFIX, find_band_files
from daexplore.data.readers.fits.folder import FITS_SUFFIXES
from daexplore.data.readers.hlsp import is_hlsp
from daexplore.data.readers.listing import Cutout, Listing, Rejected
from daexplore.data.readers.tiles.index import Plane, Tile, find_tiles
from daexplore.data.readers.tiles.match import TilePositions, locate
from daexplore.data.readers.tiles.windows import cut_out
from daexplore.errors import InputError

__all__ = ["READER", "list_tiles"]


def list_tiles(given: Input) -> Listing:
    """The galaxies of a catalogue on survey tiles, in the catalogue's order; no cut-out is read
    here.

    Each galaxy is taken from the tile in which it is farthest from the edge; where pixels are
    unmeasured there, or exactly 0 in all bands, from the one that measured most of the window. One
    off every tile, or without a usable position, is rejected with the reason. One nearer to the
    edge than half of a cut-out keeps NaN outside the tile, which are repaired if they are few, and
    the column ``edge_pixels`` holds their share. The columns tile, tile_x and tile_y say where it
    was cut out, counted from pixel 0. Pixels are as they are stored, neither turned nor mirrored
    nor resampled.

    Args:
        given: a folder of tiles, or a single one; its ``read`` declares ``size``, the side of the
            cut-outs [pixel], which is required, and the catalogue where that is elsewhere.

    Raises:
        InputError: no size, no catalogue or none with coordinates, no tiles, or a catalogue none of
            whose galaxies is on a tile.
    """
    path, read, table = given.path, given.read, given.table
    if table is None:
        raise InputError(
            f"{path}: tiles need a catalogue of positions. Put one beside them, or give it with"
            " --catalogue."
        )
    sky = positions(table)
    if read.size is None or read.size < 1:
        raise InputError(
            f"{path}: how large are cut-outs from its tiles to be? Declare the side in pixels, for"
            " example --size 64."
        )
    tiles, left_out = find_tiles(given.folder, given.images(FITS_SUFFIXES), read.bands)
    usable = np.isfinite(sky).all(axis=1)
    rows = np.flatnonzero(usable)
    placed = locate(tiles, sky[rows]) if len(rows) else None
    on = np.zeros(0, np.int64) if placed is None else np.flatnonzero(placed.tile >= 0)
    if placed is None or not len(on):
        raise _nothing_found(table, tiles, sky, placed, path)
    name = read.name or path.resolve().name.partition(".")[0]
    names = _names(table)
    attached = keyed_by_sample([f"{name}/{names[row]}" for row in rows[on]], table, read, rows[on])
    load = _Load(
        tuple(tile.planes for tile in tiles),
        placed.tile[on],
        placed.x[on],
        placed.y[on],
        read.size,
        read,
        {row: placed.others[int(place)] for row, place in enumerate(on) if place in placed.others},
    )
    where: dict[str, Any] = {
        "tile": [tiles[number].name for number in load.tile],
        "tile_x": load.x,
        "tile_y": load.y,
    }
    made = {column: values for column, values in where.items() if column not in attached.catalogue}
    aside = [
        Rejected(names[row], f"{table.path}: row {row + 1} has no usable position.")
        for row in np.flatnonzero(~usable)
    ]
    aside += [
        Rejected(
            names[rows[off]], _off(sky[rows[off]], placed.distance[off], tiles[placed.nearest[off]])
        )
        for off in np.flatnonzero(placed.tile < 0)
    ]
    provenance = {
        "reader": "tiles",
        "origin": "lower left",
        "path": str(path.resolve()),
        "size": read.size,
        "tiles": len(tiles),
    } | attached.provenance
    if left_out:
        provenance["left_out_files"] = left_out
    return Listing(
        attached.catalogue.assign(**made),
        load,
        attached.classes,
        name,
        provenance,
        tuple(aside),
        made=tuple(made),
    )


@dataclass(frozen=True, eq=False)
class _Load:
    """Cuts out one galaxy. The world coordinates have done their work before: this holds pixel
    positions only.
    """

    tiles: tuple[tuple[Plane, ...], ...]
    tile: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size: int
    read: ReadConfig
    others: dict[int, tuple[tuple[int, float, float], ...]]

    def __call__(self, row: int) -> Cutout:
        planes = self.tiles[self.tile[row]]
        best = self._window(planes, float(self.x[row]), float(self.y[row]))
        if row in self.others and _measured(best) < 1:
            further = [self._from(*other) for other in self.others[row]]
            best = max([best, *further], key=_measured)
        return best

    def _from(self, tile: int, x: float, y: float) -> Cutout:
        stamp = self._window(self.tiles[tile], x, y)
        name = self.tiles[tile][0].path.name
        where = {"tile": name, "tile_x": x, "tile_y": y}
        return dataclasses.replace(stamp, columns=stamp.columns | where)

    def _window(self, planes: tuple[Plane, ...], x: float, y: float) -> Cutout:
        if len(planes) == 1:
            stamp, edge = cut_out(planes[0], x, y, self.size, self.read)
            bands = stamp.bands or planes[0].bands
            return dataclasses.replace(stamp, bands=bands, columns={"edge_pixels": edge})
        one_band = dataclasses.replace(self.read, bands=None, zero_points=None)
        stamps, edges = zip(
            *(cut_out(plane, x, y, self.size, one_band) for plane in planes), strict=True
        )
        return _stacked(stamps, planes, {"edge_pixels": edges[0]})


def _measured(stamp: Cutout) -> float:
    """Share of the pixels that were measured in all bands; where all bands are exactly 0 a coadd
    has no data.
    """
    there = np.isfinite(stamp.pixels).all(axis=0) & (stamp.pixels != 0).any(axis=0)
    return float(there.mean())


def _stacked(
    stamps: tuple[Cutout, ...], planes: tuple[Plane, ...], columns: dict[str, Any]
) -> Cutout:
    """One galaxy of several files; their footprints are the same, and so are their pixels'
    sizes.
    """
    fluxes = [stamp.flux_scale for stamp in stamps]
    flux = None if None in fluxes else tuple(value for values in fluxes for value in values or ())
    bands = tuple(band for plane in planes for band in plane.bands or ())
    return Cutout(
        np.concatenate([stamp.pixels for stamp in stamps]),
        bands,
        stamps[0].pixel_scale,
        flux,
        columns=columns,
    )


def _names(table: TableFile) -> list[str]:
    """What the galaxies are called: by the first column of names that distinguishes them all, else
    their row.
    """
    for wanted in ID_COLUMNS:
        for column in table.columns:
            if column.lower() == wanted:
                names = names_of(table.frame[column], column, table.path)
                if all(names) and len(set(names)) == len(names):
                    return names
    return [f"{row:06d}" for row in range(len(table.frame))]


def _off(position: NDArray[np.float64], distance: float, nearest: Tile) -> str:
    return (
        f"{_said(position)} is off every tile; the edge of the nearest, {nearest.name}, is"
        f" {distance:.4g} deg away."
    )


def _said(position: NDArray[np.float64]) -> str:
    return f"RA {position[0]:.5f}, Dec {position[1]:+.5f} [deg]"


def _nothing_found(
    table: TableFile,
    tiles: list[Tile],
    sky: NDArray[np.float64],
    placed: TilePositions | None,
    path: Path,
) -> InputError:
    if placed is None:
        return InputError(
            f"{table.path}: none of its {len(sky)} rows has a usable position; expected degrees, or"
            " sexagesimal text."
        )
    first = int(np.argmin(placed.distance))
    position = sky[np.isfinite(sky).all(axis=1)][first]
    return InputError(
        f"{table.path}: none of its {len(sky)} galaxies is on one of the {len(tiles)} tiles of"
        f" {path}. The nearest:"
        f" {_off(position, placed.distance[first], tiles[placed.nearest[first]])} Are the"
        " coordinates in degrees, and the tiles of this survey?"
    )


def _recognises(given: Input) -> bool:
    """A table of positions that names none of the images beside it; of a single file, both have to
    be declared.
    """
    path, read = given.path, given.read
    if path.is_file():
        declared = read.catalogue is not None and read.size is not None
        return declared and bool(FITS_SUFFIX.search(path.name)) and not is_hlsp(path)
    files = given.images(FITS_SUFFIXES)
    if not files or given.table is None or coordinate_columns(given.table) is None:
        return False
    return not names_images(given.table, [*files, *_galaxies(files, read)])


def _galaxies(files: list[str], read: ReadConfig) -> list[str]:
    """What the galaxies are called if there is a file a band."""
    try:
        found = find_band_files(files, read.bands)
    except InputError:  # Of survey tiles two may well differ in nothing but one word.
        return []
    return [] if found is None else list(found.galaxies)


READER = Reader(
    "tiles",
    "survey tiles with a catalogue: FITS images with celestial coordinates, a table with RA and"
    " Dec, and the size of the cut-outs",
    _recognises,
    list_tiles,
)
