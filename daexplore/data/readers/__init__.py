"""Readers of galaxy images, one module per kind of input, and the match of two domains."""

from daexplore.data.readers.listing import Cutout, Listing, Rejected
from daexplore.data.readers.match_domains import check_domains, match_classes, require_two_classes
from daexplore.data.readers.registry import open_listing, read_galaxies

__all__ = [
    "Cutout",
    "Listing",
    "Rejected",
    "check_domains",
    "match_classes",
    "open_listing",
    "read_galaxies",
    "require_two_classes",
]
