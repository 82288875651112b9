"""MMD in chunks is the MMD, and the domain probe finds what is there and nothing else."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from daexplore.analysis.distance.domain_probe import (
    domain_probe,
    mmd2_chunked,
    probe_intervals,
    spread,
)
from daexplore.analysis.distance.probe_spread import training_factor
from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.errors import InputError
from daexplore.kernels import mmd2


def draw_domains(n=600, d=8, shift=1.0, seed=0):
    """Latents of n galaxies seen in both domains, their domains and galaxies."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d)) / np.sqrt(d)
    latents = rng.normal(size=(2 * n, d)) @ mixing
    latents[n:, 0] += shift
    return latents, np.repeat(np.array(["source", "target"], object), n), np.tile(np.arange(n), 2)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_chunks_change_nothing(chunk):
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(37, 5)).astype(np.float32),
        rng.normal(size=(29, 5)).astype(np.float32) + 1,
    )
    expected = mmd2(x.astype(float), y.astype(float), (0.5, 4.0))
    assert mmd2_chunked(x, y, (0.5, 4.0), chunk=chunk) == pytest.approx(float(expected), abs=1e-12)


def test_the_spread_is_the_root_mean_square_distance_from_the_mean():
    latents = draw_domains(n=30)[0]
    mean = sum(latents) / 60
    assert spread(latents) == pytest.approx(
        np.sqrt(sum(sum((row - mean) ** 2) for row in latents) / 60)
    )
    assert spread(7 * latents + 100) == pytest.approx(7 * spread(latents))


@pytest.mark.parametrize("shift", [0.3, 1.0, 2.0])
def test_the_probe_is_as_good_as_a_logistic_regression(shift):
    latents, domains, groups = draw_domains(shift=shift)
    probe = domain_probe(latents, domains, groups)
    target = domains == "target"
    scores = cross_val_predict(
        LogisticRegression(C=100),
        latents,
        target,
        groups=groups,
        cv=GroupKFold(5),
        method="decision_function",
    )
    assert probe.auc == pytest.approx(roc_auc_score(target, scores), abs=0.02)


def test_equal_domains_cannot_be_told_apart():
    areas = [domain_probe(*draw_domains(n=200, shift=0.0, seed=seed)).auc for seed in range(30)]
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas, ddof=1) / np.sqrt(30)


def test_no_galaxy_is_in_two_folds():
    latents, domains, groups = draw_domains()
    fold = domain_probe(latents, domains, groups).fold
    assert all(len(set(fold[groups == group])) == 1 for group in np.unique(groups))
    np.testing.assert_array_equal(np.unique(fold), np.arange(5))
    # The folds hang on the galaxies, not on the order of the rows or on the latents.
    order = np.random.default_rng(0).permutation(len(latents))
    np.testing.assert_array_equal(
        domain_probe(latents[order] * 3, domains[order], groups[order]).fold, fold[order]
    )


def test_a_galaxy_recognised_in_both_domains_does_not_help():
    # Each galaxy's own latent is the same in both domains; a probe that saw its twin would have
    # nothing to gain but must not lose either.
    rng = np.random.default_rng(3)
    own = rng.normal(size=(150, 40))
    latents = np.r_[own, own]
    domains, groups = (
        np.repeat(np.array(["source", "target"], object), 150),
        np.tile(np.arange(150), 2),
    )
    assert domain_probe(latents, domains, groups).auc == pytest.approx(0.5, abs=0.02)
    # With twins split over folds the probe learns "the other one is the source" and is wrong about
    # each: far below one half.
    assert domain_probe(latents, domains).auc < 0.45


def test_scores_are_held_out_projections():
    latents, domains, groups = draw_domains()
    probe = domain_probe(latents, domains, groups)
    np.testing.assert_allclose(np.linalg.norm(probe.directions, axis=1), 1)
    for row in range(0, len(latents), 37):
        assert probe.scores[row] == pytest.approx(latents[row] @ probe.directions[probe.fold[row]])
    changed = latents.copy()
    changed[probe.fold == 2] += 100 * (domains[probe.fold == 2] == "source")[:, None]
    np.testing.assert_allclose(
        abs(domain_probe(changed, domains, groups).directions[2] @ probe.directions[2]),
        1,
        atol=1e-2,
    )


def test_a_direction_can_be_forbidden():
    latents, domains, groups = draw_domains(shift=3.0)
    forbidden = np.eye(8)[0] * 7
    probe = domain_probe(latents, domains, groups, without=forbidden)
    np.testing.assert_allclose(probe.directions @ forbidden, 0, atol=1e-12)
    assert domain_probe(latents, domains, groups).auc > 0.97
    others = domain_probe(np.delete(latents, 0, axis=1), domains, groups)
    assert probe.auc == pytest.approx(others.auc, abs=0.01)


def test_dead_units_do_not_matter():
    latents, domains, groups = draw_domains()
    padded = np.c_[latents, np.zeros((len(latents), 3))]
    assert domain_probe(padded, domains, groups).auc == pytest.approx(
        domain_probe(latents, domains, groups).auc, abs=1e-3
    )


def test_bad_latents_are_refused():
    latents, domains, groups = draw_domains(n=20)
    with pytest.raises(InputError, match="diverged"):
        domain_probe(np.full_like(latents, np.nan), domains, groups)
    with pytest.raises(InputError, match="at least 2 images of each domain"):
        domain_probe(latents, np.full(40, "source", object), groups)


def test_the_probes_interval_is_that_of_a_loop_over_resampled_galaxies():
    latents, domains, groups = draw_domains(n=60, shift=1.0)
    probe = domain_probe(latents, domains, groups)
    found = probe_intervals(probe, latents, domains, groups, resamples=30, seed=1)
    assert found["auc"]["value"] == pytest.approx(probe.auc)
    weights = group_weights(groups, 30, seed=1).astype(int)
    areas, distances = [], []
    for times in weights:
        rows = np.repeat(np.arange(len(groups)), times)
        folds = [rows[probe.fold[rows] == number] for number in range(5)]
        areas.append(
            np.mean(
                [
                    roc_auc_score(domains[inside] == "target", probe.scores[inside])
                    for inside in folds
                ]
            )
        )
        wrong = (probe.scores[rows] > probe.thresholds[probe.fold[rows]]) != (
            domains[rows] == "target"
        )
        error = np.mean([wrong[domains[rows] == domain].mean() for domain in ("source", "target")])
        distances.append(2 * (1 - 2 * error))
    factor = training_factor(latents, domains, groups, probe.fold, np.var(areas, ddof=1), seed=1)
    assert 1 <= factor < 1.6
    for name, drawn in (("auc", areas), ("a_distance", distances)):
        value = found[name]["value"]
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(
            np.quantile(value + factor * (np.array(drawn) - value), (0.025, 0.975))
        )


def views_of_galaxies(n, shift, views, seed):
    """Latents of n galaxies per domain, each shown by so many images."""
    rng = np.random.default_rng(seed)
    galaxy = np.repeat(rng.normal(size=(2 * n, 8)), views, axis=0)
    latents = 0.8 * galaxy + 0.6 * rng.normal(size=galaxy.shape)
    latents[n * views :, 0] += shift
    domains = np.repeat(np.array(["source", "target"], object), n * views)
    return latents, domains, np.repeat(np.arange(2 * n), views)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "views"), [(0.0, 2), (0.5, 2), (1.5, 1)])
def test_the_probes_interval_covers_its_expected_area(shift, views):
    """Equal and unequal domains; the expectation is over galaxies to train on and to judge by."""
    values, widths = [], []
    for repeat in range(150):
        latents, domains, groups = views_of_galaxies(150, shift, views, repeat)
        probe = domain_probe(latents, domains, groups)
        found = probe_intervals(probe, latents, domains, groups, resamples=100, seed=repeat)["auc"]
        values.append(found["value"])
        widths.append((found["low"], found["high"]))
    low, high = np.array(widths).T
    expected = np.mean(values)
    assert 0.91 <= np.mean((low <= expected) & (expected <= high)) <= 0.99


def test_many_dimensions_take_the_factor_of_equal_domains():
    rng = np.random.default_rng(0)
    latents, domains = rng.normal(size=(200, 100)), np.repeat(["source", "target"], 100)
    fold = np.tile(np.arange(5), 40)
    assert training_factor(latents, domains, np.arange(200), fold, 1e-4) == pytest.approx(2**0.5)
    assert training_factor(latents, domains, np.arange(200), fold, 0.0) == 1


def test_the_a_distance_is_0_for_equal_domains_and_2_for_parted_ones():
    # Two galaxies' worth of latents on either side of a plane; and far fewer of one domain than of
    # the other.
    values = [
        probe_intervals(domain_probe(*one), *one, 20)["a_distance"]["value"]
        for one in (draw_domains(shift=s) for s in (0, 40))
    ]
    assert values[0] == pytest.approx(0, abs=0.2)
    assert values[1] == 2
    latents, domains, groups = draw_domains(shift=0)
    few = np.r_[0:600, 600:660]
    found = probe_intervals(
        domain_probe(latents[few], domains[few], groups[few]),
        latents[few],
        domains[few],
        groups[few],
        20,
    )["a_distance"]
    # Calling everything the source's would be right in ten of eleven cases, and is no distance.
    assert found["value"] == pytest.approx(0, abs=0.5)


def test_a_probes_threshold_lies_halfway_between_the_training_means():
    latents, domains, groups = draw_domains(n=50)
    probe = domain_probe(latents, domains, groups)
    for number, direction in enumerate(probe.directions):
        means = [
            (latents[(probe.fold != number) & (domains == domain)] @ direction).mean()
            for domain in ("source", "target")
        ]
        assert probe.thresholds[number] == pytest.approx(np.mean(means))
