"""Positions on the sky brought to the survey tile in which they are farthest from the edge."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.readers.tiles.index import Tile

__all__ = ["TilePositions", "locate"]

_ROUND_TRIP = 0.5
# Distortions are inverted to a ten-thousandth of a pixel: beyond that, noise would choose the
# window of an even size.
_DECIMALS = 3


@dataclass(frozen=True, eq=False)
class TilePositions:
    """Where each position is found.

    Attributes:
        tile: (N,) number of the tile, -1 where a position is on none.
        x: (N,) pixel of the position along the rows, counted from 0 at the centre of the first; NaN
            off every tile.
        y: (N,) the same along the columns.
        nearest: (N,) number of the tile whose edge is nearest; only where a position is on none.
        distance: (N,) to that edge [deg]; only where a position is on none.
        others: further tiles that show a position, by its number: (tile, x, y), the one where it is
            farthest from the edge first.
    """

    tile: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    nearest: NDArray[np.int64]
    distance: NDArray[np.float64]
    others: dict[int, tuple[tuple[int, float, float], ...]] = field(default_factory=dict)


def locate(tiles: Sequence[Tile], positions: NDArray[np.float64]) -> TilePositions:
    """Find each position's tile: of several that show it the one where its distance to the edge is
    largest [arcsec].

    Args:
        tiles: at least one.
        positions: (N, 2) right ascension and declination, ICRS [deg]; all finite.
    """
    from astropy.coordinates import SkyCoord
    from scipy.spatial import cKDTree

    n = len(positions)
    found, best, x, y = (
        np.full(n, -1, np.int64),
        np.zeros(n),
        np.full(n, np.nan),
        np.full(n, np.nan),
    )
    sky = SkyCoord(positions[:, 0], positions[:, 1], unit="deg")
    points = sky.cartesian.xyz.value.T
    tree = cKDTree(points)
    seen: dict[int, list[tuple[float, int, float, float]]] = {}
    for number, tile in enumerate(tiles):
        reach = np.linalg.norm(tile.border - tile.centre, axis=1).max() * 1.01 + 1e-6
        near = np.array(tree.query_ball_point(tile.centre, reach), dtype=np.int64)
        if not len(near):
            continue
        at_x, at_y = _pixels(tile, sky[near])
        margin = _margin(tile, at_x, at_y)
        for place in np.flatnonzero(margin > 0):
            entry = float(margin[place]), number, float(at_x[place]), float(at_y[place])
            seen.setdefault(int(near[place]), []).append(entry)
        better = margin > best[near]
        rows = near[better]
        found[rows], best[rows], x[rows], y[rows] = (
            number,
            margin[better],
            at_x[better],
            at_y[better],
        )
    off = np.flatnonzero(found < 0)
    nearest, distance = np.full(n, -1, np.int64), np.full(n, np.nan)
    if len(off):
        owner = np.repeat(np.arange(len(tiles)), [len(tile.border) for tile in tiles])
        chord, index = cKDTree(np.concatenate([tile.border for tile in tiles])).query(points[off])
        nearest[off], distance[off] = (
            owner[index],
            np.rad2deg(2 * np.arcsin(np.minimum(chord / 2, 1))),
        )
    others = {
        row: tuple(entry[1:] for entry in sorted(entries, reverse=True) if entry[1] != found[row])
        for row, entries in seen.items()
        if len(entries) > 1
    }
    return TilePositions(found, x, y, nearest, distance, others)


def _pixels(tile: Tile, sky: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates; NaN where the way back does not lead to the same place, as beyond the
    range of a projection or distortion.
    """
    with warnings.catch_warnings():
        # Distorted coordinates are inverted step by step, which fails, with a warning, for
        # positions far outside the tile.
        warnings.simplefilter("ignore")
        x, y = (
            np.array(values, np.float64, ndmin=1).round(_DECIMALS)
            for values in tile.wcs.world_to_pixel(sky)
        )
        inside = np.isfinite(x) & np.isfinite(y) & (_margin(tile, x, y) > 0)
        wrong = np.ones(len(x), bool)
        if inside.any():
            back = tile.wcs.pixel_to_world(x[inside], y[inside])
            wrong[inside] = (
                back.separation(sky[inside].transform_to(back.frame)).arcsec
                > _ROUND_TRIP * tile.pixel_scale
            )
    x[wrong], y[wrong] = np.nan, np.nan
    return x, y


def _margin(tile: Tile, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the edge [arcsec], negative outside."""
    height, width = tile.shape
    return np.asarray(
        np.minimum.reduce([x + 0.5, width - 0.5 - x, y + 0.5, height - 0.5 - y]) * tile.pixel_scale
    )
