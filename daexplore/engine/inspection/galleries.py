"""Galleries of an inspection: galaxies by class, and pairs of similar images."""

import base64
from typing import Any

import numpy as np
import pandas as pd

from daexplore.data.rgb import png, to_rgb
from daexplore.engine.inspection.domain_sample import DomainSample

__all__ = ["pair_pictures", "random_galleries"]

_COLUMNS, _PER_CLASS, _PAIRS, _WIDTH = 6, 12, 12, 96


def random_galleries(sides: list[DomainSample], seed: int) -> tuple[dict[str, Any], ...]:
    """At most 12 random galaxies of each domain and class, on one picture each."""
    found = []
    for side in sides:
        for label in (*side.galaxies.classes, "unlabelled"):
            rows = np.flatnonzero(side.labels == label)
            if not len(rows):
                continue
            shown = np.sort(np.random.default_rng(seed).permutation(rows)[:_PER_CLASS])
            pixels = np.asarray(side.galaxies.images[shown], np.float32)
            rgb = to_rgb(pixels, side.galaxies.bands, origin=side.galaxies.origin)
            columns = min(_COLUMNS, len(shown))
            height, width = rgb.shape[1:3]
            tiles = np.zeros((-(-len(shown) // columns) * columns, height, width, 3), np.uint8)
            tiles[: len(shown)] = rgb
            mosaic = (
                tiles.reshape(-1, columns, height, width, 3)
                .swapaxes(1, 2)
                .reshape(-1, columns * width, 3)
            )
            found.append(
                {
                    "domain": side.domain,
                    "label": label,
                    "n": len(shown),
                    "total": len(rows),
                    "sample_ids": side.galaxies.sample_ids[shown].tolist(),
                    "columns": columns,
                    "png": _uri(png(mosaic)),
                    "oracle": side.domain == "target" and label != "unlabelled",
                }
            )
    return tuple(found)


def pair_pictures(
    sides: list[DomainSample], duplicates: pd.DataFrame
) -> tuple[dict[str, Any], ...]:
    """Both images of the 12 most alike pairs, those across splits first."""
    first = duplicates.sort_values("leak", ascending=False, kind="stable").head(_PAIRS)
    by_domain = {side.domain: side.galaxies for side in sides}

    def picture(domain: str, sample_id: str) -> str:
        galaxies = by_domain[domain]
        image = np.asarray(galaxies.images[galaxies.rows([sample_id])], np.float32)
        return _uri(png(to_rgb(image, galaxies.bands, origin=galaxies.origin)[0], _WIDTH))

    return tuple(
        {
            "sample_id_a": row["sample_id_a"],
            "sample_id_b": row["sample_id_b"],
            "png_a": picture(row["domain_a"], row["sample_id_a"]),
            "png_b": picture(row["domain_b"], row["sample_id_b"]),
        }
        for row in first.to_dict("records")
    )


def _uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
