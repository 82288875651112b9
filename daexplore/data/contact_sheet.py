"""Contact sheet: a grid of galaxies of both domains."""

from typing import TYPE_CHECKING

import numpy as np

from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.rgb import to_rgb

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["contact_sheet"]


def contact_sheet(
    galaxies: GalaxySet, per_class: int = 24, seed: int = 0, columns: int = 12, size: int = 96
) -> "Image.Image":
    """A sheet of randomly chosen galaxies, class by class.

    Args:
        galaxies: the set; unlabelled galaxies get a block of their own.
        per_class: galaxies shown of each class.
        seed: which ones.
        columns: galaxies a row.
        size: of each stamp [pixel].
    """
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(seed)
    blocks = []
    for label, name in (*enumerate(galaxies.classes), (-1, "unlabelled")):
        rows = np.flatnonzero(galaxies.labels == label)
        if len(rows):
            blocks.append((name, len(rows), np.sort(rng.permutation(rows)[:per_class])))
    title, gap = 26, 2
    heights = [title + -(-len(rows) // columns) * (size + gap) for _, _, rows in blocks]
    sheet = Image.new("RGB", (columns * (size + gap) - gap, sum(heights)), "black")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    top = 0
    for (name, total, rows), height in zip(blocks, heights, strict=True):
        draw.text(
            (4, top + 4),
            f"{galaxies.name}: {name}  ({len(rows)} of {total})",
            fill="#F0E442",
            font=font,
        )
        for i, rgb in enumerate(
            to_rgb(galaxies.images[rows], galaxies.bands, origin=galaxies.origin)
        ):
            stamp = Image.fromarray(rgb).resize((size, size), Image.Resampling.BICUBIC)
            sheet.paste(
                stamp, ((i % columns) * (size + gap), top + title + (i // columns) * (size + gap))
            )
        top += height
    return sheet
