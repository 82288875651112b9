"""Risk-coverage curves: error among the most confident galaxies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.errors import InputError

__all__ = ["RiskCoverage", "risk_coverage"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Share of errors among the kept galaxies, for each share that is kept.

    Attributes:
        coverage: (points,) share of the galaxies kept, the surest ones first.
        risk: (points,) share of errors among them.
        low: (points,) lower end of the interval.
        high: (points,) upper end.
        aurc: {"value", "low", "high", "n"}: mean risk over all coverages (Geifman & El-Yaniv 2017,
            arXiv:1705.08500; Geifman et al. 2019, arXiv:1805.08206).
        excess: as above, less the AURC of an order that puts all errors last, r + (1 - r) ln(1 - r)
            for an error rate r (ibid.).
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    aurc: dict[str, float]
    excess: dict[str, float]

    def rows(self) -> list[dict[str, Any]]:
        """One row a point, of plain numbers."""
        names = ("coverage", "risk", "low", "high")
        return [
            dict(zip(names, row, strict=True))
            for row in zip(*(getattr(self, name).tolist() for name in names), strict=True)
        ]


def risk_coverage(
    labels: NDArray[np.integer[Any]],
    probabilities: Floats,
    groups: NDArray[Any],
    confidence: Floats | None = None,
    points: int = 50,
    resamples: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> RiskCoverage:
    """The risk-coverage curve of a selective classifier (El-Yaniv & Wiener 2010, JMLR 11, 1605)
    with the group bootstrap's intervals.

    Galaxies of equal confidence are kept or rejected together, as a threshold does.

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        probabilities: (n, K); the most probable class is called.
        groups: (n,) the galaxy each row shows.
        confidence: (n,) by which galaxies are kept, the largest first; by default the probability
            of the class that is called.
        points: of the curve's even grid; at each the risk of the smallest set that covers at least
            so much.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.

    Raises:
        InputError: values that are not finite, or no labelled galaxy.
    """
    order_by = probabilities.max(axis=1) if confidence is None else confidence
    if not (np.isfinite(probabilities).all() and np.isfinite(order_by).all()):
        raise InputError(
            "Probabilities or confidences hold NaN or infinite values: the training diverged, or a"
            " score is missing."
        )
    known = labels >= 0
    if not known.any():
        raise InputError(
            "A risk-coverage curve counts errors on labelled galaxies, but none of these has a"
            " label."
        )
    order = np.argsort(-order_by[known], kind="stable")
    wrong = (labels[known] != probabilities[known].argmax(axis=1)).astype(np.float64)[order]
    ordered = order_by[known][order]
    ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    weights = group_weights(groups[known], resamples, seed)[:, order]
    grid = np.linspace(1 / points, 1, points)
    risk, aurc, rate = _curves(wrong, np.ones((1, len(wrong))), ends, grid)
    drawn_risk, drawn_aurc, drawn_rate = _curves(wrong, weights, ends, grid)
    low, high = np.quantile(drawn_risk, [(1 - level) / 2, (1 + level) / 2], axis=0)

    def entry(value: float, drawn: NDArray[np.float64]) -> dict[str, float]:
        lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return {"value": value, "low": float(lower), "high": float(upper), "n": len(wrong)}

    return RiskCoverage(
        coverage=grid,
        risk=risk[0],
        low=low,
        high=high,
        aurc=entry(float(aurc[0]), drawn_aurc),
        excess=entry(float(aurc[0] - _best(rate)[0]), drawn_aurc - _best(drawn_rate)),
    )


def _curves(
    wrong: NDArray[np.float64],
    weights: NDArray[np.float64],
    ends: NDArray[np.int64],
    grid: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Risk on the grid (R, points), AURC (R,) and error rate (R,) for R sets of weights of rows in
    falling confidence.
    """
    kept = np.cumsum(weights, axis=1)[:, ends]
    errors = np.cumsum(weights * wrong, axis=1)[:, ends]
    # Before its first galaxy a resample has kept nothing; such blocks have no weight in the mean
    # and are never looked up.
    risk = errors / np.maximum(kept, 1.0)
    share = np.diff(kept, axis=1, prepend=0.0) / kept[:, -1:]
    # Rounding must not move a point on the edge of a block to the next one.
    at = [np.searchsorted(row / row[-1], grid - 1e-9) for row in kept]
    on_grid = np.take_along_axis(risk, np.array(at), axis=1)
    return on_grid, (share * risk).sum(axis=1), risk[:, -1]


def _best(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    right = 1 - rate
    return np.asarray(rate + right * np.log(np.where(right > 0, right, 1.0)))
