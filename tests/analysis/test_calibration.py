"""Calibration: against scikit-learn, closed forms, and simulated logits whose miscalibration is
known.
"""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from daexplore.analysis.calibration.reliability import (
    calibration_scores,
    ece,
    log_losses,
    nll,
    paired_changes,
    reliability,
)
from daexplore.analysis.calibration.temperature import (
    TEMPERATURES,
    apply_temperature,
    fit_temperature,
)
from daexplore.errors import InputError


def make_case(n, seed=0, slope=1.0, shift=0.0, images=1):
    """Logits of which the truth is ``slope * logit + shift``: labels, logits and groups of
    ``images`` rows alike each.
    """
    rng = np.random.default_rng(seed)
    margin = np.repeat(rng.normal(0, 2, n // images), images)
    drawn = np.repeat(rng.random(n // images), images)
    labels = (drawn < expit(slope * margin + shift)).astype(np.int64)
    return labels, np.c_[-margin / 2, margin / 2], np.arange(n) // images


def true_ece(slope, shift):
    """E |P(y = 1 | p) - p| by quadrature over the normal margins."""
    margin = np.linspace(-12, 12, 20001)
    density = np.exp(-(margin**2) / 8)
    return float(np.average(np.abs(expit(slope * margin + shift) - expit(margin)), weights=density))


def test_bins_agree_with_scikit_learn():
    labels, logits, groups = make_case(500, slope=0.5)
    p = apply_temperature(logits)
    found = reliability(labels, p, groups)
    frequency, probability = calibration_curve(labels, p[:, 1], n_bins=10, strategy="quantile")
    np.testing.assert_allclose(found.frequency, frequency)
    np.testing.assert_allclose(found.probability, probability)
    assert found.of == "class 1"
    assert found.counts.tolist() == [50] * 10
    assert found.ece["plugin"] == pytest.approx(np.abs(frequency - probability).mean())
    assert ((found.low <= found.frequency) & (found.frequency <= found.high)).all()


def test_top_label_bins_agree_with_a_naive_loop():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(300, 4)), rng.integers(0, 4, 300)
    labels[:20] = -1
    p = softmax(logits, axis=1)
    found = reliability(labels, p, np.arange(300), bins=5)
    order = np.argsort(p[20:].max(axis=1))
    confidence, right = p[20:].max(axis=1)[order], (p[20:].argmax(axis=1) == labels[20:])[order]
    assert found.of == "top label"
    assert found.counts.sum() == 280
    for number, at in enumerate(np.array_split(np.arange(280), 5)):
        assert found.probability[number] == pytest.approx(confidence[at].mean())
        assert found.frequency[number] == pytest.approx(right[at].mean())


def test_scores_agree_with_scikit_learn():
    labels, logits, groups = make_case(400, 2)
    p = apply_temperature(logits)
    found = calibration_scores(labels, p, groups)
    assert found["nll"]["value"] == pytest.approx(log_loss(labels, p))
    assert found["nll"] == nll(labels, p, groups)
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(labels, p[:, 1]))
    assert found["accuracy"]["value"] == (p.argmax(axis=1) == labels).mean()
    assert found["ece"] == ece(labels, p, groups) == reliability(labels, p, groups).ece
    for entry in found.values():
        assert entry["n"] == 400
        assert entry["low"] <= entry["value"] <= entry["high"]
    three = softmax(np.random.default_rng(3).normal(size=(400, 3)), axis=1)
    expected = ((three - np.eye(3)[labels]) ** 2).sum(axis=1).mean()
    assert calibration_scores(labels, three, groups)["brier"]["value"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("slope", "shift", "images"), [(0.5, 0.0, 1), (0.8, 0.0, 1), (1.0, 1.0, 2), (1.0, 0.0, 1)]
)
def test_ece_intervals_cover_a_known_miscalibration(slope, shift, images):
    truth, trials = true_ece(slope, shift), 100
    covered, values, plugins = 0, [], []
    for trial in range(trials):
        labels, logits, groups = make_case(600, trial, slope, shift, images)
        found = ece(labels, apply_temperature(logits), groups, resamples=150, seed=trial)
        covered += found["low"] <= truth <= found["high"]
        values.append(found["value"])
        plugins.append(found["plugin"])
    # 95% nominal; binomial scatter of 100 trials is 2.2%, so 88% is within three of them.
    assert covered / trials >= 0.88
    assert abs(np.median(values) - truth) < 0.01
    # The plugin sees miscalibration where there is none.
    assert np.mean(plugins) > truth + (0.02 if truth == 0 else 0)


def test_repeated_images_do_not_narrow_the_interval():
    labels, logits, groups = make_case(300, 4, slope=0.5)
    rows = np.repeat(np.arange(300), 6)
    once = ece(labels, apply_temperature(logits), groups)
    grouped = ece(labels[rows], apply_temperature(logits)[rows], groups[rows])
    naive = ece(labels[rows], apply_temperature(logits)[rows], np.arange(1800))
    assert grouped["high"] - grouped["low"] == pytest.approx(once["high"] - once["low"], rel=0.1)
    assert naive["high"] - naive["low"] < 0.6 * (once["high"] - once["low"])


def test_bin_intervals_cover_rare_outcomes():
    rng = np.random.default_rng(5)
    covered = []
    for trial in range(200):
        labels = (rng.random(60) < 0.03).astype(np.int64)
        found = reliability(
            labels, np.tile([0.97, 0.03], (60, 1)), np.arange(60), bins=1, resamples=100, seed=trial
        )
        covered.append(found.low[0] <= 0.03 <= found.high[0])
    # The bootstrap's own quantiles are (0, 0) whenever no outcome was seen, one time in six.
    assert np.mean(covered) > 0.9


def test_equal_probabilities_stay_in_one_bin():
    labels = np.tile([0, 1, 1, 1], 25)
    found = reliability(labels, np.tile([0.5, 0.5], (100, 1)), np.arange(100))
    assert found.counts.tolist() == [100]
    assert found.frequency[0] == 0.75
    assert found.ece["plugin"] == pytest.approx(0.25)
    perfect = reliability(labels, np.eye(2)[labels], np.arange(100))
    assert perfect.ece["value"] == perfect.ece["low"] == perfect.ece["high"] == 0
    assert perfect.low[0] == pytest.approx(0)
    assert perfect.high[0] > 0.05  # 25 galaxies cannot tell 0 from a few percent.


def test_a_probability_of_zero_costs_a_finite_loss():
    losses = log_losses(np.array([0, 1, -1]), np.array([[0.0, 1.0], [0.0, 1.0], [0.5, 0.5]]))
    assert losses[0] == pytest.approx(708.4, abs=0.1)
    assert losses[1] == 0
    assert np.isnan(losses[2])


def test_paired_changes_are_differences_of_the_scores():
    labels, logits, groups = make_case(400, 6, slope=0.4)
    before, after = apply_temperature(logits), apply_temperature(logits, 2.5)
    found = paired_changes(labels, before, after, groups)
    scores = [calibration_scores(labels, p, groups) for p in (before, after)]
    for name in ("nll", "brier"):
        assert found[name]["value"] == pytest.approx(
            scores[1][name]["value"] - scores[0][name]["value"]
        )
        assert found[name]["high"] < 0
        # Pairing pays: the two scores' own intervals overlap far more.
        assert (
            found[name]["high"] - found[name]["low"]
            < scores[0][name]["high"] - scores[0][name]["low"]
        )


def test_the_temperature_minimises_the_likelihood():
    rng = np.random.default_rng(7)
    logits = 4 * rng.normal(size=(400, 3))
    labels = np.array([rng.choice(3, p=softmax(row / 2.5)) for row in logits])
    labels[:10] = -1
    weights = rng.random(400)
    for given in (None, weights):
        share = np.ones(390) if given is None else given[10:]

        def loss(log_t, share=share):
            return -(
                share
                * log_softmax(logits[10:] / np.exp(log_t), axis=1)[np.arange(390), labels[10:]]
            ).sum()

        expected = minimize_scalar(loss, bounds=(-2, 3), method="bounded", options={"xatol": 1e-9})
        assert fit_temperature(logits, labels, given) == pytest.approx(np.exp(expected.x), rel=1e-5)
    assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.15)
    np.testing.assert_allclose(apply_temperature(logits, 2.5), softmax(logits / 2.5, axis=1))


def test_a_temperature_mends_a_known_miscalibration():
    validation, test = make_case(4000, 8, slope=0.5), make_case(4000, 9, slope=0.5)
    temperature = fit_temperature(validation[1], validation[0])
    assert temperature == pytest.approx(2, rel=0.1)
    assert ece(test[0], apply_temperature(test[1]), test[2])["low"] > 0.05
    assert ece(test[0], apply_temperature(test[1], temperature), test[2])["low"] < 0.01


def test_galaxies_that_determine_no_temperature_give_a_bound():
    labels = np.array([0, 1, 0, 1])
    sure = np.eye(2)[labels] * 3
    assert fit_temperature(sure, labels) == TEMPERATURES[0]
    assert fit_temperature(-sure, labels) == TEMPERATURES[1]


def test_bad_input_is_named():
    labels, logits, groups = make_case(20)
    p = apply_temperature(logits)
    with pytest.raises(InputError, match="at least 1 bin"):
        reliability(labels, p, groups, bins=0)
    with pytest.raises(InputError, match="none of these has a label"):
        ece(np.full(20, -1), p, groups)
    with pytest.raises(InputError, match="NaN"):
        nll(labels, np.full((20, 2), np.nan), groups)
    with pytest.raises(InputError, match="none of the validation galaxies has a label"):
        fit_temperature(logits, np.full(20, -1))
    with pytest.raises(InputError, match="NaN"):
        fit_temperature(np.full((20, 2), np.nan), labels)
