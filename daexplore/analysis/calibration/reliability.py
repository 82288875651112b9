"""Calibration: reliability diagram, ECE and proper scores, with intervals over galaxies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = [
    "Reliability",
    "calibration_scores",
    "ece",
    "log_losses",
    "nll",
    "paired_changes",
    "reliability",
]

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
RESAMPLES = 400


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram in B bins that hold equally many images (fewer than asked for where
    many probabilities are equal).

    Attributes:
        of: "class 1" (two classes: its probability against its share) or "top label" (more:
            confidence against accuracy).
        probability: (B,) mean probability in each bin, rising.
        frequency: (B,) share of images for which it came true.
        low: (B,) lower end of the interval of ``frequency``.
        high: (B,) upper end.
        counts: (B,) labelled images.
        galaxies: (B,) different galaxies among them.
        ece: the entry of :func:`ece`.
    """

    of: str
    probability: NDArray[np.float64]
    frequency: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]
    galaxies: NDArray[np.int64]
    ece: dict[str, float]

    def rows(self) -> list[dict[str, Any]]:
        """One row a bin, of plain numbers."""
        names = ("probability", "frequency", "low", "high", "counts", "galaxies")
        return [
            dict(zip(names, row, strict=True))
            for row in zip(*(getattr(self, name).tolist() for name in names), strict=True)
        ]


def reliability(
    labels: Labels,
    probabilities: Floats,
    groups: NDArray[Any],
    bins: int = 10,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Reliability:
    """Predicted probability against observed frequency (DeGroot & Fienberg 1983, The Statistician
    32, 12) in bins of equal mass.

    The interval of a frequency is Wilson's (1927, JASA 22, 209) for the number of independent
    images that the group bootstrap's variance amounts to: unlike the bootstrap's own quantiles it
    does not shrink to a point where all images of a bin came out alike.

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        probabilities: (n, K).
        groups: (n,) the galaxy each row shows.
        bins: how many, at most.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.

    Raises:
        InputError: no bins, probabilities that are not finite, or no labelled galaxy.
    """
    score, outcome, groups = _scored(labels, probabilities, groups)
    member = _bins(score, bins)
    weights = group_weights(groups, resamples, seed)
    counts = member.sum(axis=0)
    frequency = outcome @ member / counts
    galaxies = np.array([len(np.unique(groups[inside])) for inside in member.T.astype(bool)])
    mass = weights @ member
    drawn = np.divide(
        weights @ (member * outcome[:, None]), mass, out=np.full(mass.shape, np.nan), where=mass > 0
    )
    low, high = _wilson(frequency, np.nanvar(drawn, axis=0), counts, galaxies, level)
    return Reliability(
        of="class 1" if probabilities.shape[1] == 2 else "top label",
        probability=score @ member / counts,
        frequency=frequency,
        low=low,
        high=high,
        counts=counts.astype(np.int64),
        galaxies=galaxies.astype(np.int64),
        ece=_ece(outcome - score, member, weights, level),
    )


def ece(
    labels: Labels,
    probabilities: Floats,
    groups: NDArray[Any],
    bins: int = 10,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, float]:
    """Expected calibration error in bins of equal mass, debiased, with an interval.

    The error is ``sum_b |sum_(i in b) (y_i - p_i)| / n`` (Naeini et al. 2015, AAAI; bins as in
    Nixon et al. 2019, arXiv:1904.01685). Taken at face value ("plugin") it is too large, since
    noise in a bin never cancels: it is above 0 for perfect probabilities too (Kumar et al. 2019,
    arXiv:1909.10155, sec. 5), and the quantiles of its bootstrap are higher still. So the value and
    the interval come from inverting a test: if the bins' true gaps were c times the observed ones
    (shrunk towards their mean as Efron & Morris 1973, JASA 68, 117 do), with the scatter that the
    group bootstrap finds, then the plugin would exceed the observed plugin with a probability that
    rises with c (Anderson 1955, Proc. AMS 6, 170). The value has a half there, the ends of the
    interval the two tails; the upper tail is divided by that of c = 0 (Read 2002, J. Phys. G 28,
    2693), so that a lucky sample does not give an empty interval. What is estimated is the error
    between bins; that within a bin is not seen.

    Arguments and errors as for :func:`reliability`.

    Returns:
        {"value", "low", "high", "plugin", "n"}: value is the median-unbiased one, n the number of
        labelled images.
    """
    score, outcome, groups = _scored(labels, probabilities, groups)
    return _ece(outcome - score, _bins(score, bins), group_weights(groups, resamples, seed), level)


def log_losses(labels: Labels, probabilities: Floats) -> NDArray[np.float64]:
    """(n,) minus the logarithm of the true class's probability [nat]; NaN where the label is
    missing.

    A probability that rounded to 0 counts as the smallest number there is, so that one galaxy costs
    at most 708 nat.
    """
    truth = np.take_along_axis(
        probabilities.astype(np.float64), np.maximum(labels, 0)[:, None], axis=1
    )[:, 0]
    return np.where(labels >= 0, -np.log(np.maximum(truth, np.finfo(np.float64).tiny)), np.nan)


def nll(
    labels: Labels,
    probabilities: Floats,
    groups: NDArray[Any],
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, float]:
    """Mean negative log-likelihood [nat] with the group bootstrap's percentile interval: {"value",
    "low", "high", "n"}.

    Arguments and errors as for :func:`reliability`.
    """
    _scored(labels, probabilities, groups)
    known = labels >= 0
    return _mean(
        log_losses(labels, probabilities)[known],
        group_weights(groups[known], resamples, seed),
        level,
    )


def calibration_scores(
    labels: Labels,
    probabilities: Floats,
    groups: NDArray[Any],
    bins: int = 10,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """ECE, Brier score, NLL and accuracy, each {"value", "low", "high", "n"} (ECE also "plugin"),
    on the same resamples.

    Arguments and errors as for :func:`reliability`.
    """
    score, outcome, known_groups = _scored(labels, probabilities, groups)
    known = labels >= 0
    weights = group_weights(known_groups, resamples, seed)
    right = (probabilities[known].argmax(axis=1) == labels[known]).astype(np.float64)
    return {
        "ece": _ece(outcome - score, _bins(score, bins), weights, level),
        "brier": _mean(_squares(labels[known], probabilities[known]), weights, level),
        "nll": _mean(log_losses(labels, probabilities)[known], weights, level),
        "accuracy": _mean(right, weights, level),
    }


def paired_changes(
    labels: Labels,
    before: Floats,
    after: Floats,
    groups: NDArray[Any],
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """What the two proper scores gained: NLL and Brier score after minus before, galaxy by galaxy,
    so negative is better.

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        before: (n, K) probabilities.
        after: (n, K) other probabilities of the same galaxies.
        groups: (n,) the galaxy each row shows.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.

    Returns:
        "nll" and "brier", each {"value", "low", "high", "n"}.
    """
    _scored(labels, after, groups)
    known = labels >= 0
    weights = group_weights(groups[known], resamples, seed)
    squares = [_squares(labels[known], probabilities[known]) for probabilities in (before, after)]
    losses = [log_losses(labels, probabilities)[known] for probabilities in (before, after)]
    return {
        name: _mean(pair[1] - pair[0], weights, level)
        for name, pair in (("nll", losses), ("brier", squares))
    }


def _scored(
    labels: Labels, probabilities: Floats, groups: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """Of the labelled rows: the probability that is judged, whether it came true (0 or 1), and the
    galaxy.
    """
    check_finite("Probabilities", probabilities)
    known = labels >= 0
    if not known.any():
        raise InputError(
            "Calibration is measured on labelled galaxies, but none of these has a label."
        )
    truth, p = labels[known], probabilities[known].astype(np.float64)
    if p.shape[1] == 2:
        return p[:, 1], (truth == 1).astype(np.float64), groups[known]
    return p.max(axis=1), (truth == p.argmax(axis=1)).astype(np.float64), groups[known]


def _squares(labels: Labels, probabilities: Floats) -> NDArray[np.float64]:
    """(n,) each row's part of the Brier score as in ``metrics.classification_metrics``: of class 1,
    or summed over more than two.
    """
    squares = (
        probabilities.astype(np.float64) - (labels[:, None] == np.arange(probabilities.shape[1]))
    ) ** 2
    return np.asarray(squares[:, 1] if probabilities.shape[1] == 2 else squares.sum(axis=1))


def _bins(score: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """(n, B) 1 where a row is in a bin; equal scores are never parted, and no bin is empty."""
    if bins < 1:
        raise InputError(f"A reliability diagram needs at least 1 bin, got {bins}.")
    edges = np.quantile(score, np.linspace(0, 1, bins + 1))
    index = np.unique(np.searchsorted(edges[1:-1], score), return_inverse=True)[1]
    return np.asarray(index[:, None] == np.arange(index.max() + 1), np.float64)


def _ece(
    residual: NDArray[np.float64],
    member: NDArray[np.float64],
    weights: NDArray[np.float64],
    level: float,
) -> dict[str, float]:
    gaps = residual @ member / len(residual)
    noise = weights @ (member * residual[:, None]) / weights.sum(axis=1, keepdims=True) - gaps
    noise = np.concatenate([noise, -noise])
    plugin = float(np.abs(gaps).sum())
    # Observed gaps are more uneven than the true ones, and the bias of small gaps is the larger.
    uneven = float(((gaps - gaps.mean()) ** 2).sum())
    kept = (
        max(0.0, 1 - max(len(gaps) - 3, 0) * float(noise.var(axis=0).mean()) / uneven)
        if uneven > 0
        else 1.0
    )
    shape = gaps.mean() + kept * (gaps - gaps.mean())
    size = float(np.abs(shape).sum())
    shape = shape / size if size > 0 else np.full(len(gaps), 1 / len(gaps))
    # No draw can fall below the observed error if the true one is beyond this.
    most = plugin + float(np.abs(noise).sum(axis=1).max())

    def below(error: float) -> float:
        return float((np.abs(error * shape + noise).sum(axis=1) <= plugin).mean())

    def error_at(probability: float) -> float:
        """The true error for which the chance of an observed one this small is ``probability``; 0
        if it is smaller even for none.
        """
        if below(0.0) <= probability:
            return 0.0
        low, high = 0.0, most
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) > probability else (low, middle)
        return high

    tail = (1 - level) / 2
    ends = {"low": error_at(1 - tail), "high": error_at(tail * max(below(0.0), 1 / len(noise)))}
    return {"value": error_at(0.5), **ends, "plugin": plugin, "n": len(residual)}


def _wilson(
    frequency: NDArray[np.float64],
    variance: NDArray[np.float64],
    counts: NDArray[np.float64],
    galaxies: NDArray[np.int64],
    level: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.special import ndtri

    spread = frequency * (1 - frequency)
    # Where all came out alike the bootstrap has no variance; then each galaxy counts once.
    alike = (spread == 0) | (variance <= 0)
    size = np.where(alike, galaxies, np.minimum(spread / np.where(alike, 1, variance), counts))
    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = (frequency + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 * (spread / size + z2 / (4 * size**2))) / (1 + z2 / size)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _mean(
    values: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> dict[str, float]:
    low, high = np.quantile(weights @ values / weights.sum(axis=1), _tails(level))
    return {"value": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]
