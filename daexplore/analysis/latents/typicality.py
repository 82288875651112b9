"""Typicality for the source: a p-value of each latent from held-out source galaxies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = ["EnsembleTypicality", "SourceTypicality"]

Floats = NDArray[np.floating[Any]]
_FORMAT = 1
_CHUNK = 16384


@dataclass(frozen=True, eq=False)
class SourceTypicality:
    """Mahalanobis distance to the source's latents, as a conformal p-value.

    One half of the source galaxies gives mean and covariance, the other half the distances to
    compare with. For a further galaxy of the source, the p-value is uniform on its grid whatever
    the latents' distribution (Vovk et al. 2005, Algorithmic Learning in a Random World): of source
    galaxies 5% score below 0.05. With class labels of the source, the distance is that to the
    nearest class's mean under one covariance (Lee et al. 2018, arXiv:1807.03888, eq. 2), which
    finds galaxies between the classes too.

    Attributes:
        means: (C, D) one row a class, or a single one.
        precision: (D, D) inverse of the shrunk covariance within classes (Ledoit & Wolf 2004, J.
            Multivar. Anal. 88, 365).
        distances: (m,) squared distances of the other half, rising.
    """

    means: NDArray[np.float64]
    precision: NDArray[np.float64]
    distances: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        source_latents: Floats,
        labels: NDArray[np.integer[Any]] | None = None,
        groups: NDArray[Any] | None = None,
        seed: int = 0,
    ) -> "SourceTypicality":
        """From source galaxies that did not train the network: source validation.

        Args:
            source_latents: (n, D).
            labels: (n,) their classes, -1 where missing; None takes the source for one cloud.
            groups: (n,) the galaxy each row shows: all images of one are in the same half. By
                default each row is its own.
            seed: which galaxies are in which half.

        Raises:
            InputError: latents that are not finite, or fewer than 4 galaxies.
        """
        check_finite("Latents", source_latents)
        z = source_latents.astype(np.float64)
        fitted = _half(np.arange(len(z)) if groups is None else groups, seed)
        kinds = np.full(len(z), -1, np.int64) if labels is None else labels.astype(np.int64)
        present = [
            kind for kind in np.unique(kinds[fitted]) if (kinds[fitted] == kind).sum() > 1
        ] or [-1]
        if labels is None or present == [-1]:
            means, centred = z[fitted].mean(axis=0)[None], z[fitted] - z[fitted].mean(axis=0)
        else:
            # An unlabelled galaxy belongs to a cloud of some class, but to which is unknown.
            present = [kind for kind in present if kind >= 0]
            means = np.stack([z[fitted & (kinds == kind)].mean(axis=0) for kind in present])
            centred = np.concatenate(
                [
                    z[fitted & (kinds == kind)] - mean
                    for kind, mean in zip(present, means, strict=True)
                ]
            )
        precision = np.asarray(np.linalg.inv(_shrunk_covariance(centred)), np.float64)
        return cls(means, precision, np.sort(_distances(z[~fitted], means, precision)))

    def score(self, latents: Floats) -> NDArray[np.float64]:
        """(n,) in (0, 1]: the share of held-out source galaxies, itself counted among them, that
        are at least as far out.

        Args:
            latents: (n, D) of the same network.

        Raises:
            InputError: latents of another dimension, or not finite.
        """
        if latents.ndim != 2 or latents.shape[1] != self.means.shape[1]:
            raise InputError(
                f"Expected latents of dimension {self.means.shape[1]}, got shape {latents.shape}:"
                " another run's network?"
            )
        if not np.isfinite(latents).all():
            raise InputError(
                "Latents hold NaN or infinite values; an in-domain score is not defined for them."
            )
        found = np.empty(len(latents))
        for start in range(0, len(latents), _CHUNK):
            part = slice(start, start + _CHUNK)
            distances = _distances(latents[part].astype(np.float64), self.means, self.precision)
            found[part] = len(self.distances) - np.searchsorted(
                self.distances, distances, side="left"
            )
        return (1 + found) / (1 + len(self.distances))

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; numbers keep every bit."""
        return {
            "format": _FORMAT,
            "means": self.means.tolist(),
            "precision": self.precision.tolist(),
            "distances": self.distances.tolist(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "SourceTypicality":
        """The inverse of ``to_dict``.

        Raises:
            InputError: not the dictionary of an in-domain score that this version knows.
        """
        if state.get("format") != _FORMAT:
            raise InputError(
                f'Expected an in-domain score of "format": {_FORMAT}, got {state.get("format")!r}.'
                " Fit it again."
            )
        return cls(
            *(np.asarray(state[name], np.float64) for name in ("means", "precision", "distances"))
        )


@dataclass(frozen=True, eq=False)
class EnsembleTypicality:
    """One p-value from those of several networks.

    The mean of p-values is none: of source galaxies far fewer than 5% are below 0.05. So the mean
    is ranked among the means of the held-out source galaxies. Without any that all networks have
    held out, twice the mean is taken, which errs on the careful side (Vovk & Wang 2020, Biometrika
    107, 791).

    Attributes:
        members: of the single networks.
        means: (m,) mean p-values of held-out source galaxies, rising; None where there are none.
    """

    members: tuple[SourceTypicality, ...]
    means: NDArray[np.float64] | None

    @classmethod
    def fit(
        cls, source_latents: Sequence[Floats], groups: NDArray[Any], seed: int = 0
    ) -> "EnsembleTypicality":
        """From source galaxies that trained none of the networks.

        Args:
            source_latents: for each network (n, D) of the same images.
            groups: (n,) the galaxy each row shows.
            seed: as of ``SourceTypicality.fit``.

        Raises:
            InputError: as there.
        """
        members = tuple(
            SourceTypicality.fit(latents, groups=groups, seed=seed) for latents in source_latents
        )
        if len(members) == 1:
            return cls(members, None)
        held = ~_half(groups, seed)
        both = zip(members, source_latents, strict=True)
        scores = [member.score(latents[held]) for member, latents in both]
        # A held-out galaxy is among those it is compared with, a further one is counted beside.
        count = held.sum()
        own = [(score * (1 + count) - 1) / count for score in scores]
        return cls(members, np.sort(np.mean(own, axis=0)))

    def score(self, latents: Sequence[Floats]) -> NDArray[np.float64]:
        """(n,) in (0, 1], as of ``SourceTypicality.score``.

        Args:
            latents: for each network (n, D).
        """
        scores = [member.score(each) for member, each in zip(self.members, latents, strict=True)]
        mean = np.mean(scores, axis=0)
        if len(scores) == 1:
            return np.asarray(mean)
        if self.means is None:
            return np.asarray(np.minimum(2 * mean, 1.0))
        below = np.searchsorted(self.means, mean, side="right")
        return np.asarray((1 + below) / (1 + len(self.means)))


def _half(groups: NDArray[Any], seed: int) -> NDArray[np.bool_]:
    """(n,) which rows fit; all images of a galaxy are in one half."""
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 4:
        raise InputError(
            f"An in-domain score needs at least 4 source validation galaxies, got {len(names)}."
            " Validate on more."
        )
    return np.asarray(
        (np.random.default_rng(seed).permutation(len(names)) < len(names) // 2)[index]
    )


def _distances(
    z: NDArray[np.float64], means: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) squared Mahalanobis distance to the nearest mean."""
    return np.asarray(
        np.min([(((z - mean) @ precision) * (z - mean)).sum(axis=1) for mean in means], axis=0)
    )


def _shrunk_covariance(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, D) with zero mean -> (D, D), positive definite also where units are dead or D exceeds
    n.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    shrinkage = float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    covariance = centred.T @ centred / len(centred)
    variance = float(np.trace(covariance)) / len(covariance)
    # A little more where there is next to nothing to invert: dead units in a large sample, or a
    # network that has collapsed.
    least = max(1e-6 * variance, np.finfo(np.float64).tiny ** 0.5)
    return np.asarray(
        (1 - shrinkage) * covariance + max(shrinkage * variance, least) * np.eye(len(covariance))
    )
