"""The published values' benchmark: its training, its intervals, and the page that shows them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_moons

from benchmarks.published import digits, moons, page, protocol
from benchmarks.published.protocol import Method, Outcome, Part, train
from benchmarks.published.table import tabulate


def outcomes(seed=0, n=400, seeds=3):
    """Made up: noda finds 60% of the target, mmd 80%, the oracle 90%; all find 95% of the
    source.
    """
    rng = np.random.default_rng(seed)
    labels = {domain: rng.integers(0, 2, n) for domain in ("source", "target")}
    found = {}
    for method, share in (("noda", 0.6), ("mmd", 0.8), ("oracle", 0.9)):
        for number in range(seeds):
            right = {"source": rng.random(n) < 0.95, "target": rng.random(n) < share}
            called = {
                domain: np.where(right[domain], labels[domain], 1 - labels[domain])
                for domain in labels
            }
            found[method, number] = Outcome(number + 1, called, labels)
    return found


def line(table, method, kind, domain="target"):
    return table[
        (table["method"] == method) & (table["line"] == kind) & (table["domain"] == domain)
    ]


def test_means_differences_and_gaps_are_those_of_the_runs():
    found = outcomes()
    table = tabulate(found)
    hits = {
        m: np.mean(
            [
                np.mean(found[m, s].called["target"] == found[m, s].labels["target"])
                for s in range(3)
            ]
        )
        for m, _ in found
    }
    for method, value in hits.items():
        assert line(table, method, "mean")["value"].item() == pytest.approx(value, abs=1e-4)
    assert line(table, "mmd", "difference")["value"].item() == pytest.approx(
        hits["mmd"] - hits["noda"], abs=1e-4
    )
    gap = (hits["mmd"] - hits["noda"]) / (hits["oracle"] - hits["noda"])
    assert line(table, "mmd", "gap")["value"].item() == pytest.approx(gap, abs=1e-4)
    assert list(line(table, "mmd", "run")["seed"]) == [0, 1, 2]
    assert list(line(table, "mmd", "run")["epoch"]) == [1, 2, 3]


def test_a_run_s_interval_is_the_binomial_one():
    table = tabulate(outcomes(n=2000))
    run = line(table, "noda", "run").iloc[0]
    half = 1.96 * np.sqrt(run["value"] * (1 - run["value"]) / 2000)
    assert (run["high"] - run["low"]) / 2 == pytest.approx(half, rel=0.1)


def test_only_what_used_no_target_label_is_not_marked():
    table = tabulate(outcomes())
    assert set(table[~table["oracle"]]["domain"]) == {"source"}
    assert "oracle" not in set(table[~table["oracle"]]["method"])


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.2, "helped"),
        (-0.1, 0.1, "no evidence"),
        (-0.2, -0.01, "harmed"),
        (0.0, 0.1, "no evidence"),
    ],
)
def test_the_verdict_is_the_interval_s(low, high, word):
    assert page.verdict(low, high) == word


def test_the_moons_are_scikit_learn_s_turned_by_35_degrees():
    parts = moons.parts(0)
    turned = parts["target", "test"].images[:, :, 0, 0]
    angle = np.deg2rad(-35)
    back = turned @ np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    ).T / 2 + [0.5, 0.25]
    exact, labels = make_moons(2000, noise=None, shuffle=False)
    for moon in (0, 1):
        away = np.linalg.norm(
            back[parts["target", "test"].labels == moon][:, None] - exact[labels == moon], axis=2
        ).min(axis=1)
        # Distance to an arc is that of the noise across it: half normal of deviation 0.05.
        assert away.mean() == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.1)
    assert not np.array_equal(
        parts["source", "train"].images, moons.parts(1)["source", "train"].images
    )
    assert np.array_equal(parts["source", "test"].images, moons.parts(1)["source", "test"].images)


def test_no_target_label_reaches_a_training_but_the_oracle_s():
    recipe = dataclasses.replace(moons.PROBLEM.recipe, epochs=2, batch_size=50)
    methods = [Method("noda"), moons.METHODS[1], Method("oracle", supervision="target")]

    def shuffled(seed):
        rng = np.random.default_rng(9)
        parts = moons.parts(seed)
        for split in ("train", "validation"):
            part = parts["target", split]
            parts["target", split] = Part(part.images, rng.permutation(part.labels))
        return parts

    honest, blind = (
        dataclasses.replace(moons.PROBLEM, parts=parts, recipe=recipe)
        for parts in (moons.parts, shuffled)
    )
    same = [
        np.array_equal(
            train(honest, method, 0).called["target"], train(blind, method, 0).called["target"]
        )
        for method in methods
    ]
    assert same == [True, True, False]


def test_a_training_repeats_itself():
    problem = dataclasses.replace(
        moons.PROBLEM, recipe=dataclasses.replace(moons.PROBLEM.recipe, epochs=2, batch_size=50)
    )
    one, other = (train(problem, moons.METHODS[1], 3) for _ in range(2))
    assert one.epoch == other.epoch
    assert np.array_equal(one.called["target"], other.called["target"])


@pytest.mark.parametrize("name", ["adabn", "lmmd"])
def test_every_kind_of_method_runs_on_the_digits(name):
    problem = dataclasses.replace(
        digits.problem("faint"), recipe=dataclasses.replace(digits.RECIPE, epochs=1)
    )
    (method,) = [method for method in digits.ALL if method.name == name]
    assert train(problem, method, 0).accuracy("source") > 0.15


@pytest.mark.slow
def test_dann_adapts_to_the_turned_moons_and_no_adaptation_does_not():
    torch.set_num_threads(1)
    runs = {
        method.name: [train(moons.PROBLEM, method, seed) for seed in (0, 1)]
        for method in moons.METHODS[:2]
    }
    target = {
        name: np.mean([run.accuracy("target") for run in found]) for name, found in runs.items()
    }
    assert all(run.accuracy("source") > 0.98 for found in runs.values() for run in found)
    assert target["noda"] < 0.9 < target["dann"]


def test_a_training_that_did_not_learn_is_named():
    found = outcomes()
    assert page.unlearned(tabulate(found)) == ""
    for method, number, domain in (("mmd", 1, "source"), ("oracle", 2, "target")):
        found[method, number].called[domain][:100] = 1 - found[method, number].labels[domain][:100]
    assert [part[:13] for part in page.unlearned(tabulate(found)).split(", ")] == [
        "mmd seed 1 (0",
        "oracle seed 2",
    ]


def test_the_page_is_what_the_tables_say():
    assert page.FILE.read_text() == page.page(page.read())


def test_the_moons_are_as_published():
    table = pd.read_csv(moons.FILE)
    runs = table[table["line"] == "run"]
    assert set(runs["method"]) == {method.name for method in moons.METHODS}
    assert set(runs.groupby("method")["seed"].unique().map(tuple)) == {protocol.SEEDS}
    assert 0.8 <= line(table, "noda", "mean")["value"].item() <= 0.85
    assert line(table, "dann", "mean")["value"].item() > 0.9
    assert line(table, "dann", "difference")["low"].item() > 0
