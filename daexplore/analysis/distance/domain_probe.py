"""Linear domain probe in latent space, and MMD on fixed bandwidths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.probe_spread import training_factor
from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.analysis.metrics.classification import auc, weighted_auc
from daexplore.errors import InputError
from daexplore.kernels import gaussian_kernel, squared_distances
from daexplore.utils.checks import check_finite

__all__ = ["DomainProbe", "domain_probe", "mmd2_chunked", "probe_intervals", "spread"]

Floats = NDArray[np.floating[Any]]


def spread(latents: Floats) -> float:
    """Root mean square distance of the latents from their mean: the unit in which distances mean
    the same at every epoch and in every run.

    A network's latents grow by an order of magnitude while it trains; on a bandwidth fixed in their
    own units, every kernel value would vanish and the MMD^2 of any two distributions with it.

    Args:
        latents: (n, d).
    """
    centred = latents.astype(np.float64) - latents.mean(axis=0, dtype=np.float64)
    return float(np.sqrt((centred**2).sum(axis=1).mean()))


def mmd2_chunked(x: Floats, y: Floats, bandwidths: Sequence[float], chunk: int = 512) -> float:
    """As ``kernels.mmd2``, in double precision, without ever holding a whole kernel matrix.

    Args:
        x: (n, d), n >= 2.
        y: (m, d), m >= 2.
        bandwidths: sigma^2 of each Gaussian.
        chunk: rows at a time; 512 keep a block of the matrix within the processor's cache.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    n, m = len(x), len(y)

    def total(one: Floats, other: Floats) -> float:
        blocks = [
            (one[i : i + chunk], other[j : j + chunk])
            for i in range(0, len(one), chunk)
            for j in range(0, len(other), chunk)
        ]
        return sum(
            float(gaussian_kernel(squared_distances(a, b), bandwidths).sum()) for a, b in blocks
        )

    return (
        (total(x, x) - n) / (n * (n - 1))
        + (total(y, y) - m) / (m * (m - 1))
        - 2 * total(x, y) / (n * m)
    )


@dataclass(frozen=True, eq=False)
class DomainProbe:
    """A linear classifier of the domain, each galaxy scored by the one that was fitted without it.

    Attributes:
        directions: (folds, D) unit vectors, each pointing from source to target.
        fold: (n,) which direction was fitted without that row.
        scores: (n,) latent along that direction.
        auc: mean over folds of the area under the ROC curve for telling target from source: 0.5 if
            the domains cannot be separated.
        thresholds: (folds,) halfway between the two domains' mean scores in training: above it a
            galaxy is called the target's.
    """

    directions: NDArray[np.float64]
    fold: NDArray[np.int64]
    scores: NDArray[np.float64]
    auc: float
    thresholds: NDArray[np.float64]


def domain_probe(
    latents: Floats,
    domains: NDArray[Any],
    groups: NDArray[Any] | None = None,
    without: Floats | None = None,
    folds: int = 5,
    seed: int = 0,
    shrinkage: float = 1e-3,
) -> DomainProbe:
    """How well a linear function of the latent separates target from source. Uses no class labels.

    Fisher's linear discriminant with a ridge, ``v ~ (S + a I)^-1 (mean_target - mean_source)`` with
    S the mean of the two domains' covariances and a = shrinkage * trace(S) / D (Friedman 1989, JASA
    84, 165): in closed form, so a hundred times faster than a logistic regression, and unlike it
    indifferent to how many images each domain has. It does not depend on a rotation of the latent.

    Args:
        latents: (n, D).
        domains: (n,) "source" or "target".
        groups: (n,) the galaxy each row shows: all images of a galaxy, in both domains, are in one
            fold. By default each row is its own.
        without: (D,) a direction the probe may not use.
        folds: of the cross-validation.
        seed: which galaxies are in which fold; the same ones whenever the galaxies are the same.
        shrinkage: keeps directions without variance (dead units, ``without``) from mattering.

    Raises:
        InputError: latents that are not finite, or fewer than 2 rows of a domain in a fold.
    """
    check_finite("Latents", latents)
    z = latents.astype(np.float64)
    z -= z.mean(axis=0)
    if without is not None:
        unit = without.astype(np.float64) / np.linalg.norm(without)
        z -= np.outer(z @ unit, unit)
    target = domains == "target"
    names, index = np.unique(np.arange(len(z)) if groups is None else groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[index]
    directions = np.zeros((folds, z.shape[1]))
    scores, thresholds = np.zeros(len(z)), np.zeros(folds)
    areas = []
    for number in range(folds):
        held_out = fold == number
        if min((held_out & target).sum(), (held_out & ~target).sum()) < 2:
            raise InputError(
                f"A domain probe with {folds} folds needs at least 2 images of each domain in each;"
                " evaluate more galaxies."
            )
        direction = _discriminant(z[~held_out & ~target], z[~held_out & target], shrinkage)
        if without is not None:
            # Rounding aside it is already orthogonal: the data have nothing along ``without``.
            direction -= (direction @ unit) * unit
        directions[number] = direction / max(float(np.linalg.norm(direction)), np.finfo(float).tiny)
        scores[held_out] = latents[held_out].astype(np.float64) @ directions[number]
        means = [
            latents[~held_out & side].mean(axis=0, dtype=np.float64) for side in (target, ~target)
        ]
        thresholds[number] = (means[0] + means[1]) @ directions[number] / 2
        areas.append(auc(target[held_out], scores[held_out]))
    return DomainProbe(directions, fold.astype(np.int64), scores, float(np.mean(areas)), thresholds)


def probe_intervals(
    probe: DomainProbe,
    latents: Floats,
    domains: NDArray[Any],
    groups: NDArray[Any],
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """How well the probe distinguishes the domains, with intervals of the group bootstrap over the
    held-out galaxies, widened for the training galaxies (``probe_spread.training_factor``).

    ``a_distance`` is the proxy A-distance ``2 (1 - 2 error)`` (Ben-David et al. 2007, NeurIPS 19,
    sec. 4), the error on held-out galaxies with both domains counted alike: 0 if the domains cannot
    be separated, 2 if a plane separates them.

    Args:
        probe: of :func:`domain_probe`.
        latents: (n, D) as given to it.
        domains: (n,) as given to it.
        groups: (n,) the galaxy each row shows.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.

    Returns:
        "auc" and "a_distance" -> {"value", "low", "high"}.
    """
    target = domains == "target"
    called = probe.scores > probe.thresholds[probe.fold]
    weights = np.concatenate([np.ones((1, len(target))), group_weights(groups, resamples, seed)])
    numbers = range(len(probe.directions))
    # A small resample may lack a domain in a fold (NaN): its other folds are averaged.
    areas = np.ma.masked_invalid(
        [
            weighted_auc(
                target[probe.fold == number],
                probe.scores[probe.fold == number],
                weights[:, probe.fold == number],
            )
            for number in numbers
        ]
    )
    with np.errstate(invalid="ignore"):
        errors = [
            (weights[:, side & (called != target)].sum(axis=1) / weights[:, side].sum(axis=1))
            for side in (target, ~target)
        ]
    found = {
        "auc": areas.mean(axis=0).filled(np.nan),
        "a_distance": 2 * (1 - errors[0] - errors[1]),
    }
    answer = {}
    areas_drawn = found["auc"][1:][np.isfinite(found["auc"][1:])]
    factor = training_factor(
        latents, domains, groups, probe.fold, float(areas_drawn.var(ddof=1)), seed=seed
    )
    bounds = {"auc": (0.0, 1.0), "a_distance": (-2.0, 2.0)}
    for name, values in found.items():
        drawn = values[0] + factor * (values[1:][np.isfinite(values[1:])] - values[0])
        low, high = np.quantile(drawn.clip(*bounds[name]), [(1 - level) / 2, (1 + level) / 2])
        answer[name] = {"value": float(values[0]), "low": float(low), "high": float(high)}
    return answer


def _discriminant(
    source: NDArray[np.float64], target: NDArray[np.float64], shrinkage: float
) -> NDArray[np.float64]:
    covariance = np.atleast_2d((np.cov(source, rowvar=False) + np.cov(target, rowvar=False)) / 2)
    ridge = shrinkage * np.trace(covariance) / len(covariance)
    difference = target.mean(axis=0) - source.mean(axis=0)
    return np.asarray(
        np.linalg.solve(
            covariance + max(ridge, np.finfo(float).tiny) * np.eye(len(covariance)), difference
        )
    )
