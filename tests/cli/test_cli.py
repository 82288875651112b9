"""The command line: what it does, and what it says when it cannot."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_galaxies, make_run
from PIL import Image

from daexplore.cli.shared.options import run_config, seeds
from daexplore.config import AlignmentConfig
from daexplore.errors import InputError


@pytest.mark.parametrize(
    "command", [(), ("simulate",), ("train",), ("evaluate",), ("compare",), ("explore",)]
)
def test_help(monkeypatch, capsys, command):
    code, out, _ = call(monkeypatch, capsys, *command, "--help")
    assert code == 0
    assert "Usage" in out


def test_help_does_not_import_torch():
    script = (
        "import sys; from daexplore.cli import app; import daexplore.cli.app; assert 'torch' not in"
        " sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("text", "expected"), [("3", [3]), ("0..2", [0, 1, 2]), ("0,3,5", [0, 3, 5])]
)
def test_seeds(text, expected):
    assert seeds(text) == expected


@pytest.mark.parametrize("text", ["x", "2..0", "-1", ""])
def test_wrong_seeds(text):
    with pytest.raises(InputError, match="--seed must be"):
        seeds(text)


def options(**given):
    defaults = dict.fromkeys(
        ("data", "source", "target", "label", "weight", "epochs", "limit", "network")
    ) | {
        "method": "noda",
        "settings": [],
    }
    return run_config(**(defaults | given))


def test_options_become_a_config():
    config = options(
        data="demo",
        method="mmd,dann",
        weight=0.5,
        epochs=3,
        settings=["alignments.dann.options.reversal=1", "train.augment=false"],
    )
    assert config.data.source == config.data.target == "demo"
    assert config.alignments == (
        AlignmentConfig("mmd", 0.5),
        AlignmentConfig("dann", 0.5, {"reversal": 1}),
    )
    assert (config.train.epochs, config.train.augment) == (3, False)


def test_settings_that_are_unset_by_default_can_be_given():
    given = [
        'data.source_read.bands=["g","r","i"]',
        "data.target_read.zero_points=[22.5,22.5,22.5]",
        "data.target_read.pixel_scale=0.4",
    ]
    config = options(source="a", target="b", settings=given, class_balance="weights")
    assert config.data.source_read.bands == ("g", "r", "i")
    assert (config.data.target_read.zero_points, config.data.target_read.pixel_scale) == (
        (22.5, 22.5, 22.5),
        0.4,
    )
    assert config.data.target_read.bands is None
    assert config.train.class_balance == "weights"


@pytest.mark.parametrize("command", ["train", "simulate"])
def test_help_names_every_preset(monkeypatch, capsys, command):
    from daexplore.data.simulate import PRESETS

    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = call(monkeypatch, capsys, command, "--help")
    assert [name for name in PRESETS if name not in out] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "a"}, "go together"),
        ({"data": "demo", "source": "a", "target": "b"}, "not both"),
        ({"data": "nowhere"}, "neither"),
        ({"settings": ["train.epoch=3"]}, "no setting 'train.epoch'; there are epochs"),
        ({"settings": ["train.epochs"]}, "needs name=value"),
        ({"settings": ["train.epochs=many"]}, "expected int, got 'many'"),
        (
            {"settings": ["data.source_read.band=1"]},
            "no setting 'data.source_read.band'; there are name, label",
        ),
        (
            {"settings": ["data.source_read.bands=g"]},
            r"source_read.bands: expected a list such as \[",
        ),
        ({"settings": ["transfer.rate=0.1"]}, "'transfer' is not set at all"),
        ({"method": "noda,mmd"}, "noda, oracle, or one or more"),
        ({"method": "mmd,mmd"}, "twice"),
    ],
)
def test_contradictory_options(given, message):
    with pytest.raises(InputError, match=message):
        options(**given)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    make_galaxies(folder, 60)
    return folder


def folder_of_images(folder, labels, sizes=None):
    folder.mkdir()
    names = [f"{i}.png" for i in range(len(labels))]
    for i, name in enumerate(names):
        size = sizes[i] if sizes else 20
        Image.fromarray(
            np.random.default_rng(i).integers(0, 255, (size, size, 3), dtype=np.uint8)
        ).save(folder / name)
    pd.DataFrame({"filename": names, "label": labels}).to_csv(folder / "catalogue.csv", index=False)
    return folder


def npy_pair(folder, images, labels):
    np.save(folder / "Mine_X_a.npy", images)
    np.save(folder / "Mine_y_a.npy", labels)
    return folder / "Mine_X_a.npy"


def bad_sources(tmp_path):
    """A bad source by name, with what its message must say."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 3, 20, 20)).astype(np.float32)
    labels = np.arange(40) % 2
    broken = images.copy()
    broken[3, 0, 0, 0] = np.nan
    infinite = images.copy()
    infinite[5] = np.inf
    places = {name: tmp_path / name for name in ("shape", "nan", "inf", "length", "oneclass_npy")}
    for place in places.values():
        place.mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "catalogue.csv").write_text("filename,label\n")
    return {
        "missing file": (tmp_path / "nothing.npy", "nothing"),
        "wrong shape": (npy_pair(places["shape"], images[:, 0], labels), "shape"),
        "NaN": (npy_pair(places["nan"], broken, labels), "NaN"),
        "infinite": (npy_pair(places["inf"], infinite, labels), "infinite"),
        "labels of another length": (npy_pair(places["length"], images, labels[:-3]), "37"),
        "one class": (
            npy_pair(places["oneclass_npy"], images, np.ones(40)),
            "at least two classes",
        ),
        "one class in a folder": (
            folder_of_images(tmp_path / "one", ["spiral"] * 30),
            "at least two classes",
        ),
        "images of two sizes": (
            folder_of_images(tmp_path / "sizes", ["a", "b"] * 15, [20] * 29 + [24]),
            "size",
        ),
        "empty catalogue": (empty, "catalogue"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "missing file",
        "wrong shape",
        "NaN",
        "infinite",
        "labels of another length",
        "one class",
        "one class in a folder",
        "images of two sizes",
        "empty catalogue",
    ],
)
def test_bad_input_is_explained_and_exits_with_2(monkeypatch, capsys, tmp_path, good, name):
    source, said = bad_sources(tmp_path)[name]
    # The good target has bands of other names.
    options = [
        "--target",
        good / "target",
        "--set",
        "data.match_bands=position",
        "--runs",
        tmp_path / "runs",
    ]
    code, _, err = call(monkeypatch, capsys, "train", "--source", source, *options)
    assert code == 2
    assert said.lower() in err.lower()
    assert "Traceback" not in err
    assert not list((tmp_path / "runs").glob("2*"))


@pytest.mark.parametrize("method", ["magic", "no.such.package:Method"])
def test_unknown_method(monkeypatch, capsys, tmp_path, good, method):
    code, _, err = call(
        monkeypatch,
        capsys,
        "train",
        "--source",
        good / "source",
        "--target",
        good / "target",
        "--method",
        method,
        "--runs",
        tmp_path,
    )
    assert code == 2
    assert method in err


def test_unwritable_run_folder(monkeypatch, capsys, tmp_path, good):
    (tmp_path / "file").write_text("not a folder")
    code, _, err = call(
        monkeypatch,
        capsys,
        "train",
        "--source",
        good / "source",
        "--target",
        good / "target",
        "--runs",
        tmp_path / "file" / "runs",
    )
    assert code == 2
    assert "cannot be written" in err


def test_wrong_options_exit_with_2(monkeypatch, capsys):
    code, _, err = call(monkeypatch, capsys, "train", "--colour", "blue")
    assert code == 2
    assert "--colour" in err


def test_a_fault_of_ours_exits_with_1_and_leaves_its_traceback_in_a_file(
    monkeypatch, capsys, tmp_path
):
    def broken(*given):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("daexplore.runs.store.find_runs", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = call(monkeypatch, capsys, "compare", tmp_path)
    assert code == 1
    assert "ZeroDivisionError: inside" in err
    assert "Traceback" not in err
    (log,) = tmp_path.glob("daexplore-*.log")
    assert "Traceback" in log.read_text()


def test_compare_in_every_format(monkeypatch, capsys, tmp_path):
    for method in ("noda", "mmd"):
        make_run(tmp_path, method)
    code, out, _ = call(monkeypatch, capsys, "compare", tmp_path)
    assert code == 0
    assert "oracle" in out
    assert "alignments.mmd.weight" in out
    code, out, _ = call(monkeypatch, capsys, "compare", tmp_path, "--format", "json")
    rows = pd.DataFrame(json.loads(out))
    assert set(rows["domain"]) == {"source", "target"}
    assert rows[rows["domain"] == "target"]["oracle"].all()
    code, out, _ = call(monkeypatch, capsys, "compare", tmp_path, "--format", "csv")
    assert len(out.splitlines()) == len(rows) + 1
    code, _, err = call(monkeypatch, capsys, "compare", tmp_path, "--format", "xml")
    assert code == 2
    assert "xml" in err


def test_compare_nothing(monkeypatch, capsys, tmp_path):
    code, _, err = call(monkeypatch, capsys, "compare", tmp_path)
    assert code == 2
    assert "no runs" in err


@pytest.mark.slow
def test_simulate_writes_both_domains_and_their_contact_sheets(tmp_path):
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "simulate",
        "--preset",
        "demo",
        "--n",
        "8",
        "--out",
        str(tmp_path),
        "--workers",
        "1",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DAEXPLORE_CACHE": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert {"source", "target", "source.png", "target.png"} <= {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.slow
def test_train_evaluate_and_compare_end_with_tables(tmp_path, good):
    def daexplore(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "daexplore", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    done = daexplore(
        "train",
        "--data",
        good,
        "--runs",
        tmp_path,
        "--epochs",
        "1",
        "--seed",
        "0..1",
        "--method",
        "mmd",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("oracle") >= 2
    assert "MMD · seed 1" in done.stdout
    run = sorted(tmp_path.glob("2*"))[0]
    done = daexplore("evaluate", run)
    assert done.returncode == 0, done.stderr
    assert "[" in done.stdout


def test_the_help_of_train_names_every_method(monkeypatch, capsys):
    from daexplore.alignment import METHODS

    _, out, _ = call(monkeypatch, capsys, "train", "--help")
    assert {"noda", "adabn", "oracle", *METHODS} <= set(re.findall(r"[a-z]+", out))


@pytest.mark.parametrize(("network", "told"), [("linear", True), ("mlp", False)])
def test_a_network_without_an_encoder_is_told_to_align_nothing(tmp_path, capsys, network, told):
    from daexplore.cli.shared.output import print_runs
    from daexplore.config import AlignmentConfig, ModelConfig, RunConfig

    config = RunConfig(model=ModelConfig(network), alignments=(AlignmentConfig("mmd"),))
    run = make_run(tmp_path, "mmd", config=config)
    print_runs([run])
    assert ("has no encoder" in capsys.readouterr().out) == told
