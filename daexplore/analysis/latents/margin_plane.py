"""The margin plane: latents drawn so that the decision boundary is exactly a vertical line."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.domain_probe import domain_probe
from daexplore.errors import InputError

__all__ = ["MarginPlane", "margin_plane", "project_new"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class MarginPlane:
    """Positions of galaxies relative to the boundary between classes a and b, and across the
    domains.

    Attributes:
        x: (n,) signed distance to the boundary, positive on the side of b, in units of the source's
            within-class spread.
        y: (n,) held-out score of a linear domain probe that may not use the direction of x; 0 is
            the source's mean, the unit its within-class spread, and larger is more target-like.
        scale: logit of b against a per unit of x.
        probe_auc: of the domain probe on the whole latent: 0.5 if source and target cannot be told
            apart linearly.
        y_auc: of the probe behind y; what remains of the domains' difference off the decision axis.
        directions: (folds, D) unit vectors behind y, orthogonal to the boundary's normal.
        fold: (n,) which of them was fitted without that galaxy.
        centres: (folds,) the source's mean along each, where y is 0.
        spreads: (folds,) the unit of y along each.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scale: float
    probe_auc: float
    y_auc: float
    directions: NDArray[np.float64]
    fold: NDArray[np.int64]
    centres: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def threshold_x(self, threshold: float) -> float:
        """Where the probability of b (against a) is ``threshold``: ``x > threshold_x(t)`` exactly
        if ``p > t``.
        """
        if not 0 < threshold < 1:
            return math.inf if threshold >= 1 else -math.inf
        return (math.log(threshold) - math.log1p(-threshold)) / self.scale


def margin_plane(
    latents: Floats,
    labels: NDArray[np.integer[Any]],
    domains: NDArray[Any],
    splits: NDArray[Any],
    weight: Floats,
    bias: Floats,
    classes: tuple[int, int] = (0, 1),
    folds: int = 5,
    seed: int = 0,
    *,
    groups: NDArray[Any] | None = None,
    logits: Floats | None = None,
) -> MarginPlane:
    """Places galaxies by the linear head of their network.

    With ``w = w_b - w_a`` and similarly the bias, the logit of b against a is ``w.z + b``: its
    distance to the hyperplane is that over |w|. Both axes are divided by the pooled within-class
    standard deviation of the source's validation galaxies, so that they mean the same in every run
    and at every epoch, whatever the latent's scale and orientation. No label of a target galaxy is
    used.

    Args:
        latents: (n, D).
        labels: (n,) -1 where missing; only those of source galaxies are looked at.
        domains: (n,) "source" or "target".
        splits: (n,) "validation" or "test".
        weight: (K, D) of the head.
        bias: (K,) of the head.
        classes: the pair (a, b).
        folds: of the domain probe.
        seed: of its folds.
        groups: (n,) the galaxy each row shows, so that no galaxy is scored by a probe that saw it
            in the other domain.
        logits: (n, K) as the network gave them; x then agrees with their probabilities to the last
            digit. By default from the head.

    Raises:
        InputError: a class that the head does not have, latents that are not finite, or too few
            galaxies for the probe.
    """
    a, b = classes
    if not (0 <= a < len(weight) and 0 <= b < len(weight) and a != b):
        raise InputError(
            f"A margin plane needs two different classes from 0 to {len(weight) - 1}, got {a} and"
            f" {b}."
        )
    z = latents.astype(np.float64)
    normal = weight[b].astype(np.float64) - weight[a].astype(np.float64)
    length = float(np.linalg.norm(normal))
    if not length > 0:
        raise InputError(
            f"The network's head does not separate class {a} from class {b} (equal or non-finite"
            " weights); choose another epoch."
        )
    if logits is None:
        margin = z @ normal + (float(bias[b]) - float(bias[a]))
    else:
        margin = logits[:, b].astype(np.float64) - logits[:, a].astype(np.float64)
    source = domains == "source"
    x_spread = _source_spread(
        margin / length, np.where(np.isin(labels, classes), labels, -1), source, splits
    )[1]

    across = domain_probe(z, domains, groups, without=normal, folds=folds, seed=seed)
    units = [
        _source_spread(z @ direction, labels, source, splits) for direction in across.directions
    ]
    centres, spreads = np.array(units).T
    y = (across.scores - centres[across.fold]) / spreads[across.fold]
    whole = domain_probe(z, domains, groups, folds=folds, seed=seed)
    scale = length * x_spread
    return MarginPlane(
        margin / scale,
        y,
        scale,
        whole.auc,
        across.auc,
        across.directions,
        across.fold,
        centres,
        spreads,
    )


def project_new(
    plane: MarginPlane, latents: Floats, logits: Floats, row: int, classes: tuple[int, int] = (0, 1)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where further images of a galaxy are in a plane that is there already: nothing is fitted
    again, so its axes stay what they are.

    y comes from the probe that was fitted without the galaxy. Its own latent and logits give the
    position it has.

    Args:
        plane: of :func:`margin_plane`.
        latents: (m, D) of the further images.
        logits: (m, K) as above.
        row: of the galaxy in the plane.
        classes: the pair (a, b) the plane was made for.

    Returns:
        x (m,) and y (m,), in the plane's units.
    """
    fold, (a, b) = plane.fold[row], classes
    margin = logits[:, b].astype(np.float64) - logits[:, a].astype(np.float64)
    y = (latents.astype(np.float64) @ plane.directions[fold] - plane.centres[fold]) / plane.spreads[
        fold
    ]
    return margin / plane.scale, np.asarray(y)


def _source_spread(
    values: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    source: NDArray[np.bool_],
    splits: NDArray[Any],
) -> tuple[float, float]:
    """Mean and pooled within-class standard deviation of the source's validation galaxies, or of
    all its galaxies if those are too few.
    """
    for chosen in (
        source & (labels >= 0) & (splits == "validation"),
        source & (labels >= 0),
        source,
    ):
        # The last resort, no labels at all, takes the whole source for one class.
        kinds = labels[chosen]
        present = np.unique(kinds)
        freedom = int(chosen.sum()) - len(present)
        if freedom < 1:
            continue
        residuals = sum(
            float(
                ((values[chosen][kinds == kind] - values[chosen][kinds == kind].mean()) ** 2).sum()
            )
            for kind in present
        )
        spread = math.sqrt(residuals / freedom)
        # A network that has collapsed gives all galaxies one latent; any unit does then.
        return float(values[chosen].mean()), spread if spread > 0 else 1.0
    raise InputError("A margin plane needs at least a few source galaxies; evaluate more of them.")
