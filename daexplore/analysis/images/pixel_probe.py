"""Domain probe on pixels: cross-validated AUC with an interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.analysis.metrics.classification import auc, weighted_auc

__all__ = ["PixelProbe", "pixel_features", "pixel_probe", "probe_verdict"]

FAR, ALIKE = 0.8, 0.6
_SCALED = ("background", "noise", "flux", "colour")
_FOLDS = 5
_FEWEST = 10
_COMPONENTS = 20
_RESAMPLES = 200
_INFLATION = 1.3
"""Fold AUCs share training images, so that resampling held-out galaxies understates their scatter;
measured on halves of one survey.
"""


@dataclass(frozen=True)
class PixelProbe:
    """How well the domains can be distinguished: 0.5 not at all, 1 without error.

    Attributes:
        auc: mean over the folds of the area under the ROC curve; NaN with fewer than 10 galaxies a
            domain.
        low: lower end of the 95% interval.
        high: upper end.
        verdict: "far apart", "apart", "the same" or "too few to decide".
        n_source: images.
        n_target: images.
        folds: of the cross-validation.
    """

    auc: float
    low: float
    high: float
    verdict: str
    n_source: int
    n_target: int
    folds: int


def probe_verdict(low: float, high: float) -> str:
    """An interval of the AUC in words: "far apart" above 0.8, "apart" above 0.5, "the same" if it
    reaches 0.5 and ends below 0.6.
    """
    if not low <= high:
        return "too few to decide"
    if low > FAR:
        return "far apart"
    if low > 0.5:
        return "apart"
    return "the same" if high < ALIKE else "too few to decide"


def pixel_features(
    thumbnails: NDArray[np.floating[Any]], quantities: pd.DataFrame, own_scale: bool = False
) -> NDArray[np.float64]:
    """What the probe sees of each image; nothing in it knows of domains.

    Up to 20 principal components of the thumbnails' pixels, stretched by asinh in units of their
    spread, and the ranks of the measured quantities, with a mark where one is undefined.

    Args:
        thumbnails: (n, C, size, size).
        quantities: n rows.
        own_scale: take level and scale out of each image and band, and leave out the quantities
            that depend on them. Images that were normalised need it: the zero of 8-bit pictures,
            for one, lands elsewhere in each domain, and by that alone two halves of one survey
            would be distinguished.

    Returns:
        (n, features), each of unit variance.
    """
    if own_scale:
        centred = thumbnails - np.median(thumbnails, axis=(2, 3), keepdims=True)
        rms = np.sqrt((centred**2).mean(axis=(2, 3), keepdims=True))
        thumbnails = centred / np.where(rms > 0, rms, 1)
        quantities = quantities[
            [name for name in quantities if str(name).split("/")[0] not in _SCALED]
        ]
    # To four digits: rounding residue must not reveal how an image was scaled.
    values = quantities.to_numpy(np.float64)
    size = 10.0 ** (np.floor(np.log10(np.where(values != 0, np.abs(values), 1.0))) - 3)
    rounded = pd.DataFrame(np.round(values / size) * size)
    spread = np.median(np.abs(thumbnails), axis=(0, 2, 3), keepdims=True)
    spread = np.where(
        spread > 0, spread, np.maximum(thumbnails.std(axis=(0, 2, 3), keepdims=True), 1e-30)
    )
    flat = np.arcsinh(thumbnails / spread).reshape(len(thumbnails), -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    count = max(1, min(_COMPONENTS, len(flat) // 12, flat.shape[1]))
    vectors = np.linalg.eigh(flat.T @ flat)[1]
    components = flat @ vectors[:, ::-1][:, :count]
    ranks = rounded.rank(pct=True).to_numpy(np.float64)
    undefined = np.isnan(ranks)
    features: NDArray[np.float64] = np.concatenate(
        [components, np.where(undefined, 0.5, ranks) - 0.5, undefined], axis=1
    )
    std = features.std(axis=0)
    return np.asarray(features[:, std > 0] / std[std > 0])


def pixel_probe(
    features: NDArray[np.float64], target: NDArray[np.bool_], groups: NDArray[Any], seed: int = 0
) -> PixelProbe:
    """Cross-validated by galaxy: the mean score of a logistic regression and of extremely
    randomised trees (Geurts et al. 2006).

    One finds a shift that is spread over many features, the other one that is not linear; averaging
    needs no choice that the same images would have to make. Class labels are not used. The interval
    resamples galaxies within the folds.

    Args:
        features: (n, d).
        target: (n,) which rows are the target's.
        groups: (n,) the galaxy each row shows; all its images are held out together.
        seed: of folds and trees.
    """
    counts = int((~target).sum()), int(target.sum())
    galaxies = [len(np.unique(groups[side].astype(str))) for side in (~target, target)]
    if min(galaxies) < _FEWEST:
        return PixelProbe(float("nan"), float("nan"), float("nan"), "too few to decide", *counts, 0)
    fold = _folds(target, groups, seed)
    scores = np.zeros(len(features))
    for number in range(_FOLDS):
        scores[fold == number] = _scores(features, target, fold == number, seed)
    held = [fold == number for number in range(_FOLDS)]
    value = float(np.mean([auc(target[part], scores[part]) for part in held]))
    weights = group_weights(groups.astype(str), _RESAMPLES, seed)
    drawn = np.mean(
        [weighted_auc(target[part], scores[part], weights[:, part]) for part in held], axis=0
    )
    half = 1.96 * _INFLATION * float(np.nanstd(drawn))
    # A probe without an error has no scatter: the rule of three says what it may still get wrong.
    half = max(half, 3 / min(galaxies)) if value > 1 - 1e-9 else half
    low, high = max(0.0, value - half), min(1.0, value + half)
    return PixelProbe(value, low, high, probe_verdict(low, high), *counts, _FOLDS)


def _folds(target: NDArray[np.bool_], groups: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Galaxies of each kind (source, target, both) are dealt out evenly."""
    names, index = np.unique(groups.astype(str), return_inverse=True)
    share = np.bincount(index, target) / np.bincount(index)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(share[order], kind="stable")]
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % _FOLDS
    return fold[index]


def _scores(
    features: NDArray[np.float64], target: NDArray[np.bool_], held: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    models = (
        LogisticRegression(C=0.05, class_weight="balanced", max_iter=500),
        ExtraTreesClassifier(
            100, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=1
        ),
    )
    total = np.zeros(int(held.sum()))
    for model in models:
        total += model.fit(features[~held], target[~held]).predict_proba(features[held])[:, 1]
    return total
