"""Loading of all galaxies of a listing into memory."""

import dataclasses
import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.account import copies
from daexplore.data.chunked_images import Images
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.image_format import (
    ImageFormat,
    decide_frame,
    describe_format,
    fit_to_format,
    matches_format,
)
from daexplore.data.readers.listing import Listing
from daexplore.errors import InputError
from daexplore.utils.addresses import Unreachable

__all__ = [
    "FittedCutout",
    "ImageFormat",
    "decide_frame",
    "finished_catalogue",
    "finished_set",
    "fit_to_format",
    "fitted",
    "load_all",
    "mixed",
    "most_frequent",
    "with_warnings",
]


_ZEROS = 0.01


@dataclass(frozen=True, eq=False)
class FittedCutout:
    """One galaxy as it goes into a set, or why it does not.

    Attributes:
        pixels: (C, H, W) float32, None where the galaxy cannot be used.
        columns: what the catalogue is to know of it besides, as JSON types.
        digest: the same for the same pixels.
        form: size and bands as they came; empty where nothing could be read.
        odd: whether these are not the other galaxies'.
        reason: why it cannot be used; empty where it can.
    """

    pixels: NDArray[np.float32] | None
    columns: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    image_format: str = ""
    odd: bool = False
    reason: str = ""


def load_all(listing: Listing, read: ReadConfig) -> GalaxySet:
    """Read every galaxy of the listing into memory.

    Images are finite afterwards; where pixels had to be repaired the catalogue's column
    ``bad_pixels`` holds their share, and ``zero_pixels`` that of pixels that are exactly 0, where
    they are more than one in a hundred. Where no groups are known (the provenance says
    ``group_ids`` None) copies of one image share a group.

    Raises:
        InputError: a galaxy that cannot be read or differs from the others in shape or bands, with
            how many there are and the first of them; or more pixels than half of the machine's
            memory holds.
    """
    if listing.aside:
        raise _unusable(
            listing,
            len(listing.aside),
            listing.aside[0].name,
            (aside.reason for aside in listing.aside),
        )
    frame = decide_frame(listing, read)
    _check_memory(listing, frame)
    images = np.empty((len(listing), *frame.shape), np.float32)
    done = []
    for row in range(len(listing)):
        one = fitted(listing, row, frame, read)
        if one.pixels is not None:
            images[row] = one.pixels
        done.append(dataclasses.replace(one, pixels=None))
    bad = [row for row, one in enumerate(done) if one.reason]
    if bad:
        _refuse(listing, done, bad)
    catalogue = finished_catalogue(
        listing, range(len(listing)), [one.columns for one in done], [one.digest for one in done]
    )
    same = copies(
        catalogue["sample_id"].tolist(),
        [one.digest for one in done],
        catalogue["label"].fillna(-1).astype(int),
        listing.classes,
    )
    return finished_set(with_warnings(listing, same), frame, images, catalogue)


def with_warnings(listing: Listing, warnings: Sequence[str]) -> Listing:
    """The listing with further warnings in its account."""
    account = listing.provenance.get("account", {})
    account = account | {"warnings": [*account.get("warnings", ()), *warnings]}
    return dataclasses.replace(listing, provenance=listing.provenance | {"account": account})


def fitted(listing: Listing, row: int, frame: ImageFormat, read: ReadConfig) -> FittedCutout:
    """The galaxy of a row; one that cannot be used comes with the reason instead of an error."""
    stamp = None
    try:
        stamp = listing.load(row)
        pixels, share = fit_to_format(stamp, frame, read, listing.sample_ids[row])
    except Unreachable:
        raise
    except (InputError, OSError) as error:
        found, odd = (
            ("", False)
            if stamp is None
            else (describe_format(stamp), not matches_format(stamp, frame, read))
        )
        return FittedCutout(None, image_format=found, odd=odd, reason=str(error))
    columns = {name: _plain(value) for name, value in stamp.columns.items()} | (
        {"bad_pixels": share} if share else {}
    )
    # Of a picture, 0 is black; a measured flux is never exactly 0 over much of an image.
    zeros = 1 - np.count_nonzero(pixels) / pixels.size if stamp.depth is None else 0.0
    if zeros >= _ZEROS:
        columns["zero_pixels"] = zeros
    return FittedCutout(
        pixels,
        columns,
        hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()[:32],
        describe_format(stamp),
    )


def mixed(name: str, forms: Counter[str], first: str) -> InputError:
    """What to say of images of several sizes or bands: how many of each, the first odd one, what to
    do.
    """
    counts = ", ".join(f"{count} of {found}" for found, count in forms.most_common(5))
    return InputError(
        f"{name}: images differ in size or bands: {counts}; first odd one {first!r}. Crop or"
        " resample them to one size, or crop all about their centres with --size; where the bands"
        " differ, choose those that all have with --bands."
    )


def most_frequent(reasons: Iterable[str], most: int = 3) -> str:
    """The reasons that come most often, each with its number."""
    return "; ".join(
        f"{count} times: {reason}" if count > 1 else reason
        for reason, count in Counter(reasons).most_common(most)
    )


def finished_catalogue(
    listing: Listing, rows: Sequence[int], columns: Sequence[dict[str, Any]], digests: Sequence[str]
) -> pd.DataFrame:
    """The listing's rows with what the galaxies' files say besides; a column that the catalogue has
    already stays as it is there.

    Args:
        listing: what was read.
        rows: those that can be used.
        columns: of each of them, ``FittedCutout.columns``.
        digests: of each of them, ``FittedCutout.digest``.
    """
    catalogue = listing.catalogue.iloc[list(rows)].reset_index(drop=True)
    more = (
        pd.DataFrame.from_records(list(columns), index=catalogue.index)
        if any(columns)
        else pd.DataFrame(index=catalogue.index)
    )
    for name in ("bad_pixels", "zero_pixels"):
        if name in more:
            more[name] = more[name].astype(float).fillna(0.0)
    changed = {
        name: more[name].where(more[name].notna(), catalogue[name])
        for name in more
        if name in listing.made
    }
    new = [name for name in more if name not in catalogue]
    catalogue = pd.concat([catalogue.assign(**changed), more[new]], axis=1)
    if listing.provenance.get("group_ids", "") is None:
        first: dict[str, str] = {}
        groups = [
            first.setdefault(digest, group)
            for digest, group in zip(digests, catalogue["group_id"], strict=True)
        ]
        catalogue["group_id"] = groups
    return catalogue


def finished_set(
    listing: Listing, frame: ImageFormat, images: Images, catalogue: pd.DataFrame
) -> GalaxySet:
    """The galaxy set of images in their frame."""
    return GalaxySet(
        images,
        catalogue,
        listing.classes,
        frame.bands,
        listing.name,
        frame.pixel_scale,
        listing.provenance,
        frame.flux_scale,
        frame.psf_fwhm,
    )


def _refuse(listing: Listing, done: list[FittedCutout], bad: list[int]) -> NoReturn:
    names = listing.catalogue["sample_id"]
    odd = [row for row in bad if done[row].odd]
    if odd:
        raise mixed(
            listing.name,
            Counter(one.image_format for one in done if one.image_format),
            names.iloc[odd[0]],
        )
    raise _unusable(listing, len(bad), names.iloc[bad[0]], (done[row].reason for row in bad))


def _unusable(listing: Listing, count: int, first: str, reasons: Iterable[str]) -> InputError:
    return InputError(
        f"{listing.name}: {count} of {len(listing) + len(listing.aside)} galaxies cannot be used,"
        f" first {first!r}: {most_frequent(reasons)} Take them out, or set them aside with:"
        " daexplore ingest SOURCE DEST"
    )


def _check_memory(listing: Listing, frame: ImageFormat) -> None:
    needed = 4 * len(listing) * math.prod(frame.shape)
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there / 2:
        raise InputError(
            f"{listing.name}: its {len(listing)} images take {needed / 1e9:.1f} GB, more than half"
            f" of this machine's {there / 1e9:.1f} GB. Ingest them once, and train from the result,"
            " which stays on disk: daexplore ingest SOURCE DEST"
        )


def _plain(value: Any) -> Any:
    """A JSON type; an undefined number is None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
