"""Scores without target labels: each formula against an independent one, and a constant prediction
never wins.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm
from sklearn.metrics import mutual_info_score

from daexplore.analysis.calibration.domain_shift import log_density_ratio
from daexplore.analysis.comparison import model_selection
from daexplore.config import RunConfig, TrainConfig
from daexplore.engine.training.epoch_selection import RULES, select_epoch
from daexplore.engine.training.label_free_scores import SCORES, label_free_scores

RNG = np.random.default_rng(0)
P = softmax(RNG.normal(size=(40, 3)) * 2, axis=1)


def test_entropy_diversity_and_information_are_scipys():
    assert model_selection.mean_entropy(P) == pytest.approx(entropy(P, axis=1).mean())
    assert model_selection.diversity(P) == pytest.approx(entropy(P.mean(0)))
    # Sure predictions: the mutual information of galaxy and class is the entropy of the classes'
    # shares.
    called = P.argmax(1)
    assert model_selection.information(np.eye(3)[called]) == pytest.approx(
        mutual_info_score(np.arange(40), called)
    )
    assert model_selection.information(np.tile(P[0], (40, 1))) == pytest.approx(0)


@pytest.mark.parametrize("chunk", [7, 1024])
def test_soft_neighbourhood_density_is_the_naive_loop(chunk):
    total = 0.0
    for i in range(40):
        likeness = [
            P[i] @ P[j] / np.linalg.norm(P[i]) / np.linalg.norm(P[j]) for j in range(40) if j != i
        ]
        total += entropy(softmax(np.array(likeness) / 0.05)) / 40
    assert model_selection.soft_neighbourhood_density(P, chunk=chunk) == pytest.approx(total)


def test_soft_neighbourhood_density_is_largest_for_a_constant_which_is_why_it_is_guarded():
    constant = np.tile([0.9, 0.1], (40, 1))
    assert model_selection.soft_neighbourhood_density(constant) == pytest.approx(np.log(39))
    assert model_selection.soft_neighbourhood_density(P) < np.log(39)


def test_nuclear_norm_is_the_sum_of_singular_values_on_a_fixed_scale():
    values = np.sqrt(np.linalg.eigvalsh(P.T @ P))
    assert model_selection.batch_nuclear_norm(P) == pytest.approx(values.sum() / np.sqrt(40 * 3))
    assert model_selection.batch_nuclear_norm(np.eye(3)[np.arange(30) % 3]) == pytest.approx(1)
    assert model_selection.batch_nuclear_norm(np.tile(np.eye(3)[0], (30, 1))) == pytest.approx(
        1 / np.sqrt(3)
    )


def test_deep_embedded_validation_estimates_the_risk_on_a_shifted_target():
    # Source N(0, 1), target N(1, 1): the exact ratio and the exact target risk of l(x) = (x > 0.5)
    # are known.
    ratio = np.exp(
        -0.5 * ((X := np.random.default_rng(1).normal(size=(200, 500))) - 1) ** 2 + 0.5 * X**2
    )
    losses = (X > 0.5).astype(float)
    truth = norm.sf(0.5, loc=1)
    found = np.array(
        [
            model_selection.deep_embedded_validation(one, w)
            for one, w in zip(losses, ratio, strict=True)
        ]
    )
    plain = (losses * ratio).mean(1)
    assert abs(found.mean() - truth) < 4 * found.std() / np.sqrt(200) + 0.005
    assert found.std() < 0.9 * plain.std()
    assert abs(losses.mean() - truth) > 0.3


def test_deep_embedded_validation_is_the_definition():
    w, losses = np.array([0.5, 2.0, 1.2, 0.1]), np.array([0.3, 0.1, 0.9, 0.5])
    eta = -np.cov(w * losses, w, ddof=0)[0, 1] / np.var(w)
    assert model_selection.deep_embedded_validation(losses, w) == pytest.approx(
        np.mean(w * losses) + eta * np.mean(w) - eta
    )
    assert model_selection.deep_embedded_validation(losses, np.ones(4)) == pytest.approx(
        losses.mean()
    )


def test_the_density_ratio_of_shifted_normals_is_found():
    rng = np.random.default_rng(2)
    source, target = rng.normal(size=(4000, 1)), rng.normal(1, 1, size=(2000, 1))
    found, _ = log_density_ratio(source, target)
    # log ratio = x - 1/2. The standard errors of a logistic fit to so many points are about .035
    # (slope) and .03 (intercept).
    slope, intercept = np.polyfit(source[:, 0], found, 1)
    assert abs(slope - 1) < 4 * 0.035
    assert abs(intercept + 0.5) < 4 * 0.03


def test_scores_see_no_target_label_and_every_rule_has_its_value():
    n = 60
    domains = np.repeat(np.array(["source", "target"], object), n)
    labels = np.arange(n) % 2
    latents = RNG.normal(size=(2 * n, 4)) + np.repeat([0.0, 0.5], n)[:, None]
    logits = RNG.normal(size=(2 * n, 2))
    found = label_free_scores(logits, latents, domains, np.arange(2 * n).astype(str), labels)
    assert {(domain, name) for name, (domain, _) in SCORES.items()} <= set(found)
    assert all(np.isfinite(value) for value in found.values())
    assert found["source", "majority"] == 0.5


def history(**columns):
    lines = []
    for name, values in columns.items():
        domain, _, name = name.partition("_")
        lines += [
            {
                "epoch": e,
                "step": e,
                "split": "validation",
                "domain": domain,
                "name": name,
                "value": v,
            }
            for e, v in enumerate(values, start=1)
        ]
    return pd.DataFrame(lines)


RULED = [rule for rule in RULES if rule not in ("last", "source_accuracy")]


@pytest.mark.parametrize("rule", RULED)
@pytest.mark.parametrize("kind", ["of the source", "of the target"])
def test_a_constant_predictor_does_not_win(rule, kind):
    """Epoch 3 is constant and perfect by every score; epoch 4 is useful."""
    domain, name, sign = RULES[rule]
    columns = {
        "source_accuracy": [0.5, 0.8, 0.5 if kind == "of the source" else 0.9, 0.85],
        "source_majority": [0.5] * 4,
        "target_call_diversity": [0.9, 0.9, 0.01, 0.9],
    }
    columns[f"{domain}_{name}"] = list(sign * np.array([0.1, 0.2, 9.0, 0.3]))
    config = RunConfig(train=TrainConfig(selection=rule))
    epoch, value = select_epoch(history(**columns), config)
    assert epoch == 4
    assert value == pytest.approx(sign * 0.3)


def test_where_every_epoch_is_constant_source_accuracy_decides():
    columns = {
        "source_accuracy": [0.5, 0.6, 0.7, 0.6],
        "source_majority": [0.5] * 4,
        "target_call_diversity": [0.0] * 4,
        "target_snd": [1.0, 2.0, 3.0, 9.0],
    }
    assert select_epoch(history(**columns), RunConfig(train=TrainConfig(selection="snd"))) == (
        3,
        0.7,
    )


def test_the_oracle_is_judged_by_target_labels_whatever_the_rule():
    columns = {
        "source_accuracy": [0.9, 0.9, 0.9, 0.8],
        "source_majority": [0.5] * 4,
        "target_accuracy": [0.5, 0.6, 0.7, 0.8],
        "target_call_diversity": [0.9] * 4,
        "target_entropy": [0.1] * 4,
    }
    config = RunConfig(train=TrainConfig(supervision="target"))
    for rule in ("source_accuracy", "entropy"):
        config = dataclasses.replace(
            config, train=dataclasses.replace(config.train, selection=rule)
        )
        assert select_epoch(history(**columns), config) == (4, 0.8)
