"""Index of survey tiles: FITS images with celestial coordinates, grouped by field."""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.readers.fits.band_files import find_band_files
from daexplore.data.readers.fits.channels import choose, image_role, role_of, squeezed
from daexplore.data.readers.fits.hdus import Hdu, read_bytes, read_hdus
from daexplore.errors import InputError

__all__ = ["Plane", "Tile", "find_tiles"]

_SAME_FOOTPRINT = 0.1
_BORDER_POINTS = 32


@dataclass(frozen=True)
class Plane:
    """Images on the same pixels in one file: a band, several extensions or a cube, with the masks
    and weights that belong to them.

    Attributes:
        path: the file.
        hdus: numbers of its parts.
        bands: of the channels; None where neither header nor file name says them.
        channels: how many there are.
        changed: when the file was last written [ns], so that an older opening is not taken for it.
    """

    path: Path
    hdus: tuple[int, ...]
    bands: tuple[str, ...] | None
    channels: int
    changed: int


@dataclass(frozen=True, eq=False)
class Tile:
    """A field of the sky, in one file or in one for each band on the same pixels.

    Attributes:
        planes: the files' images.
        shape: height and width [pixel].
        wcs: astropy's celestial coordinates of the pixels.
        pixel_scale: [arcsec / pixel], the mean of the two sides.
        border: (n, 3) points along the outer edge as unit vectors, the four corners at every
            quarter.
        centre: (3,) the middle, as above.
    """

    planes: tuple[Plane, ...]
    shape: tuple[int, int]
    wcs: Any
    pixel_scale: float
    border: NDArray[np.float64]
    centre: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The file, the first of several."""
        return self.planes[0].path.name

    @property
    def bands(self) -> tuple[str, ...] | None:
        """Of all channels; None where a plane does not say its own."""
        named = [plane.bands for plane in self.planes]
        return None if None in named else tuple(band for bands in named for band in bands or ())


def find_tiles(
    folder: Path, files: Sequence[str], declared: tuple[str, ...] | None
) -> tuple[list[Tile], list[str]]:
    """Read the headers of the files and brings bands of one field together.

    Every image with celestial coordinates is a tile, in whatever part of its file it is; masks,
    weights and the like, by EXTNAME or by the file's name, are none. Images of the same size whose
    corners agree to a tenth of a pixel show one field; their bands are distinguished by FILTER and
    its like, else by the file's name.

    Args:
        folder: where the files are.
        files: relative to it.
        declared: bands to take, in this order; fields that lack one are left out.

    Returns:
        The tiles, and the files left out.

    Raises:
        InputError: a damaged file, no tile at all, images of one field that nothing tells apart,
            fields in different bands.
    """
    science = [file for file in files if not role_of(Path(file).name.partition(".")[0])]
    band_of = _file_bands(science, declared)
    single = [
        tile for file in science for tile in _tiles_of(folder / file, band_of.get(file), declared)
    ]
    if declared is not None and band_of:
        single = [tile for tile in single if tile.bands is not None]
    used = {plane.path for tile in single for plane in tile.planes}
    if not single:
        raise InputError(
            f"{folder}: none of its {len(files)} FITS files holds an image with celestial"
            " coordinates (CTYPE RA---TAN and the like). Give survey tiles with a world coordinate"
            " system."
        )
    tiles, lacking = _in_bands(_fields(single), declared)
    left_out = [file for file in files if folder / file not in used]
    return tiles, left_out + [plane.path.name for tile in lacking for plane in tile.planes]


def _file_bands(files: Sequence[str], declared: tuple[str, ...] | None) -> dict[str, str]:
    """Bands that the names of the files say: those that look like bands, and the declared ones."""
    bands: dict[str, str] = {}
    for wanted in dict.fromkeys((None, declared)):
        try:
            found = find_band_files(files, wanted)
        except InputError:
            # Two tiles may well differ in one word; two images of a galaxy may not.
            continue
        for those in found.galaxies.values() if found else ():
            bands |= (
                {file: band for band, file in zip(found.bands, those, strict=True) if file}
                if found
                else {}
            )
    return bands


def _tiles_of(path: Path, band: str | None, declared: tuple[str, ...] | None) -> list[Tile]:
    """One tile for each field that the file shows."""
    data = read_bytes(path)
    hdus = read_hdus(data, path)
    changed = path.stat().st_mtime_ns
    images = [
        number
        for number, hdu in enumerate(hdus)
        if len(squeezed(hdu.shape)) == 3 and not image_role(hdu)
    ]
    fields: list[tuple[Tile, list[int]]] = []
    for number in images:
        tile = _geometry(hdus[number], data[hdus[number].start : hdus[number].data])
        if tile is None:
            continue
        same = next((numbers for other, numbers in fields if _same_field(other, tile)), None)
        if same is None:
            fields.append((tile, [number]))
        else:
            same.append(number)
    tiles = []
    for tile, numbers in fields:
        channels, names = _channels(hdus, numbers, path, declared)
        if names is None and channels == 1 and band is not None:
            names = (band,)
        maps = [
            number for kind in ("mask", "weight") for number in _maps(hdus, numbers, images, kind)
        ]
        tiles.append(
            dataclasses.replace(
                tile, planes=(Plane(path, (*numbers, *maps), names, channels, changed),)
            )
        )
    return tiles


def _channels(
    hdus: list[Hdu], numbers: list[int], path: Path, declared: tuple[str, ...] | None
) -> tuple[int, tuple[str, ...] | None]:
    images = [hdus[number] for number in numbers]
    try:
        channels, names = choose(images, hdus[0].header, None, path)
    except InputError:
        # Extensions that only a declaration can name.
        if declared is None:
            raise
        channels, names = choose(images, hdus[0].header, declared, path)
    return len(channels), names


def _maps(hdus: list[Hdu], numbers: list[int], images: list[int], kind: str) -> list[int]:
    """Masks or weights of these images: of as many as images in the file each has its own, else
    those of the same size.
    """
    those = [number for number, hdu in enumerate(hdus) if hdu.shape and image_role(hdu) == kind]
    if len(those) == len(images):
        return [those[images.index(number)] for number in numbers]
    return [number for number in those if hdus[number].shape[-2:] == hdus[numbers[0]].shape[-2:]]


def _geometry(hdu: Hdu, header: bytes) -> Tile | None:
    """A tile without planes; None where the header has no celestial coordinates along the first two
    axes.
    """
    from astropy.io import fits
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    height, width = squeezed(hdu.shape)[1:]
    along, ends = (
        np.linspace(-0.5, width - 0.5, _BORDER_POINTS + 1)[:-1],
        np.linspace(-0.5, height - 0.5, _BORDER_POINTS + 1)[:-1],
    )
    x = np.concatenate(
        [
            along,
            np.full(_BORDER_POINTS, width - 0.5),
            width - 1 - along,
            np.full(_BORDER_POINTS, -0.5),
        ]
    )
    y = np.concatenate(
        [
            np.full(_BORDER_POINTS, -0.5),
            ends,
            np.full(_BORDER_POINTS, height - 0.5),
            height - 1 - ends,
        ]
    )
    with warnings.catch_warnings():
        # Deprecated keywords that astropy repairs, and remarks about distortions, change nothing
        # here.
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(fits.Header.fromstring(header))
            if not wcs.has_celestial or {wcs.wcs.lng, wcs.wcs.lat} != {0, 1}:
                return None
            wcs = wcs.celestial
            border, centre = (
                wcs.pixel_to_world(*at).icrs.cartesian.xyz.value
                for at in ((x, y), ((width - 1) / 2, (height - 1) / 2))
            )
            scale = float(np.mean(proj_plane_pixel_scales(wcs))) * 3600
        except (
            Exception
        ):  # wcslib raises errors of many kinds on headers that do not describe a projection
            return None
    border = border.T[np.isfinite(border).all(axis=0)]
    return (
        Tile((), (height, width), wcs, scale, border, centre)
        if len(border) and np.isfinite(centre).all()
        else None
    )


def _same_field(one: Tile, other: Tile) -> bool:
    return (
        one.shape == other.shape
        and one.border.shape == other.border.shape
        and bool(
            np.abs(one.border - other.border).max()
            < np.deg2rad(_SAME_FOOTPRINT * one.pixel_scale / 3600)
        )
    )


def _fields(single: Sequence[Tile]) -> list[Tile]:
    """Tiles of the same footprint as one."""
    fields: list[Tile] = []
    centres = np.empty((len(single), 3))
    for tile in single:
        near = np.flatnonzero(
            np.abs(centres[: len(fields)] - tile.centre).max(axis=1)
            < np.deg2rad(tile.pixel_scale / 3600)
        )
        match = next((index for index in near if _same_field(fields[index], tile)), None)
        if match is None:
            centres[len(fields)] = tile.centre
            fields.append(tile)
            continue
        there = fields[match]
        if tile.bands is None or there.bands is None or set(tile.bands) & set(there.bands):
            band = f"in the band {tile.bands[0]}" if tile.bands else "and nothing says their bands"
            raise InputError(
                f"{there.planes[0].path} and {tile.planes[0].path.name} show the same field {band}."
                " Keep one of them, or say the bands in FILTER or in the files' names"
                " (field1_g.fits, field1_r.fits)."
            )
        fields[match] = dataclasses.replace(there, planes=there.planes + tile.planes)
    return fields


def _check_grids(tiles: Sequence[Tile]) -> None:
    """Raise InputError if two bands of one field lie on grids of their own, as dithers do."""
    for number, one in enumerate(tiles):
        for other in tiles[:number]:
            apart = np.rad2deg(np.linalg.norm(one.centre - other.centre)) * 3600 / one.pixel_scale
            if set(one.bands or ()) & set(other.bands or ()) or apart > min(one.shape) / 4:
                continue
            sizes = [f"{tile.shape[1]}x{tile.shape[0]}" for tile in (other, one)]
            size = f", they measure {' and '.join(sizes)}" if one.shape != other.shape else ""
            raise InputError(
                f"{other.planes[0].path} ({', '.join(other.bands or ())}) and {one.name}"
                f" ({', '.join(one.bands or ())}) show one field on different grids: their centres"
                f" are {apart:.2g} pixels apart{size}. Cut-outs"
                " of several bands need one grid. Bring the bands to one, for example"
                " with reproject.reproject_interp or SWarp, or take one band: --bands"
                f" {(other.bands or ('g',))[0]}."
            )


def _in_bands(tiles: list[Tile], declared: tuple[str, ...] | None) -> tuple[list[Tile], list[Tile]]:
    """The tiles with the bands that all are to have, and those that lack some."""
    if declared is None:
        first = tiles[0]
        odd = next(
            (tile for tile in tiles if set(tile.bands or ()) != set(first.bands or ())), None
        )
        if odd is not None:
            _check_grids(tiles)
            names = [", ".join(tile.bands or ("no band that it names",)) for tile in (first, odd)]
            raise InputError(
                f"Tiles differ in their bands: {first.planes[0].path} has {names[0]}, {odd.name}"
                f" has {names[1]}. Declare with --bands those to take, or add the missing files."
            )
        return tiles, []
    wanted = [band.casefold() for band in declared]
    named = any(band.casefold() in wanted for tile in tiles for band in tile.bands or ())
    kept, lacking = [], []
    for tile in tiles:
        plane_of = {(plane.bands or ("",))[0].casefold(): plane for plane in tile.planes}
        if len(tile.planes) == 1 and (
            tile.planes[0].channels > 1 or tile.bands is None or not named
        ):
            kept.append(tile)
        elif all(band in plane_of for band in wanted):
            kept.append(dataclasses.replace(tile, planes=tuple(plane_of[band] for band in wanted)))
        else:
            lacking.append(tile)
    if not kept:
        _check_grids(tiles)
        raise InputError(
            f"No tile has all declared bands ({', '.join(declared)}); {lacking[0].planes[0].path}"
            f" has {', '.join(lacking[0].bands or ())}."
        )
    return kept, lacking
