"""Vectors as input: embed, train, predict; equal to scikit-learn where it does the same."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from command import call
from factories import make_galaxies
from sklearn.linear_model import LogisticRegression
from small_training import config

from daexplore.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from daexplore.data import load_pictures, read_galaxies
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.preprocessing.steps import ImageScale
from daexplore.engine.embed import embed
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.models import build_network
from daexplore.runs import softmax

LITE = "efficientnet-lite0"


def write_vectors(folder, n=300, length=6, shift=0.0, seed=0, name="x"):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    vectors = rng.normal(size=(n, length)) + labels[:, None] * 0.6 + shift
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.npy", vectors.astype(np.float32))
    np.save(folder / f"{name}_y.npy", labels)
    return vectors.astype(np.float32), labels


def test_a_linear_network_is_scikit_learns_logistic_regression(tmp_path):
    write_vectors(tmp_path, 400, name="s")
    write_vectors(tmp_path, 100, name="t", seed=1)
    chosen = RunConfig(
        data=DataConfig(str(tmp_path / "s.npy"), str(tmp_path / "t.npy")),
        model=ModelConfig("linear"),
        train=TrainConfig(
            epochs=120,
            batch_size=280,
            learning_rate=0.3,
            weight_decay=0.0,
            selection="last",
            evaluation_limit=40,
        ),
    )
    # A batch of the whole training split, so that the noise of batches is no part of it.
    run = train(
        dataclasses.replace(chosen, train=dataclasses.replace(chosen.train, batch_size=70)),
        tmp_path / "runs",
    )
    source = read_galaxies(tmp_path / "s.npy")
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    seen = preprocess.apply(np.asarray(source.images), "source")[:, :, 0, 0]
    taught = (run.samples.loc[source.sample_ids]["split"] == "train").to_numpy()
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(seen[taught], source.labels[taught])
    network = load_network(run)
    with torch.no_grad():
        logits = network(torch.from_numpy(seen[:, :, None, None])).logits.numpy()
    np.testing.assert_allclose(softmax(logits)[:, 1], expected.predict_proba(seen)[:, 1], atol=0.03)


@pytest.mark.parametrize("method", ["noda", "mmd", "dann", "lmmd", "coral"])
def test_every_kind_of_method_trains_on_vectors(tmp_path, method):
    write_vectors(tmp_path, name="s")
    write_vectors(tmp_path, name="t", seed=1, shift=0.5)
    chosen = config(tmp_path, method, epochs=1)
    data = DataConfig(str(tmp_path / "s.npy"), str(tmp_path / "t.npy"))
    run = train(
        dataclasses.replace(chosen, data=data, model=ModelConfig("mlp", {"hidden": [8]})),
        tmp_path / "runs",
    )
    assert run.status == "finished"
    assert run.saliency() is None
    assert run.evaluation().latents.shape[1] == 8
    name = run.evaluation().sample_ids[0]
    with pytest.raises(InputError, match="trained on vectors"):
        gradcam_map(run.path, run.selected_epoch, name, "source")


@pytest.mark.parametrize("kind", ["fixed", "list", "declared"])
def test_a_parquet_column_of_vectors_is_read_exactly(tmp_path, kind):
    vectors, labels = write_vectors(tmp_path / "other")
    flat = pa.array(vectors.reshape(-1))
    column = (
        pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        if kind == "fixed"
        else pa.array(vectors.tolist(), pa.list_(pa.float32()))
    )
    name = "spectrum" if kind == "declared" else "embedding"
    (tmp_path / "set").mkdir()
    pq.write_table(
        pa.table({"id": [f"g{i}" for i in range(len(vectors))], name: column, "class": labels}),
        tmp_path / "set" / "part.parquet",
    )
    options = {"images": name} if kind == "declared" else {}
    found = read_galaxies(tmp_path / "set", label="class", **options)
    np.testing.assert_array_equal(np.asarray(found.images)[:, :, 0, 0], vectors)
    assert [found.classes[label] for label in found.labels] == [str(v) for v in labels]


def test_npy_vectors_are_images_of_one_pixel_and_labels_are_no_vectors(tmp_path):
    vectors, labels = write_vectors(tmp_path)
    found = read_galaxies(tmp_path / "x.npy")
    assert found.images.shape == (300, 6, 1, 1)
    np.testing.assert_array_equal(np.asarray(found.images)[:, :, 0, 0], vectors)
    np.testing.assert_array_equal(found.labels, labels)
    np.save(tmp_path / "one.npy", labels)
    np.save(tmp_path / "column.npy", labels[:, None])
    for name in ("one", "column"):
        with pytest.raises(InputError, match="labels' file"):
            read_galaxies(tmp_path / f"{name}.npy")


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 60, size=40)
    return folder


def test_embedding_gives_the_encoders_features_and_remembers_the_images(galaxies, tmp_path):
    made = embed(str(galaxies / "source"), tmp_path / "v", LITE, options={"resize": 64})
    source = GalaxySet.load(galaxies / "source")
    network = build_network(
        ModelConfig(LITE, {"latent": 0, "input": "unit", "resize": 64}), 3, 2, 40
    ).eval()
    seen = torch.from_numpy(ImageScale().apply(np.asarray(source.images)))
    with torch.no_grad():
        expected = network(seen).latents.numpy()
    np.testing.assert_allclose(np.asarray(made.images)[:, :, 0, 0], expected, rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(made.catalogue, source.catalogue)
    assert made.classes == source.classes
    from daexplore.data import describe

    ids = list(made.sample_ids[[5, 2]])
    pictures, bands = load_pictures(describe(made), "source", ids)
    np.testing.assert_array_equal(pictures, source.images[[5, 2]])
    assert bands == source.bands


def test_an_interrupted_embedding_resumes_to_the_same_bytes(galaxies, tmp_path, monkeypatch):
    import daexplore.engine.embed as module

    monkeypatch.setattr(module, "_CHUNK", 16)
    whole = embed(str(galaxies / "source"), tmp_path / "whole", "morphology")
    calls = []

    def stop(message):
        calls.append(message)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(str(galaxies / "source"), tmp_path / "parts", "morphology", report=stop)
    assert len(list((tmp_path / "parts").glob("vectors-*.npy"))) == 2
    with pytest.raises(InputError, match="not a galaxy set"):
        GalaxySet.load(tmp_path / "parts")
    again = embed(str(galaxies / "source"), tmp_path / "parts", "morphology")
    np.testing.assert_array_equal(np.asarray(again.images), np.asarray(whole.images))
    for name in sorted(path.name for path in (tmp_path / "whole").glob("*.npy")):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    with pytest.raises(InputError, match="made differently"):
        embed(str(galaxies / "target"), tmp_path / "parts", "morphology")
    with pytest.raises(InputError, match="something else"):
        embed(str(galaxies / "source"), galaxies, "morphology")


def test_latents_of_a_run_are_its_evaluations(galaxies, tmp_path):
    run = train(config(galaxies, "mmd", epochs=1), tmp_path / "runs")
    made = embed(str(galaxies / "target"), tmp_path / "v", run=run.path)
    evaluation = run.evaluation()
    rows = np.flatnonzero(evaluation.mask("target"))
    found = np.asarray(made.images)[made.rows(evaluation.sample_ids[rows]), :, 0, 0]
    np.testing.assert_allclose(found, evaluation.latents[rows], atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "either --network NAME or --run RUN"),
        (("--network", "deepmerge"), "no published weights"),
        (("--network", "vgg"), "Unknown network"),
        (("--network", "morphology", "--set", "train.epochs=3"), "data.source_read"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    galaxies, tmp_path, monkeypatch, capsys, words, message
):
    code, _, errors = call(
        monkeypatch, capsys, "embed", galaxies / "source", "--out", tmp_path / "v", *words
    )
    assert code == 2
    assert message in " ".join(errors.split())


def test_the_command_makes_a_set_that_trains(galaxies, tmp_path, monkeypatch, capsys):
    for domain in ("source", "target"):
        code, out, errors = call(
            monkeypatch,
            capsys,
            *("embed", galaxies / domain, "--network", "morphology", "--out", tmp_path / domain),
        )
        assert code == 0, errors
        assert "60 vectors of 16 numbers" in out
    code, out, errors = call(
        monkeypatch,
        capsys,
        *("train", "--source", tmp_path / "source", "--target", tmp_path / "target"),
        *("--network", "linear", "--epochs", 1, "--runs", tmp_path / "runs"),
    )
    assert code == 0, errors
    code, _, errors = call(
        monkeypatch,
        capsys,
        *("train", "--source", galaxies / "source", "--target", galaxies / "target"),
        *("--network", "linear", "--epochs", 1, "--runs", tmp_path / "runs"),
    )
    assert code == 2
    assert "daexplore embed" in errors
