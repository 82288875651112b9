"""Commands refuse a run whose images have changed, and leave the run unchanged."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_galaxies
from PIL import Image

from daexplore import Run
from daexplore.config import AlignmentConfig, DataConfig, ModelConfig, RunConfig, TrainConfig
from daexplore.data import open_described
from daexplore.data.galaxy_set import GalaxySet
from daexplore.engine.evaluate_run import evaluate_run
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.training.train import train
from daexplore.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose target spells its classes otherwise."""
    root = tmp_path_factory.mktemp("run")
    make_galaxies(root / "galaxies", 60, size=32)
    target = GalaxySet.load(root / "galaxies" / "target")
    spelled = dataclasses.replace(target, classes=tuple(name.title() for name in target.classes))
    spelled = dataclasses.replace(spelled, images=np.array(target.images))
    shutil.rmtree(root / "galaxies" / "target")
    spelled.save(root / "galaxies" / "target")
    config = RunConfig(
        DataConfig(str(root / "galaxies" / "source"), str(root / "galaxies" / "target")),
        ModelConfig("deepmerge"),
        (AlignmentConfig("mmd"),),
        TrainConfig(epochs=2, batch_size=8, saliency_limit=4),
    )
    return train(config, root / "runs").path


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, and of its images."""
    shutil.copytree(trained.parents[1], tmp_path / "all")
    path = tmp_path / "all" / "runs" / trained.name
    text = (path / "run.json").read_text()
    (path / "run.json").write_text(text.replace(str(trained.parents[1]), str(tmp_path / "all")))
    return path


def replaced(folder, n, noise):
    galaxies = GalaxySet.load(folder)
    images = np.array(galaxies.images)[:n] + np.float32(noise)
    other = dataclasses.replace(
        galaxies, images=images, catalogue=galaxies.catalogue.iloc[:n].reset_index(drop=True)
    )
    shutil.rmtree(folder)
    other.save(folder)


def target_of(run):
    return run.parents[1] / "galaxies" / "target"


def test_unchanged_images_open_as_before(run):
    for domain in ("source", "target"):
        open_described(Run(run).info["data"][domain])
    assert evaluate_run(run)
    info = Run(run).info["data"]["target"]
    assert len(info["image_fingerprint"]) == 16


@pytest.mark.parametrize(
    ("n", "noise", "message"), [(60, 0.5, "other images or other ids"), (50, 0, "50 galaxies, not")]
)
def test_whoever_opens_them_refuses(run, n, noise, message):
    replaced(target_of(run), n, noise)
    first = Run(run).samples.query("domain == 'target'").index[0]
    for use in (
        lambda: open_described(Run(run).info["data"]["target"]),
        lambda: evaluate_run(run),
        lambda: gradcam_map(str(run), 2, first, "target"),
    ):
        with pytest.raises(InputError, match=message):
            use()


@pytest.mark.parametrize("status", ["finished", "stopped"])
@pytest.mark.parametrize("change", ["replaced", "gone"])
def test_a_refused_resume_leaves_the_run_as_it_was(run, monkeypatch, capsys, status, change):
    about = run / "run.json"
    about.write_text(about.read_text().replace('"finished"', f'"{status}"'))
    if change == "replaced":
        replaced(target_of(run), 60, 1.0)
    else:
        target_of(run).rename(run.parents[1] / "elsewhere")
    before = about.read_bytes()
    code, _, told = call(monkeypatch, capsys, "train", "--resume", run)
    assert code == 2, told
    assert ("have changed since" if change == "replaced" else "target") in " ".join(told.split())
    assert about.read_bytes() == before


@pytest.mark.parametrize("command", ["evaluate", "robustness", "explain"])
def test_commands_say_so_and_end_with_2(run, monkeypatch, capsys, command):
    replaced(target_of(run), 60, 1.0)
    before = (run / "run.json").read_bytes()
    code, _, told = call(monkeypatch, capsys, command, run)
    assert code == 2, told
    assert "have changed since the run was made" in " ".join(told.split())
    assert (run / "run.json").read_bytes() == before


def test_a_folder_of_pictures_is_compared_too(tmp_path):
    for domain, seed in (("source", 0), ("target", 1)):
        folder = tmp_path / domain
        folder.mkdir()
        pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 32, 3), np.uint8)
        for row, image in enumerate(pixels):
            Image.fromarray(image).save(folder / f"{domain}{row}.png")
        table = {"filename": [f"{domain}{row}.png" for row in range(24)], "label": [0, 1] * 12}
        pd.DataFrame(table).to_csv(folder / "catalogue.csv", index=False)
    config = RunConfig(
        DataConfig(str(tmp_path / "source"), str(tmp_path / "target")),
        train=TrainConfig(epochs=1, batch_size=4, saliency_limit=2),
    )
    about = train(config, tmp_path / "runs").info["data"]["target"]
    open_described(about)
    Image.fromarray(255 - pixels[0]).save(tmp_path / "target" / "target0.png")
    with pytest.raises(InputError, match="other images or other ids"):
        open_described(about)
