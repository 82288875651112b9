"""Paired comparison of two methods: differences with intervals, and McNemar's test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.classification import reweighted_metrics
from daexplore.errors import InputError

__all__ = [
    "SEED_FREEDOM",
    "SIGNIFICANT",
    "Interval",
    "McNemar",
    "combine_over_seeds",
    "difference_draws",
    "difference_p_value",
    "holm",
    "interval",
    "mcnemar",
    "metric_draws",
    "paired_difference",
]

Floats = NDArray[np.floating[Any]]

SIGNIFICANT = 0.05
"""Below which a corrected p-value shows something."""

SEED_FREEDOM = 3
"""How many degrees of freedom an assumed scatter over seeds is worth."""


@dataclass(frozen=True)
class Interval:
    """A number and its interval; NaN ends where none is known.

    Attributes:
        value: of the sample.
        low: lower end.
        high: upper end.
        p: p-value of "it is 0", corrected for the number of comparisons; NaN leaves the decision
            to the interval.
    """

    value: float
    low: float
    high: float
    p: float = float("nan")

    @property
    def above(self) -> bool:
        """Whether it is shown to be above 0."""
        return self.low > 0 if np.isnan(self.p) else self.value > 0 and self.p < SIGNIFICANT

    @property
    def below(self) -> bool:
        """Whether it is shown to be below 0."""
        return self.high < 0 if np.isnan(self.p) else self.value < 0 and self.p < SIGNIFICANT


@dataclass(frozen=True)
class McNemar:
    """Whether a second method rights more galaxies than it wrongs, as a test of "as many each way",
    for the given networks.

    Attributes:
        fixed: images wrong before and right after, summed over pairs of networks.
        broken: the reverse.
        galaxies_fixed: galaxies with more fixed than broken.
        galaxies_broken: galaxies with more broken than fixed.
        p_exact: two-sided sign test over those galaxies (binomial, exact); McNemar's exact test if
            each galaxy has one image.
        p_grouped: cluster-adjusted McNemar test with galaxies as clusters (chi-square, large
            samples).
    """

    fixed: int
    broken: int
    galaxies_fixed: int
    galaxies_broken: int
    p_exact: float
    p_grouped: float


def metric_draws(
    labels: NDArray[np.integer[Any]], probabilities: Floats, weights: Floats
) -> dict[str, NDArray[np.float64]]:
    """Every metric of one network: of the sample as it is, then under each reweighting.

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        probabilities: (n, K).
        weights: (R, n) how often each row occurs in each resample: ``statistics.group_weights``.

    Returns:
        Name -> (1 + R,): ``metrics.METRICS`` and "balanced_accuracy", the mean of the classes'
        recalls, which unequal shares leave alone. NaN where undefined.
    """
    known = labels >= 0
    labels, probabilities = labels[known], probabilities[known]
    every = np.vstack([np.ones(len(labels)), weights[:, known]])
    found = reweighted_metrics(labels, probabilities, every)
    classes = probabilities.shape[1]
    predicted = (
        (probabilities[:, 1] > 0.5).astype(np.int64)
        if classes == 2
        else probabilities.argmax(axis=1)
    )
    recalls = np.full((classes, len(every)), np.nan)
    for number in range(classes):
        actual = every @ (labels == number)
        np.divide(
            every @ ((labels == number) & (predicted == number)),
            actual,
            out=recalls[number],
            where=actual > 0,
        )
    present = np.isfinite(recalls)
    total = present.sum(axis=0)
    mean = np.where(present, recalls, 0).sum(axis=0)
    return found | {
        "balanced_accuracy": np.divide(
            mean, total, out=np.full(len(every), np.nan), where=total > 0
        )
    }


def combine_over_seeds(
    draws: Sequence[Floats],
    function: Callable[..., Floats],
    seed: int = 0,
    scatter: float = 0.0,
) -> NDArray[np.float64]:
    """A function of several methods' means over seeds, with the scatter of galaxies and that of
    seeds in its draws.

    Galaxies and seeds are crossed: all networks see the same galaxies. The draws of galaxies are
    shared by all methods, so differences are paired. Of seeds there are few: resampling them (the
    pigeonhole bootstrap, Owen 2007, Annals of Applied Statistics 1, 386) knows nothing of values
    beyond the few available, and its intervals are far too short at 3 seeds. Instead each mean is
    moved by its standard error over seeds times Student's t, with the degrees of freedom of Welch
    (1947, Biometrika 34, 28).

    Args:
        draws: for each method (S, 1 + R): a row a seed; first the sample's value, then that of each
            resample of galaxies, the same resamples in all methods. A method with one seed has no
            scatter of seeds: its interval is over galaxies alone.
        function: takes as many arrays (1 + R,) as there are methods, e.g. ``np.subtract``.
        seed: of the draws of Student's t.
        scatter: standard deviation over seeds assumed before any is seen, worth ``SEED_FREEDOM``
            degrees of freedom (the moderated variance of Smyth 2004, Statistical Applications in
            Genetics and Molecular Biology 3, 3); 0 takes the seeds alone.

    Returns:
        (1 + R,) the value, then its draws.

    Raises:
        InputError: methods with different numbers of resamples.
    """
    if len({each.shape[1] for each in draws}) != 1:
        raise InputError(
            "Methods must share their resamples of galaxies; got"
            f" {[each.shape[1] - 1 for each in draws]} of them."
        )
    rng = np.random.default_rng(seed)
    count = draws[0].shape[1] - 1
    squares, freedom = _seed_errors(draws, scatter)
    moved = [each.mean(axis=0).astype(np.float64) for each in draws]
    total = float(squares.sum())
    if total > 0 and count:
        welch = _welch(squares, freedom)
        tails = np.sqrt(welch / rng.chisquare(welch, count))
        for mean, square in zip(moved, squares, strict=True):
            mean[1:] += np.sqrt(square) * tails * rng.standard_normal(count)
    return np.asarray(function(*moved), np.float64)


def _seed_errors(draws: Sequence[Floats], scatter: float) -> tuple[Floats, Floats]:
    """The square of each mean's standard error over seeds, and its degrees of freedom."""
    assumed = SEED_FREEDOM if scatter > 0 else 0
    squares, freedom = [], []
    for each in draws:
        own = len(each) - 1
        spread = float(each[:, 0].var(ddof=1)) if own else 0.0
        moderated = (assumed * scatter**2 + own * spread) / max(assumed + own, 1)
        squares.append(moderated / len(each) if own else 0.0)
        freedom.append(max(assumed + own, 1))
    return np.array(squares), np.array(freedom, np.float64)


def _welch(squares: Floats, freedom: Floats) -> float:
    return float(squares.sum() ** 2 / (squares**2 / freedom).sum())


def difference_draws(
    first: Floats,
    second: Floats,
    paired: bool = False,
    scatter: float = 0.0,
    floor: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Draws of the mean over seeds of one method minus that of another.

    Args:
        first: (S, 1 + R) as in ``combine_over_seeds``.
        second: (T, 1 + R) as above, from the same resamples of galaxies.
        paired: whether row s of both is one seed: the same first weights and order of galaxies.
            Then the scatter is that of the differences of pairs.
        scatter: of one network, as in ``combine_over_seeds``.
        floor: standard error over galaxies below which none is believed: a sample in which no
            galaxy differs has resamples in which none does.
        seed: of the draws.

    Returns:
        (1 + R,)
    """
    if paired and first.shape == second.shape:
        pairs = [np.asarray(first, np.float64) - second]
        found = combine_over_seeds(pairs, lambda each: each, seed, scatter * 2**0.5)
    else:
        found = combine_over_seeds([first, second], np.subtract, seed, scatter)
    missing = floor**2 - _galaxy_variance(first, second)
    if missing > 0:
        noise = np.random.default_rng(seed + 1).standard_normal(len(found) - 1)
        found[1:] += np.sqrt(missing) * noise
    return found


def difference_p_value(
    first: Floats,
    second: Floats,
    galaxies: int,
    paired: bool = False,
    scatter: float = 0.0,
    floor: float = 0.0,
) -> float:
    """Two-sided p-value of "no difference" by Student's t, with the variances over galaxies and
    over seeds added and their degrees of freedom joined (Satterthwaite 1946, Biometrics Bulletin 2,
    110).

    Args:
        first: (S, 1 + R) as in ``difference_draws``.
        second: (T, 1 + R) as in ``difference_draws``.
        galaxies: on how many the values rest.
        paired: whether row s of both is one seed.
        scatter: over seeds of one network, assumed before any is seen.
        floor: standard error over galaxies below which none is believed.
    """
    from scipy.stats import t

    both = paired and first.shape == second.shape
    rows = [np.asarray(first, np.float64) - second] if both else [first, second]
    squares, freedom = _seed_errors(rows, scatter * 2**0.5 if both else scatter)
    variance = max(_galaxy_variance(first, second), floor**2)
    squares, freedom = np.append(squares, variance), np.append(freedom, max(galaxies - 1, 1))
    value = float(first[:, 0].mean() - second[:, 0].mean())
    if not np.isfinite(value + squares.sum()):
        return float("nan")
    if not squares.sum() > 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * t.sf(abs(value) / np.sqrt(squares.sum()), _welch(squares, freedom)))


def _galaxy_variance(first: Floats, second: Floats) -> float:
    drawn = first[:, 1:].mean(axis=0) - second[:, 1:].mean(axis=0)
    known = drawn[np.isfinite(drawn)]
    return float(known.var(ddof=1)) if len(known) > 1 else 0.0


def holm(p_values: Floats) -> NDArray[np.float64]:
    """p-values corrected so that the chance of any false rejection is kept (Holm 1979,
    Scandinavian Journal of Statistics 6, 65).

    Args:
        p_values: (m,); NaN ones are no test and stay NaN.
    """
    values = np.asarray(p_values, np.float64)
    corrected = np.full(len(values), np.nan)
    order = np.argsort(values)[: int(np.isfinite(values).sum())]
    raised = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected


def interval(draws: Floats, level: float = 0.95) -> Interval:
    """The value and the percentile interval of its draws; undefined draws do not count.

    Args:
        draws: (1 + R,) as from ``combine_over_seeds``.
        level: coverage.
    """
    value, known = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not len(known) or not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def paired_difference(
    first: Floats,
    second: Floats,
    level: float = 0.95,
    seed: int = 0,
    paired: bool = False,
    scatter: float = 0.0,
) -> Interval:
    """Mean over seeds of the first method minus that of the second, with an interval over the same
    galaxies and over seeds.

    Args:
        first: (S, 1 + R) as in ``combine_over_seeds``.
        second: (T, 1 + R) as above, from the same resamples of galaxies.
        level: coverage.
        seed: of the draws of Student's t.
        paired: whether row s of both is one seed.
        scatter: over seeds of one network, assumed before any is seen.
    """
    return interval(difference_draws(first, second, paired, scatter, seed=seed), level)


def mcnemar(fixed: NDArray[Any], broken: NDArray[Any], groups: NDArray[Any]) -> McNemar:
    """McNemar's test of fixed against broken that respects that images of one galaxy, and networks
    on one image, go together.

    ``p_grouped``: with d_k the mean of fixed minus broken over all images of galaxy k and all pairs
    of networks, ``(sum_k d_k)^2 / sum_k d_k^2`` is chi-square with 1 degree of freedom (Durkalski
    et al. 2003, Statistics in Medicine 22, 2417, eq. 5). ``p_exact``: the sign of d_k for each
    galaxy, a binomial test. Both concern the given networks, not other seeds.

    Args:
        fixed: (n,) or (pairs, n) of bool or counts: wrong before, right after.
        broken: the reverse.
        groups: (n,) the galaxy each image shows.
    """
    from scipy.stats import binomtest, chi2

    up, down = (np.atleast_2d(np.asarray(each, np.float64)) for each in (fixed, broken))
    _, index = np.unique(groups, return_inverse=True)
    sizes = np.bincount(index)
    net = np.bincount(index, weights=(up - down).sum(axis=0))
    gained, lost = int((net > 0).sum()), int((net < 0).sum())
    share = net / (sizes * len(up))
    square = float((share**2).sum())
    return McNemar(
        fixed=int(up.sum()),
        broken=int(down.sum()),
        galaxies_fixed=gained,
        galaxies_broken=lost,
        p_exact=float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
        p_grouped=float(chi2.sf(share.sum() ** 2 / square, 1)) if square > 0 else 1.0,
    )
