"""In-domain scores: uniform on the source, small off it, the same after JSON."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from daexplore.analysis.latents.typicality import EnsembleTypicality, SourceTypicality
from daexplore.errors import InputError


def skewed(n, seed, dimension=12):
    """Latents as of a ReLU layer: skewed, correlated, some units dead."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(4, dimension))
    latents = np.maximum(rng.normal(size=(n, 4)) @ mixing, 0)
    latents[:, -2:] = 0
    return latents


def test_scores_are_the_share_of_held_out_galaxies_further_out():
    latents, others = skewed(60, 0, 5)[:, :3], skewed(20, 1, 5)[:, :3]
    found = SourceTypicality.fit(latents, seed=3)
    fitted = np.random.default_rng(3).permutation(60) < 30
    mean = latents[fitted].mean(axis=0)
    precision = np.linalg.inv(ledoit_wolf(latents[fitted])[0])
    held = [mahalanobis(row, mean, precision) for row in latents[~fitted]]
    for row, score in zip(others, found.score(others), strict=True):
        further = sum(distance >= mahalanobis(row, mean, precision) for distance in held)
        assert score == pytest.approx((1 + further) / 31)


@pytest.mark.parametrize("classes", [1, 2])
def test_source_galaxies_score_uniformly_whatever_their_distribution(classes):
    below = []
    for trial in range(60):
        latents = skewed(300, trial)
        labels = None
        if classes == 2:
            labels = np.random.default_rng(trial).integers(0, 2, 300)
            latents = latents + 5 * labels[:, None]
        found = SourceTypicality.fit(
            latents[:200], None if labels is None else labels[:200], seed=trial
        )
        below.append(np.mean(found.score(latents[200:])[:, None] <= [0.05, 0.2, 0.5], axis=0))
    # A share over 100 galaxies and 60 trials, each with a threshold from 100 held-out ones.
    np.testing.assert_allclose(np.mean(below, axis=0), [0.05, 0.2, 0.5], atol=0.02)


def test_galaxies_off_the_source_score_low_and_no_target_label_is_needed():
    found = SourceTypicality.fit(skewed(400, 0))
    assert np.median(found.score(skewed(200, 1))) > 0.3
    shifted = skewed(200, 1)
    shifted[:, -1] += 3  # A unit that is dead on the source wakes up.
    assert found.score(shifted).max() == pytest.approx(1 / 201)


def test_labels_find_galaxies_between_the_classes():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 400)
    latents = rng.normal(size=(400, 3)) + 12 * labels[:, None]
    between = np.full((1, 3), 6.0)
    assert SourceTypicality.fit(latents, labels).score(between)[0] < 0.01
    assert SourceTypicality.fit(latents).score(between)[0] > 0.9


def test_images_of_a_galaxy_are_in_one_half():
    latents, groups = np.repeat(skewed(100, 5), 3, axis=0), np.repeat(np.arange(100), 3)
    found = SourceTypicality.fit(latents, groups=groups)
    assert len(found.distances) == 150
    # Each held-out distance comes three times only if no galaxy was torn apart.
    assert (np.unique(found.distances.round(9), return_counts=True)[1] % 3 == 0).all()


def test_json_keeps_every_bit():
    found = SourceTypicality.fit(skewed(200, 6), np.random.default_rng(0).integers(0, 3, 200))
    again = SourceTypicality.from_dict(json.loads(json.dumps(found.to_dict())))
    others = skewed(100, 7)
    np.testing.assert_array_equal(again.score(others), found.score(others))
    with pytest.raises(InputError, match='"format": 1'):
        SourceTypicality.from_dict({"format": 2})


def test_collapsed_and_small_samples():
    # A network that gives all galaxies one latent: all are typical.
    assert SourceTypicality.fit(np.ones((40, 4))).score(np.ones((3, 4))).tolist() == [1, 1, 1]
    wide = np.random.default_rng(0).normal(size=(40, 100))
    assert np.isfinite(SourceTypicality.fit(wide).score(wide)).all()
    with pytest.raises(InputError, match="at least 4"):
        SourceTypicality.fit(np.zeros((3, 2)))
    with pytest.raises(InputError, match="NaN"):
        SourceTypicality.fit(np.full((9, 2), np.nan))
    with pytest.raises(InputError, match="dimension 100"):
        SourceTypicality.fit(wide).score(np.zeros((3, 4)))


@pytest.mark.parametrize("members", [1, 2, 5])
def test_of_several_networks_too_one_source_galaxy_in_twenty_is_below_a_twentieth(members):
    rng, below, means = np.random.default_rng(0), [], []
    for _ in range(40):
        mixing = rng.normal(size=(members, 6, 4))
        latents = rng.normal(size=(600, 6)) @ mixing
        known, further = latents[:, :400], latents[:, 400:]
        fitted = EnsembleTypicality.fit(list(known), np.arange(400))
        below.append((fitted.score(list(further)) <= 0.05).mean())
        single = [SourceTypicality.fit(each, groups=np.arange(400)) for each in known]
        scores = [one.score(each) for one, each in zip(single, further, strict=True)]
        means.append((np.mean(scores, axis=0) <= 0.05).mean())
    assert 0.035 <= np.mean(below) <= 0.065
    if members == 5:
        # What the mean of p-values would say.
        assert np.mean(means) < 0.03


def test_networks_without_a_galaxy_that_all_held_out_take_twice_the_mean():
    rng = np.random.default_rng(1)
    latents = [rng.normal(size=(100, 3)) for _ in range(2)]
    single = tuple(SourceTypicality.fit(each) for each in latents)
    found = EnsembleTypicality(single, None).score(latents)
    mean = np.mean([one.score(each) for one, each in zip(single, latents, strict=True)], axis=0)
    np.testing.assert_allclose(found, np.minimum(2 * mean, 1))
