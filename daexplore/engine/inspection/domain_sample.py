"""Domain sample of an inspection: galaxies, channels in the source's order, and splits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.galaxy_set import GalaxySet

__all__ = ["DomainSample", "ReorderedChannels", "groups_known"]

_SEARCHED = 40_000


@dataclass(frozen=True, eq=False)
class ReorderedChannels:
    """Images with their channels in another order, read when rows are asked for.

    Attributes:
        images: (N, C, H, W).
        order: number of the channel that is at each place.
    """

    images: Any
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """As that of an array."""
        n, _, height, width = self.images.shape
        return int(n), len(self.order), int(height), int(width)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        images = np.asarray(self.images[rows])
        return (
            images if self.order == tuple(range(images.shape[1])) else images[:, list(self.order)]
        )


@dataclass(frozen=True, eq=False)
class DomainSample:
    """One of the two domains.

    Attributes:
        domain: "source" or "target".
        galaxies: all of it.
        images: the same images, channels in the source's order.
        rows: the measured ones.
        splits: (N,) "train", "validation", "test", or "" where the set is too small to be split.
    """

    domain: str
    galaxies: GalaxySet
    images: ReorderedChannels
    rows: NDArray[np.int64]
    splits: NDArray[Any]

    @cached_property
    def groups(self) -> NDArray[np.object_]:
        """(N,) the galaxy that each image shows."""
        return self.galaxies.catalogue["group_id"].astype(str).to_numpy(object)

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """(N,) class names, "unlabelled" where there is none."""
        names = np.array([*self.galaxies.classes, "unlabelled"], object)
        return names[self.galaxies.labels]

    @property
    def flux_scale(self) -> tuple[float, ...] | None:
        """Nanojansky of one unit, channels in the source's order."""
        scale = self.galaxies.flux_scale
        return None if scale is None else tuple(scale[channel] for channel in self.images.order)

    @cached_property
    def searched(self) -> NDArray[np.int64]:
        """The images among which copies are looked for: all, or the sample and others up to 40
        000.
        """
        if len(self.galaxies) <= _SEARCHED:
            return np.arange(len(self.galaxies))
        rest = np.setdiff1d(
            np.random.default_rng(0).permutation(len(self.galaxies))[:_SEARCHED], self.rows
        )
        return np.sort(np.concatenate([self.rows, rest])[:_SEARCHED])


def groups_known(galaxies: GalaxySet) -> bool:
    """Whether the set says which images show the same galaxy: some share a group, or nothing says
    that groups are unknown.
    """
    return "note" not in galaxies.provenance or bool(
        galaxies.catalogue["group_id"].duplicated().any()
    )
