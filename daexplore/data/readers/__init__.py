"""Galaxies from files: one entrance, one small module for each kind of input, and the check of two domains against each other."""

from daexplore.data.readers.domains import check_domains, match_classes, require_two_classes
from daexplore.data.readers.read import read_galaxies

__all__ = ["check_domains", "match_classes", "read_galaxies", "require_two_classes"]
