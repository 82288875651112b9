"""Training from another run's network: what is taken over, what stays, what is refused, and an
exact resume without the old run.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from command import call
from factories import make_galaxies
from safetensors.numpy import load_file, save_file
from small_training import products

from daexplore.config import (
    AlignmentConfig,
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
    TransferConfig,
)
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.inference import load_network, network_outputs
from daexplore.engine.training.data import prepare_data
from daexplore.engine.training.setup import build_adapter
from daexplore.engine.training.train import train
from daexplore.engine.training.transfer import freeze, open_origin, parameter_groups
from daexplore.errors import InputError
from daexplore.runs import Run

EPOCHS = 3
FROZEN = "convolutions.0", "convolutions.1", "hidden.2"


def config(folder, method="mmd", transfer=None, model=None, data=None, **options):
    alignments = () if method == "noda" else (AlignmentConfig(method),)
    settings = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "evaluation_limit": 60,
        "saliency_limit": 10,
    } | options
    read = DataConfig(str(folder / "source"), str(folder / "target"), **(data or {}))
    return RunConfig(
        data=read,
        model=model or ModelConfig(),
        alignments=alignments,
        train=TrainConfig(**settings),
        transfer=transfer,
    )


def changed(folder, into, **fields):
    """The galaxies of a folder with other fields, in another folder."""
    for domain in ("source", "target"):
        galaxies = GalaxySet.load(folder / domain)
        dataclasses.replace(galaxies, images=1 + 3 * np.asarray(galaxies.images), **fields).save(
            into / domain
        )
    return into


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A trained run with settings of its own."""
    folder = tmp_path_factory.mktemp("old")
    make_galaxies(folder, 100)
    settings = config(
        folder,
        model=ModelConfig("deepmerge", {"hidden": [24, 12]}),
        data={"stretch": "asinh", "softening": 3.0},
    )
    return train(settings, folder / "runs")


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Other images: of another survey, brighter, with other bands, another pixel scale and another
    size.
    """
    folder = tmp_path_factory.mktemp("new")
    make_galaxies(folder / "made", 90, size=30)
    return changed(folder / "made", folder, bands=("g", "r", "i"), pixel_scale=0.4)


@pytest.fixture(scope="module")
def run(old, new, tmp_path_factory):
    """A run that started from the old one, with frozen layers and lower rates."""
    return train(
        config(new, "dann", TransferConfig(str(old.path), freeze=FROZEN, rate=0.1)),
        tmp_path_factory.mktemp("runs"),
    )


def weights(run, epoch=None):
    return load_file(run.path / "weights" / f"epoch-{epoch or run.selected_epoch:04d}.safetensors")


def learned(run, domain):
    """The recorded statistics of a domain's training images."""
    recorded = run.info["preprocessing"][domain]["steps"]
    return {
        name: value
        for step in recorded
        if step["step"] in ("asinh", "normalise")
        for name, value in step.items()
    }


def stopped(settings, runs, at):
    """A run whose training was interrupted at the first message of the epoch ``at``."""

    def report(progress):
        if progress.stage == "training" and progress.epoch == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, runs, report=report)
    (path,) = runs.glob("2*")
    return path


def test_before_the_first_step_the_network_is_the_old_run_s(old, new, tmp_path):
    path = stopped(config(new, "dann", TransferConfig(str(old.path))), tmp_path, at=1)
    begun = load_file(path / "resume" / "epoch-0000.safetensors")
    for name, tensor in weights(old).items():
        np.testing.assert_array_equal(begun[f"adapter.network.{name}"], tensor)


def test_before_the_first_step_outputs_are_the_old_network_s_on_images_treated_as_the_old_ones(
    old, new
):
    origin = open_origin(TransferConfig(str(old.path)))
    settings = origin.complete(config(new, transfer=origin.transfer))
    prepared = prepare_data(settings.data, 60, None, origin.preprocess)
    adapter = build_adapter(settings, prepared)
    origin.load(adapter.network, prepared)
    images = prepared.domains["target"].images
    found = network_outputs(adapter.network, images, np.arange(20), prepared.preprocess, "target")
    # By hand: 30 pixels cropped to the old 24 about their centre, the old stretch and the old
    # target's statistics.
    steps = learned(old, "target")
    scale, mean, std = (
        np.array(steps[name])[:, None, None] for name in ("noise_scale", "mean", "std")
    )
    flux = (np.arcsinh(images[:20, :, 3:27, 3:27] / (3.0 * scale)) - mean) / std
    with torch.inference_mode():
        expected = load_network(old)(torch.tensor(flux, dtype=torch.float32))
    np.testing.assert_allclose(found.logits, expected.logits.numpy(), rtol=1e-4, atol=1e-5)


def test_an_epoch_can_be_chosen(old, new):
    assert old.evaluated == [1, 2, 3]
    tensors = open_origin(TransferConfig(str(old.path), epoch=1)).tensors
    assert all(
        np.array_equal(tensors[name].numpy().ravel(), tensor.ravel())
        for name, tensor in weights(old, 1).items()
    )


def test_frozen_layers_end_as_they_began_and_the_others_do_not(old, run):
    before, after = weights(old), weights(run, EPOCHS)
    for name in before:
        still = np.array_equal(before[name], after[name])
        assert still == name.startswith(tuple(f"{part}." for part in FROZEN)), name


@pytest.mark.parametrize("batch_norm", ["mixed", "source"])
def test_a_frozen_batch_norm_stays_frozen_however_the_domains_pass(old, new, tmp_path, batch_norm):
    transfer = TransferConfig(str(old.path), freeze=("convolutions",))
    done = train(config(new, "mmd", transfer, batch_norm=batch_norm, epochs=1), tmp_path)
    before, after = weights(old), weights(done)
    for name in before:
        assert np.array_equal(before[name], after[name]) == name.startswith("convolutions."), name
    assert done.saliency() is not None


def test_frozen_batch_norm_normalises_by_its_running_statistics_in_training(old):
    network = load_network(old).train()
    freeze(network, TransferConfig("", freeze=("convolutions.1",)))
    network.train()
    frozen = network.get_submodule("convolutions.1")
    features = torch.randn(4, 8, 6, 6)
    shape = (1, -1, 1, 1)
    scale = frozen.weight.reshape(shape) / torch.sqrt(
        frozen.running_var.reshape(shape) + frozen.eps
    )
    expected = (features - frozen.running_mean.reshape(shape)) * scale + frozen.bias.reshape(shape)
    torch.testing.assert_close(frozen(features), expected)


def test_layers_taken_over_train_at_the_lower_rate_and_new_parts_at_the_full_one(old, new, run):
    transfer = TransferConfig(str(old.path), freeze=FROZEN, rate=0.1, head="new")
    settings = config(new, "dann", transfer, learning_rate=0.01)
    origin = open_origin(transfer)
    settings = origin.complete(settings)
    adapter = build_adapter(settings, prepare_data(settings.data, 60, None, origin.preprocess))
    freeze(adapter.network, transfer)
    first, second = parameter_groups(adapter, settings)
    names = {id(parameter): name for name, parameter in adapter.named_parameters()}
    fresh, taken = (
        {names[id(parameter)] for parameter in group["params"]} for group in (first, second)
    )
    assert (first["lr"], second["lr"]) == (0.01, pytest.approx(0.001))
    assert {"network.head.weight", "network.head.bias"} < fresh
    assert all(name.startswith(("network.head.", "alignments.0.")) for name in fresh)
    assert taken == {name for name in names.values() if name.startswith("network.")} - fresh - {
        f"network.{part}.{what}" for part in FROZEN for what in ("weight", "bias")
    }
    # And the schedule keeps the ratio: this is what the optimiser had after the last epoch of a
    # training.
    groups = json.loads((run.path / "resume" / f"epoch-{EPOCHS:04d}.json").read_text())["groups"]
    assert [group["max_lr"] for group in groups] == [pytest.approx(1.5e-3), pytest.approx(1.5e-4)]
    assert groups[1]["lr"] == pytest.approx(groups[0]["lr"] / 10)


def test_a_lower_rate_moves_the_weights_less(old, new, tmp_path):
    moved = []
    for rate in (1.0, 0.1):
        done = train(
            config(new, "noda", TransferConfig(str(old.path), rate=rate), epochs=1),
            tmp_path / str(rate),
        )
        moved.append(
            np.abs(weights(done)["hidden.2.weight"] - weights(old)["hidden.2.weight"]).mean()
        )
    assert 0 < moved[1] < 0.3 * moved[0]


def test_without_a_transfer_one_group_holds_every_parameter_in_order(new):
    settings = config(new, "dann")
    adapter = build_adapter(settings, prepare_data(settings.data, 60))
    (group,) = parameter_groups(adapter, settings)
    assert [id(parameter) for parameter in group["params"]] == [
        id(parameter) for parameter in adapter.parameters()
    ]
    assert group["lr"] == settings.train.learning_rate


def test_new_images_are_normalised_with_the_old_statistics(old, run):
    for domain in ("source", "target"):
        assert learned(run, domain) == learned(old, domain)
    assert Preprocess.from_dict(run.info["preprocessing"]).size == (24, 24)
    assert (run.config.data.stretch, run.config.data.softening, run.config.data.size) == (
        "asinh",
        3.0,
        24,
    )


def test_new_statistics_on_request(old, new, tmp_path):
    transfer = TransferConfig(str(old.path), preprocessing="fit")
    done = train(config(new, "noda", transfer, epochs=1), tmp_path)
    assert learned(done, "source")["mean"] != learned(old, "source")["mean"]
    assert Preprocess.from_dict(done.info["preprocessing"]).size == (24, 24)


def test_the_run_says_where_it_comes_from(old, run):
    import hashlib

    said = run.info["transfer"]
    file = old.path / "weights" / f"epoch-{old.selected_epoch:04d}.safetensors"
    assert (said["run"], said["epoch"], said["config_hash"]) == (
        old.id,
        old.selected_epoch,
        old.info["config_hash"],
    )
    assert said["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert said["bands"][1] == {"run": "F356W", "new": "r"}
    assert run.label == "DANN + transfer · seed 0"
    assert run.config.model == old.config.model
    assert "transfer" not in old.info


@pytest.mark.parametrize("at", [1, 2])
def test_a_resume_is_exact_though_the_old_run_is_gone(old, new, run, tmp_path, at):
    copy = tmp_path / "copy"
    shutil.copytree(old.path, copy)
    path = stopped(
        config(new, "dann", TransferConfig(str(copy), freeze=FROZEN, rate=0.1)),
        tmp_path / "runs",
        at,
    )
    shutil.rmtree(copy)
    assert products(train(None, resume=path).path) == products(run.path)


def test_other_classes_need_a_new_head_and_get_one(old, tmp_path):
    make_galaxies(tmp_path, 90, classes=("elliptical", "spiral", "merger"))
    with pytest.raises(
        InputError,
        match=r"the classes non-merger, merger and .* elliptical, spiral, merger\. .* --new-head",
    ):
        train(config(tmp_path, transfer=TransferConfig(str(old.path))), tmp_path / "runs")
    done = train(
        config(tmp_path, transfer=TransferConfig(str(old.path), head="new"), epochs=1),
        tmp_path / "runs",
    )
    assert done.evaluation().logits.shape[1] == 3
    begun, taken = weights(done), weights(old)
    assert begun["head.weight"].shape == (3, 12)
    assert begun["hidden.2.weight"].shape == taken["hidden.2.weight"].shape


def test_classes_in_another_order_are_matched_by_name(old, new, tmp_path):
    for domain in ("source", "target"):
        galaxies = GalaxySet.load(new / domain)
        labels = galaxies.catalogue.assign(label=1 - galaxies.catalogue["label"])
        dataclasses.replace(galaxies, catalogue=labels, classes=galaxies.classes[::-1]).save(
            tmp_path / domain
        )
    path = stopped(
        config(tmp_path, transfer=TransferConfig(str(old.path))), tmp_path / "runs", at=1
    )
    begun = load_file(path / "resume" / "epoch-0000.safetensors")
    np.testing.assert_array_equal(
        begun["adapter.network.head.weight"], weights(old)["head.weight"][::-1]
    )
    np.testing.assert_array_equal(
        begun["adapter.network.head.bias"], weights(old)["head.bias"][::-1]
    )


def copy_of(old, place, change=lambda path: None):
    """The old run elsewhere, with something done to it."""
    shutil.copytree(old.path, place)
    change(place)
    return str(place)


def truncate(path):
    for file in path.glob("weights/*"):
        file.write_bytes(file.read_bytes()[:100])


def diverge(path):
    for file in path.glob("weights/*"):
        save_file(
            {
                name: np.full_like(tensor, np.nan) if tensor.dtype.kind == "f" else tensor
                for name, tensor in load_file(file).items()
            },
            file,
        )


def unpicklable(path):
    for file in path.glob("weights/*"):
        torch.save({"head.weight": torch.zeros(2, 12)}, file)


def lose(path):
    shutil.rmtree(path / "weights")


REFUSED = {
    "no such run": ({"run": "nowhere"}, {}, r"nowhere/run\.json is missing"),
    "no such epoch": ({"epoch": 99}, {}, "no weights of epoch 99"),
    "unknown layer": (
        {"freeze": ("encoder.0",)},
        {},
        r"no part 'encoder\.0' .* convolutions\.0, convolutions\.1, .* hidden\.2, .* head",
    ),
    "layer without weights": ({"freeze": ("convolutions.2",)}, {}, r"no part 'convolutions\.2'"),
    "half a name": ({"freeze": ("convol",)}, {}, "no part 'convol'"),
    "everything frozen": (
        {"freeze": ("convolutions", "hidden", "head")},
        {},
        "nothing is left to train",
    ),
    "a frozen new head": (
        {"freeze": ("head",), "head": "new"},
        {},
        "cannot be both new and frozen",
    ),
    "rate of zero": ({"rate": 0.0}, {}, "positive factor, got 0.0"),
    "other network": (
        {},
        {"model": ModelConfig("resnet18")},
        "network deepmerge and the new training asks for resnet18",
    ),
    "other layers": (
        {},
        {"model": ModelConfig("deepmerge", {"hidden": [20, 12]})},
        r"hidden\.2\.weight .* \(24, 288\).* \(20, 288\)",
    ),
    "other size": (
        {"preprocessing": "fit"},
        {"data": {"size": 16}},
        r"images of 24 pixels.*images of 16 pixels",
    ),
    "other preprocessing": (
        {},
        {"data": {"stretch": "percentile"}},
        "data.stretch='percentile'.* 'asinh'.*--fit-preprocessing",
    ),
    "other pixels": ({}, {"data": {"size": 20}}, "data.size=20"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_a_run_is_made(old, new, tmp_path, name):
    transfer, settings, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        train(
            config(new, transfer=TransferConfig(**({"run": str(old.path)} | transfer)), **settings),
            tmp_path,
        )
    assert not list(tmp_path.glob("2*"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "cannot be read"),
        (unpicklable, "cannot be read"),
        (lose, "no weights of epoch"),
        (diverge, "not finite at epoch"),
    ],
)
def test_damaged_weights_are_refused(old, new, tmp_path, damage, message):
    place = copy_of(old, tmp_path / "copy", damage)
    with pytest.raises(InputError, match=message):
        train(config(new, transfer=TransferConfig(place)), tmp_path / "runs")


@pytest.mark.parametrize("preprocessing", ["run", "fit"])
def test_another_number_of_bands_is_refused(old, new, tmp_path, preprocessing):
    for domain in ("source", "target"):
        galaxies = GalaxySet.load(new / domain)
        dataclasses.replace(galaxies, images=galaxies.images[:, :2], bands=("g", "r")).save(
            tmp_path / domain
        )
    with pytest.raises(
        InputError, match=r"3 bands \(F814W, F356W, F160W\) .* 2 \(g, r\).*data\.bands"
    ):
        train(
            config(tmp_path, transfer=TransferConfig(str(old.path), preprocessing=preprocessing)),
            tmp_path / "runs",
        )


def test_the_same_bands_in_another_order_go_to_their_own_places(old, new, tmp_path):
    order = [0, 2, 1]
    for domain in ("source", "target"):
        galaxies = GalaxySet.load(new / domain)
        bands = tuple(old.info["data"]["source"]["bands"][band] for band in order)
        dataclasses.replace(galaxies, images=galaxies.images[:, order], bands=bands).save(
            tmp_path / domain
        )
    done = train(
        config(tmp_path, "noda", TransferConfig(str(old.path)), epochs=1), tmp_path / "runs"
    )
    same = train(config(new, "noda", TransferConfig(str(old.path)), epochs=1), tmp_path / "runs")
    np.testing.assert_array_equal(done.evaluation().logits, same.evaluation().logits)
    assert all(pair["run"] == pair["new"] for pair in done.info["transfer"]["bands"])
    with pytest.raises(
        InputError, match=r'another order: .*data\.bands=\["F814W","F356W","F160W"\]'
    ):
        train(
            config(tmp_path, transfer=TransferConfig(str(old.path), preprocessing="fit")),
            tmp_path / "runs",
        )


def test_a_run_that_never_ended_an_epoch_is_refused(old, new, tmp_path):
    path = stopped(config(new, "noda"), tmp_path, at=1)
    with pytest.raises(InputError, match="has not ended its first epoch"):
        train(config(new, transfer=TransferConfig(str(path))), tmp_path)


def command(new, runs, *options):
    return [
        "train",
        "--source",
        new / "source",
        "--target",
        new / "target",
        "--runs",
        runs,
        "--epochs",
        "1",
        *options,
    ]


def test_from_the_command_line(monkeypatch, capsys, old, new, tmp_path):
    few = ["--set", "train.batch_size=16", "--class-balance", "none"]
    options = [
        "--method",
        "mmd",
        "--init-from",
        old.path,
        "--freeze",
        "convolutions.0, convolutions.1",
        "--rate",
        "0.1",
        *few,
    ]
    code, out, _ = call(monkeypatch, capsys, *command(new, tmp_path, *options))
    assert code == 0
    assert f"started from {old.id}, epoch {old.selected_epoch}" in out
    assert "g in the place of F814W" in out
    (path,) = tmp_path.glob("2*")
    transfer = TransferConfig(
        str(old.path), None, "run", ("convolutions.0", "convolutions.1"), 0.1, "keep"
    )
    assert Run(path).config.transfer == transfer
    assert Run(path).config.model == old.config.model
    code, out, _ = call(monkeypatch, capsys, "compare", old.path, path)
    assert code == 0
    assert "MMD + transfer · seed 0" in out
    assert "transfer.rate" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--freeze", "head"], "--freeze says how .* --init-from RUN"),
        (["--new-head"], "--new-head says how"),
        (["--fit-preprocessing"], "--fit-preprocessing says how"),
        (
            ["--init-from", "OLD", "--network", "resnet18"],
            "--network resnet18 and --init-from contradict",
        ),
        (["--init-from", "OLD", "--freeze", "encoder.0"], "no part 'encoder.0'"),
        (["--init-from", "nowhere"], r"run\.json is missing"),
        (["--class-balance", "much"], "class_balance.*'none', 'weights', 'batches'"),
    ],
)
def test_wrong_options_exit_with_2(monkeypatch, capsys, old, new, tmp_path, options, message):
    import re

    given = [old.path if option == "OLD" else option for option in options]
    code, _, err = call(monkeypatch, capsys, *command(new, tmp_path, *given))
    assert code == 2
    assert re.search(message, err)
    assert "Traceback" not in err
    assert not list(tmp_path.glob("2*"))


@pytest.mark.slow
def test_two_processes_freeze_alike(old, new, tmp_path):
    options = [
        "--source",
        str(new / "source"),
        "--target",
        str(new / "target"),
        "--method",
        "dann",
        "--epochs",
        "2",
        "--runs",
        str(tmp_path),
    ]
    options += [
        "--init-from",
        str(old.path),
        "--freeze",
        ",".join(FROZEN),
        "--rate",
        "0.1",
        "--set",
        "train.batch_size=16",
    ]
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "daexplore",
        "train",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (Path(path) for path in tmp_path.glob("2*"))
    before, after = weights(old), weights(Run(path), 2)
    for name in before:
        assert np.array_equal(before[name], after[name]) == name.startswith(
            tuple(f"{part}." for part in FROZEN)
        ), name
