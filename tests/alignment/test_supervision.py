"""The oracle: taught by target labels, marked so wherever it is seen, and refused where it cannot
be.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_galaxies

from daexplore.cli.shared.options import run_config
from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.engine.training.data import build_loader, prepare_data
from daexplore.engine.training.train import train
from daexplore.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 120)
    return folder


def config(folder, **options):
    data = DataConfig(str(folder / "source"), str(folder / "target"))
    return RunConfig(
        data=data,
        train=TrainConfig(
            epochs=2, batch_size=16, evaluation_limit=60, saliency_limit=4, **options
        ),
    )


def with_labels(folder, to, change):
    target = GalaxySet.load(folder / "target")
    label = pd.array(change(target.catalogue["label"].to_numpy()), dtype="Int64")
    dataclasses.replace(target, catalogue=target.catalogue.assign(label=label)).save(to / "target")
    GalaxySet.load(folder / "source").save(to / "source")
    return to


def test_the_oracles_batches_are_labelled_target_training_images(folder):
    settings = config(folder, supervision="target", augment=False)
    prepared = prepare_data(settings.data, 60)
    batch = next(iter(build_loader(prepared, settings)))
    target = prepared.domains["target"]
    rows = prepared.rows["target"]
    expected = prepared.preprocess.apply(target.images[rows], "target")
    for image, label in zip(batch.source_images.numpy(), batch.source_labels.tolist(), strict=True):
        found = [
            row for row, other in zip(rows, expected, strict=True) if np.array_equal(image, other)
        ]
        assert len(found) == 1
        assert label == target.labels[found[0]]


def test_an_oracle_run_says_so_and_is_chosen_by_target_accuracy(folder, tmp_path):
    run = train(config(folder, supervision="target"), tmp_path)
    assert run.method == "oracle"
    assert run.label == "oracle · seed 0"
    assert run.info["selection"]["uses_target_labels"]
    history = run.history()
    of_target = history[
        (history["name"] == "accuracy")
        & (history["domain"] == "target")
        & (history["split"] == "validation")
    ]
    assert run.info["selection"]["value"] == of_target.set_index("epoch")["value"].max()


def test_target_labels_do_teach_the_oracle(folder, tmp_path):
    turned = with_labels(folder, tmp_path / "turned", lambda labels: 1 - labels)
    one, other = (
        train(config(where, supervision="target"), tmp_path / "runs") for where in (folder, turned)
    )
    assert not np.array_equal(one.evaluation(2).logits, other.evaluation(2).logits)


def test_what_cannot_be_is_refused_at_once(folder, tmp_path):
    both = dataclasses.replace(
        config(folder, supervision="target"), alignments=(AlignmentConfig("mmd"),)
    )
    with pytest.raises(InputError, match="taught by target labels alone"):
        train(both, tmp_path / "runs")
    with pytest.raises(InputError, match="nothing trains the target's own scale"):
        train(config(folder, batch_norm="separate"), tmp_path / "runs")
    unlabelled = with_labels(folder, tmp_path / "unlabelled", lambda labels: [pd.NA] * len(labels))
    with pytest.raises(InputError, match=r"target.*label"):
        train(config(unlabelled, supervision="target"), tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*/run.json"))


@pytest.mark.parametrize(
    ("method", "name", "batch_norm"),
    [
        ("noda", "noda", "source"),
        ("oracle", "oracle", "source"),
        ("adabn", "adabn", "adabn"),
        ("adabn+mmd", "adabn+mmd", "adabn"),
        ("mmd,fisher,entropy", "mmd+fisher+entropy", "mixed"),
    ],
)
def test_names_of_methods_become_settings(method, name, batch_norm):
    made = run_config("demo", None, None, None, method, None, None, None, None, [])
    assert (made.method, made.batch_norm) == (name, batch_norm)


@pytest.mark.parametrize("method", ["oracle,mmd", "noda+mmd", "", "mmd,mmd"])
def test_names_that_contradict_each_other_are_refused(method):
    with pytest.raises(InputError, match="--method"):
        run_config("demo", None, None, None, method, None, None, None, None, [])


@pytest.mark.slow
def test_methods_are_combined_in_one_run(folder, tmp_path, monkeypatch, capsys):
    paths = [
        "--source",
        str(folder / "source"),
        "--target",
        str(folder / "target"),
        "--runs",
        str(tmp_path),
    ]
    options = ["--methods", "mmd,fisher,entropy", "--epochs", "1", "--set", "train.batch_size=16"]
    code, out, err = call(monkeypatch, capsys, "train", *paths, *options)
    assert code == 0, err
    assert "MMD+Fisher+entropy · seed 0" in out
