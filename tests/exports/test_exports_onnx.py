"""A run's network as ONNX: onnxruntime gives the run's own numbers from images as they come."""

import json
import logging
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import EXAMPLES, example
from safetensors.torch import save_file

from daexplore.data import load_images
from daexplore.data.preprocessing.pipeline import DomainSteps, Preprocess
from daexplore.data.preprocessing.steps import (
    Asinh,
    Background,
    Crop,
    Normalise,
    Percentile,
    PsfMatch,
    Resample,
    SelectBands,
    Units,
)
from daexplore.engine.inference import load_network
from daexplore.errors import InputError
from daexplore.exports import to_onnx
from daexplore.exports.common import quiet
from daexplore.exports.onnx import model as onnx_model
from daexplore.exports.onnx.steps import TorchSteps
from daexplore.runs import Run

STEPS = {
    "bands": SelectBands((2, 0, 1)),
    "units": Units((2.0, 0.5, 3.631)),
    "background": Background(3),
    "background of all pixels": Background(20, rounds=0),
    "psf": PsfMatch((0.0, 0.7, 1.9)),
    "finer pixels": Resample(0.8),
    "coarser pixels": Resample(1.7),
    "crop": Crop((17, 16)),
    "pad": Crop((31, 30)),
    "crop and pad": Crop((16, 31)),
    "asinh": Asinh(4.0, (0.1, 0.2, 0.05)),
    "percentile": Percentile((-0.2, 0.0, 1.0), (1.0, 2.0, 1.0)),
    "normalise": Normalise((0.5, -0.1, 3.0), (2.0, 0.3, 1.0)),
}


def pictures(n=5, size=(24, 25)):
    """Noise with a sky, a few outliers, and one image that is constant."""
    images = np.random.default_rng(1).normal(0.4, 1.0, (n, 3, *size))
    images[0, 0, :2] += 40
    images[1] = 0.25
    return images.astype(np.float32)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_in_torch_gives_what_it_gives_in_numpy(name):
    images = pictures()
    expected = STEPS[name].apply(images)
    found = TorchSteps(DomainSteps(("a", "b", "c"), (STEPS[name],)), (24, 25))(
        torch.from_numpy(images)
    ).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def whole_model(steps, size, tmp_path):
    module = TorchSteps(DomainSteps(("a", "b", "c"), steps), size).eval()
    with quiet(logging.ERROR, "torch.onnx"), torch.no_grad():
        example = torch.from_numpy(pictures(2, size))
        shapes = ({0: torch.export.Dim("batch")},)
        names = {"input_names": ["images"], "output_names": ["prepared"]}
        torch.onnx.export(
            module,
            (example,),
            tmp_path / "steps.onnx",
            dynamo=True,
            dynamic_shapes=shapes,
            verbose=False,
            **names,
        )
    return onnxruntime.InferenceSession(
        str(tmp_path / "steps.onnx"), providers=["CPUExecutionProvider"]
    )


@pytest.mark.slow
def test_onnxruntime_takes_all_steps_one_after_the_other(tmp_path):
    names = ("bands", "units", "background", "psf", "coarser pixels", "crop", "asinh", "normalise")
    steps = DomainSteps(("a", "b", "c"), tuple(STEPS[name] for name in names))
    session = whole_model(steps.steps, (40, 40), tmp_path)
    for n in (1, 2, 7):
        images = pictures(max(n, 2), (40, 40))[:n]
        (found,) = session.run(None, {"images": images})
        np.testing.assert_allclose(found, steps.apply(images), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A packaged run, and its model."""
    root = tmp_path_factory.mktemp("onnx")
    run = example(root)
    return run, to_onnx(run, root / "model.onnx", check=16)


@pytest.mark.slow
def test_onnxruntime_gives_the_stored_outputs_of_held_out_galaxies(exported):
    run, done = exported
    found = run.evaluation()
    rows = np.flatnonzero(found.mask("target", "test"))[:24]
    images = load_images(run.info["data"]["target"], "target", found.sample_ids[rows].tolist())[0]
    session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
    logits, latent = session.run(["logits", "latent"], {"images": images})
    np.testing.assert_allclose(logits, found.logits[rows], atol=2e-3)
    np.testing.assert_allclose(latent, found.latents[rows], atol=2e-3)
    assert (logits.argmax(axis=1) == found.predicted[rows]).mean() > 0.95
    # The head is part of the model: one is linear in the other.
    weight, bias = run.head()
    np.testing.assert_allclose(logits, latent @ weight.T + bias, atol=1e-4)
    assert session.run(["logits"], {"images": images[:1]})[0].shape == (1, 2)


@pytest.mark.slow
def test_the_difference_from_torch_is_measured_and_told(exported):
    run, done = exported
    assert (done.images, done.on, done.shape, done.domain) == (
        16,
        "held-out target images",
        (3, 75, 75),
        "target",
    )
    assert 0 <= done.difference["logits"] < 1e-4
    assert 0 <= done.difference["latent"] < 1e-4
    model = onnx.load(done.path)
    about = {
        entry.key.removeprefix("daexplore."): entry.value
        for entry in model.metadata_props
        if entry.key.startswith("daexplore.")
    }
    assert about["run"] == run.id
    assert json.loads(about["classes"]) == ["non-merger", "merger"]
    assert json.loads(about["bands"]) == ["F814W", "F356W", "F160W"]
    assert json.loads(about["checked"])["largest_difference"] == done.difference
    assert [graph.name for graph in model.graph.input] == ["images"]
    batch, *rest = model.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param == "batch"
    assert [dim.dim_value for dim in rest] == [3, 75, 75]
    assert [path.name for path in done.path.parent.iterdir() if path.is_file()] == ["model.onnx"]


@pytest.mark.slow
def test_domains_with_batch_norms_of_their_own_give_different_models(tmp_path):
    run = example(tmp_path)
    info = json.loads((run.path / "run.json").read_text())
    info["config"]["train"]["batch_norm"] = "separate"
    info["data"]["target"]["simulated"] = info["data"]["source"]["simulated"] = None
    (run.path / "run.json").write_text(json.dumps(info))
    from daexplore.models import build_network

    network = build_network(Run(run.path).config.model, 3, 2, 75, "separate")
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            if name.endswith("target_mean"):
                buffer += 0.3
    save_file(
        network.state_dict(), run.path / "weights" / f"epoch-{run.selected_epoch:04d}.safetensors"
    )
    run = Run(run.path)
    preprocess, network = Preprocess.from_dict(run.info["preprocessing"]), load_network(run)
    images = np.random.default_rng(0).normal(size=(3, 3, 75, 75)).astype(np.float32)
    answers = {}
    for domain in ("source", "target"):
        done = to_onnx(run, tmp_path / f"{domain}.onnx", domain=domain, check=4)
        assert done.on.startswith("made-up images")
        session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
        answers[domain] = session.run(["logits"], {"images": images})[0]
        from daexplore.engine.inference import network_outputs

        expected = network_outputs(network, images, np.arange(3), preprocess, domain).logits
        np.testing.assert_allclose(answers[domain], expected, atol=1e-4)
    assert np.abs(answers["source"] - answers["target"]).max() > 1e-3


def test_a_model_that_disagrees_is_not_written(tmp_path, monkeypatch):
    run = example(tmp_path)
    images = np.zeros((1, 3, 75, 75), np.float32)
    monkeypatch.setattr(onnx_model, "_checked_on", lambda *given: (images, "nothing"))
    monkeypatch.setattr(onnx_model, "_write", lambda *given: given[-1].write_bytes(b"a model"))

    class Session:
        def __init__(self, *given, **more): ...

        def run(self, *given):
            return np.full((1, 2), 99.0), np.zeros((1, 32))

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    with pytest.raises(RuntimeError, match="differs from torch by"):
        to_onnx(run, tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx*"))


@pytest.mark.parametrize("library", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_library_is_named(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        InputError,
        match=rf"needs the package {library}.*pip install {library}\b.*daexplore\[exports\]",
    ):
        to_onnx(EXAMPLES, tmp_path / "model.onnx")


def test_what_cannot_be_exported_is_said(tmp_path):
    run = example(tmp_path)
    with pytest.raises(InputError, match="source or target"):
        to_onnx(run, tmp_path / "model.onnx", domain="both")
    with pytest.raises(InputError, match="at least one image"):
        to_onnx(run, tmp_path / "model.onnx", check=0)
    # A packaged run keeps the network of its selected epoch only.
    with pytest.raises(InputError, match="smaller copy"):
        to_onnx(run, tmp_path / "model.onnx", epoch=1)
    weights = run.path / "weights" / f"epoch-{run.selected_epoch:04d}.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read"):
        to_onnx(run, tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_text("another model")
    with pytest.raises(InputError, match="--overwrite"):
        to_onnx(run, tmp_path / "model.onnx")


def test_without_images_a_resampling_model_has_no_size(tmp_path):
    run = example(tmp_path)
    info = json.loads((run.path / "run.json").read_text())
    info["data"]["target"]["simulated"] = None
    info["preprocessing"]["target"]["steps"].insert(0, {"step": "resample", "ratio": 1.5})
    (run.path / "run.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="size of the images that the model takes cannot be known"):
        to_onnx(Run(run.path), tmp_path / "model.onnx")
