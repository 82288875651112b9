"""Trainings under random observing conditions: repeatable, resumable, blind to target labels."""

import dataclasses
import shlex

import numpy as np
import pandas as pd
import pytest
import torch
from command import call
from factories import make_galaxies
from small_training import config, products

from daexplore.app.results.seed_variability import retrain_command
from daexplore.cli.shared.options import run_config
from daexplore.config import DRAWN, MEASURED, RunConfig, preset, replace_at
from daexplore.data.galaxy_set import GalaxySet
from daexplore.engine.training.data import build_loader, prepare_data
from daexplore.engine.training.train import train
from daexplore.methods import method_label
from daexplore.runs import Run, RunWriter, TrainingImages


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 120)
    return folder


def observed(folder, method="noda", conditions=DRAWN, normalise="image", **options) -> RunConfig:
    found = config(folder, method, **({"epochs": 2, "conditions": conditions} | options))
    return replace_at(found, "data.normalise", normalise)


def test_each_epoch_shows_other_images_and_the_same_epoch_the_same(galaxies):
    chosen = observed(galaxies, "mmd")
    loader = build_loader(prepare_data(chosen.data, 60), chosen)

    def seen(epoch):
        loader.epoch = epoch
        return next(iter(loader))

    first, again, second = seen(1), seen(1), seen(2)
    assert torch.equal(first.source_images, again.source_images)
    assert torch.equal(first.target_images, again.target_images)
    assert not torch.equal(first.source_images, second.source_images)


def test_without_an_alignment_target_images_are_left_alone(galaxies):
    plain = observed(galaxies, conditions=None)
    data = prepare_data(plain.data, 60)
    chosen = observed(galaxies)
    targets = [next(iter(build_loader(data, each))).target_images for each in (plain, chosen)]
    assert torch.equal(*targets)


@pytest.mark.parametrize("normalise", ["image", "domain", "source"])
@pytest.mark.parametrize(("conditions", "name"), [(DRAWN, "conditions"), (MEASURED, "measured")])
def test_a_run_says_what_it_was_trained_under(galaxies, tmp_path, conditions, name, normalise):
    run = train(observed(galaxies, "mmd", conditions, normalise, epochs=1), tmp_path)
    assert run.method == f"mmd+{name}"
    assert run.label.startswith(method_label(run.method))
    noise = np.array(run.info["conditions"]["target_noise"])
    assert noise.shape == (11, 3)
    assert (noise > 0).all()
    shown = TrainingImages.read(run.path)
    assert shown is not None
    assert shown.images.shape == (24, 3, 24, 24)
    plain = shown.images[shown.draws == 0]
    assert all(not np.array_equal(plain, shown.images[shown.draws == k]) for k in range(1, 6))
    target = GalaxySet.load(galaxies / "target")
    assert not set(shown.sample_ids) & set(target.sample_ids)


@pytest.mark.parametrize("conditions", [DRAWN, MEASURED])
def test_permuting_target_labels_changes_nothing(galaxies, tmp_path, conditions):
    target = GalaxySet.load(galaxies / "target")
    labels = np.random.default_rng(0).permutation(target.catalogue["label"].to_numpy())
    other = target.catalogue.assign(label=pd.array(labels, dtype="Int64"))
    dataclasses.replace(target, catalogue=other).save(tmp_path / "permuted/target")
    GalaxySet.load(galaxies / "source").save(tmp_path / "permuted/source")
    found = [
        products(train(observed(folder, "mmd", conditions), tmp_path / "runs").path)
        for folder in (galaxies, tmp_path / "permuted")
    ]
    for name in found[0]:
        if name not in ("metrics", "history.jsonl"):
            assert found[0][name] == found[1][name], name


@pytest.mark.parametrize("conditions", [DRAWN, MEASURED])
def test_an_interrupted_training_resumes_bit_for_bit(galaxies, tmp_path, monkeypatch, conditions):
    chosen = observed(galaxies, "mmd", conditions, epochs=3)
    whole = train(chosen, tmp_path / "whole")
    write = RunWriter.write_evaluation

    def interrupted(self, epoch, *arguments):
        write(self, epoch, *arguments)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "write_evaluation", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(chosen, tmp_path / "parts")
    [path] = (tmp_path / "parts").glob("2*")
    assert Run(path).status == "stopped"
    assert products(train(None, resume=path).path) == products(whole.path)


def test_where_the_target_is_a_labelled_set_everything_is_oracle():
    survey = preset("nearby-survey")
    assert survey.method == "oracle+conditions"
    assert survey.uses_target_labels
    own = run_config("nearby-survey", None, "real", None, "mmd", None, None, None, None, [])
    assert own.data.target == "real"
    assert own.data.sources == ("nearby:source", "nearby:target")
    assert own.method == "mmd+conditions"
    assert not own.uses_target_labels
    assert not preset("nearby").uses_target_labels


@pytest.mark.parametrize(
    ("method", "option", "expected"),
    [
        ("noda", "drawn", "noda+conditions"),
        ("conditions", None, "noda+conditions"),
        ("noda+conditions", None, "noda+conditions"),
        ("measured", None, "noda+measured"),
        ("mmd+fisher", "measured", "mmd+fisher+measured"),
        ("dann+conditions", None, "dann+conditions"),
        ("conditions", "none", "noda"),
        ("mmd", "drawn+measured", "mmd+conditions+measured"),
        ("adabn+conditions", None, "adabn+conditions"),
        ("oracle+conditions", None, "oracle+conditions"),
    ],
)
def test_method_and_option_name_the_same_trainings(method, option, expected):
    found = run_config(
        "demo", None, None, None, method, None, None, None, None, [], conditions=option
    )
    assert found.method == expected


@pytest.mark.parametrize("option", ["rain", "none+drawn", ""])
def test_other_words_are_refused_with_those_there_are(option, tmp_path, monkeypatch, capsys):
    words = ("train", "--data", "demo", "--conditions", option, "--runs", tmp_path)
    code, _, errors = call(monkeypatch, capsys, *words)
    assert code == 2
    assert "drawn, measured, drawn+measured or none" in " ".join(errors.split())


def test_the_command_that_trains_another_seed_has_the_same_settings(galaxies, tmp_path):
    chosen = replace_at(observed(galaxies, "mmd", epochs=1), "train.conditions.stars", 1)
    chosen = replace_at(chosen, "data.more_sources", [str(galaxies / "target")])
    run = train(chosen, tmp_path)
    command = retrain_command(tmp_path, run, 1)
    words = shlex.split(shlex.join(command))
    given = {name: words[words.index(name) + 1] for name in ("--method", "--source", "--target")}
    settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    again = run_config(
        None,
        given["--source"],
        given["--target"],
        None,
        given["--method"],
        None,
        None,
        None,
        None,
        settings,
    )
    epochs = int(words[words.index("--epochs") + 1]) if "--epochs" in words else again.train.epochs
    again = replace_at(again, "train.epochs", epochs)
    assert again == run.config
