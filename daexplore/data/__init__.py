"""Galaxy sets: opening, splitting, preprocessing and simulating them, without torch."""

from daexplore.data.datasets import (
    describe,
    load_images,
    load_pictures,
    open_described,
    open_domains,
)
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers import check_domains, match_classes, read_galaxies

# Former name of ``load_images``, which notebooks of users import.
described_pixels = load_images

__all__ = [
    "GalaxySet",
    "check_domains",
    "describe",
    "load_images",
    "load_pictures",
    "match_classes",
    "open_described",
    "open_domains",
    "read_galaxies",
]
