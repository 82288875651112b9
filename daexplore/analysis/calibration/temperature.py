"""Temperature scaling of logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = ["TEMPERATURES", "apply_temperature", "fit_temperature", "root_temperature"]

Floats = NDArray[np.floating[Any]]

TEMPERATURES = (0.05, 20.0)
"""Bounds of a fitted temperature: a few hundred galaxies cannot distinguish a more extreme one from
infinity (e.g. if all of them are right).
"""


def apply_temperature(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, K) probabilities: softmax of ``logits / temperature``, in double precision."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def fit_temperature(
    logits: Floats, labels: NDArray[np.integer[Any]], weights: Floats | None = None
) -> float:
    """The temperature of smallest negative log-likelihood (Guo et al. 2017, arXiv:1706.04599, eq. 9
    and sec. 4.2).

    The likelihood is convex in 1/T, so its slope there, the mean of ``sum_k p_k z_k - z_y``,
    crosses zero once at most. Fit on galaxies that neither trained the network nor are scored
    afterwards: source validation.

    Args:
        logits: (n, K).
        labels: (n,) class indices; negative ones (missing) are left out.
        weights: (n,) >= 0, by default 1.

    Returns:
        T, within ``TEMPERATURES``: above 1 for a network that is too sure.

    Raises:
        InputError: logits that are not finite, or no labelled galaxy.
    """
    check_finite("Logits", logits)
    known = labels >= 0
    if not known.any():
        raise InputError(
            "A temperature is fitted on labelled galaxies, but none of the validation galaxies has"
            " a label."
        )
    z, truth = logits[known].astype(np.float64), labels[known]
    share = np.ones(len(z)) if weights is None else weights[known].astype(np.float64)
    if not share.sum() > 0:
        raise InputError("A temperature is fitted on weighted galaxies, but all weights are zero.")
    share = share / share.sum()
    right = float(share @ z[np.arange(len(z)), truth])
    return root_temperature(
        lambda temperature: (
            float(share @ (apply_temperature(z, temperature) * z).sum(axis=1)) - right
        )
    )


def root_temperature(falling: Any) -> float:
    """Where a function that falls with the temperature is zero, or the nearer bound of
    ``TEMPERATURES`` if it is nowhere.

    Args:
        falling: of the temperature.
    """
    from scipy.optimize import brentq

    cold, hot = TEMPERATURES
    if falling(cold) <= 0:
        return cold
    if falling(hot) >= 0:
        return hot
    # In the logarithm, since temperatures are factors.
    return float(
        np.exp(brentq(lambda log: falling(np.exp(log)), np.log(cold), np.log(hot), xtol=1e-12))
    )
