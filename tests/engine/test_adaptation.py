"""Adapting finished runs without their source: objectives, guard, records, refusals."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from command import call
from factories import make_galaxies
from small_training import config, products

from daexplore import Comparison
from daexplore.config import ModelConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.adaptation import adapt
from daexplore.engine.adaptation.guard import ShareGuard
from daexplore.engine.adaptation.objectives import centroid_labels, loss, prepare
from daexplore.engine.inference import load_network
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.models import build_network
from daexplore.runs import Run

METHODS = ("adabn", "tent", "shot")


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 160)
    return folder


@pytest.fixture(scope="module")
def parent(galaxies, tmp_path_factory):
    return train(config(galaxies, "noda"), tmp_path_factory.mktemp("parents"))


@pytest.mark.parametrize("method", METHODS)
def test_an_adapted_run_names_its_parent_and_begins_as_it(parent, tmp_path, method):
    run = adapt(parent.path, method, runs=tmp_path, epochs=2, batch_size=16)
    assert run.status == "finished"
    assert run.method == f"noda+{method}"
    assert "transfer" not in run.label
    assert run.info["parent"]["run"] == parent.id
    assert run.evaluated == [1, 2, 3]
    first, before = run.evaluation(1), parent.evaluation()
    assert list(first.sample_ids) == list(before.sample_ids)
    np.testing.assert_allclose(first.logits, before.logits, atol=1e-5)
    assert not np.allclose(run.evaluation(3).logits, before.logits, atol=1e-3)
    assert run.info["selection"]["uses_target_labels"] is False
    assert all(entry["oracle"] for entry in run.info["metrics"]["target"]["test"].values())
    again = adapt(parent.path, method, runs=tmp_path / "again", epochs=2, batch_size=16)
    assert products(again.path) == products(run.path)


@pytest.mark.parametrize("method", METHODS)
def test_neither_target_labels_nor_source_images_matter(parent, galaxies, tmp_path, method):
    target = GalaxySet.load(galaxies / "target")
    labels = np.random.default_rng(0).permutation(target.catalogue["label"].to_numpy())
    found = []
    for number, values in enumerate((target.catalogue["label"], labels)):
        column = pd.array(values, dtype="Int64")
        other = dataclasses.replace(target, catalogue=target.catalogue.assign(label=column))
        other.save(tmp_path / f"survey{number}")
        run = adapt(
            parent.path,
            method,
            data=str(tmp_path / f"survey{number}"),
            runs=tmp_path / f"runs{number}",
            epochs=1,
            batch_size=16,
        )
        found.append(run)
    one, two = (run.evaluation(2) for run in found)
    np.testing.assert_array_equal(one.logits, two.logits)
    assert found[0].selected_epoch == found[1].selected_epoch
    # The same without the source on this machine.
    moved = tmp_path / "moved"
    source = galaxies / "source"
    shutil.move(source, moved)
    try:
        alone = adapt(
            parent.path,
            method,
            data=str(tmp_path / "survey0"),
            runs=tmp_path / "alone",
            epochs=1,
            batch_size=16,
        )
    finally:
        shutil.move(moved, source)
    rows = one.mask("target")
    assert set(alone.info["metrics"]) == {"target"}
    np.testing.assert_array_equal(alone.evaluation(2).logits, one.logits[rows])


def test_adabn_has_the_targets_mean_and_variance(parent, galaxies, tmp_path):
    run = adapt(parent.path, "adabn", runs=tmp_path, epochs=1, batch_size=8)
    network = load_network(run, 2)
    norm = network.convolutions[1]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    target = GalaxySet.load(galaxies / "target")
    rows = np.flatnonzero((run.samples.loc[target.sample_ids]["split"] == "train").to_numpy())
    images = as_batch(target.images, rows, preprocess, "target")
    with torch.no_grad():
        maps = network.convolutions[0](images)
    # Batches are of a permutation; the last few images may be left out.
    torch.testing.assert_close(norm.running_mean, maps.mean((0, 2, 3)), rtol=0.05, atol=0.02)
    torch.testing.assert_close(norm.running_var, maps.var((0, 2, 3)), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("method", "changed"), [("adabn", set()), ("tent", {"norm"}), ("shot", {"norm", "other"})]
)
def test_only_what_a_method_says_is_trained(method, changed):
    network = build_network(ModelConfig("deepmerge"), 3, 2, 24)
    trained = {id(parameter) for parameter in prepare(network, method)}
    norms = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for parameter in module.parameters()
    }
    head = {id(parameter) for parameter in network.head.parameters()}
    everything = {id(parameter) for parameter in network.parameters()}
    assert trained == {
        name
        for name in everything - head
        if ("norm" in changed and name in norms) or ("other" in changed and name not in norms)
    }


def test_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(30, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    entropy = -(p * np.log(p)).sum(axis=1).mean()
    mean = p.mean(axis=0)
    diversity = -(mean * np.log(mean)).sum()
    pseudo = rng.integers(0, 3, 30)
    cross = -np.log(p[np.arange(30), pseudo]).mean()
    given = torch.tensor(logits)
    assert float(loss("tent", given)["total"]) == pytest.approx(entropy)
    found = loss("shot", given, torch.tensor(pseudo))
    assert float(found["total"]) == pytest.approx(entropy - diversity + 0.3 * cross)


def test_centroid_labels_follow_the_naive_loop():
    rng = np.random.default_rng(1)
    latents, logits = rng.normal(size=(40, 5)), rng.normal(size=(40, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    z = np.concatenate([latents, np.ones((40, 1))], axis=1)
    z /= np.linalg.norm(z, axis=1, keepdims=True)

    def nearest(centres):
        return np.array([np.argmax([one @ c / np.linalg.norm(c) for c in centres]) for one in z])

    labels = nearest([sum(p[i, k] * z[i] for i in range(40)) for k in range(3)])
    labels = nearest([sum(z[i] for i in range(40) if labels[i] == k) for k in range(3)])
    found = centroid_labels(
        torch.tensor(latents, dtype=torch.float32), torch.tensor(logits, dtype=torch.float32)
    )
    np.testing.assert_array_equal(found, labels)


def test_a_forced_collapse_is_caught_and_the_network_before_it_is_kept(parent, tmp_path):
    # Separated but unsure classes, so that both are called before.
    run = adapt(parent.path, "adabn", runs=tmp_path / "good", epochs=1, batch_size=16)
    assert min(run.info["guard"]["called_shares"][1]) > 0.02
    bad = adapt(
        run.path, "tent", runs=tmp_path / "bad", epochs=12, batch_size=16, learning_rate=3.0
    )
    guard = bad.info["guard"]
    assert guard["collapsed"]
    shares = np.array(guard["called_shares"])
    chosen = shares[bad.selected_epoch - 1]
    assert (chosen >= 0.2 * shares[0]).all()


def test_a_lost_source_is_not_held_against_an_adapted_run(parent, tmp_path):
    run = adapt(parent.path, "adabn", runs=tmp_path, epochs=1, batch_size=16)
    verdict = next(each for each in Comparison([parent, run]).verdicts if not each.oracle)
    assert verdict.outcome != "negative transfer"
    assert "do not judge it" in verdict.reasons[0].text


def test_the_guard_counts_what_is_called():
    def logits(*counts):
        return np.concatenate([np.tile(np.eye(3)[k], (n, 1)) for k, n in enumerate(counts)])

    guard = ShareGuard.of(logits(50, 49, 1))
    assert guard.collapsed(logits(95, 5, 0))
    assert not guard.collapsed(logits(85, 15, 0))
    assert not guard.drifted(logits(60, 39, 1))
    assert guard.drifted(logits(70, 29, 1))


def test_what_cannot_be_is_refused(parent, tmp_path, monkeypatch, capsys):
    for words, message in (
        (("--method", "dann"), "adabn, tent, shot"),
        (("--method", "tent", "--epochs", "0"), "at least 1 epoch"),
        (("--method", "tent", "--learning-rate", "-1"), "positive learning rate"),
        (("--method", "tent", "--data", tmp_path / "nowhere"), "nowhere"),
    ):
        code, _, errors = call(
            monkeypatch, capsys, "adapt", parent.path, *words, "--runs", tmp_path / "runs"
        )
        assert code == 2, errors
        assert message in " ".join(errors.split())
    assert not list((tmp_path / "runs").glob("2*"))


def test_the_command_says_what_changed(parent, tmp_path, monkeypatch, capsys):
    code, out, errors = call(
        monkeypatch,
        capsys,
        *("adapt", parent.path, "--method", "shot", "--epochs", "1", "--batch-size", "16"),
        *("--runs", tmp_path),
    )
    assert code == 0, errors
    assert "before -> after" in out
    [path] = tmp_path.glob("2*")
    assert Run(path).method == "noda+shot"


@pytest.mark.parametrize("method", ["adabn", "tent"])
def test_a_network_without_batch_norm_says_what_to_use(tmp_path, method):
    network = build_network(ModelConfig("mlp"), 5, 2, 1)
    with pytest.raises(InputError, match="--method shot"):
        prepare(network, method)
