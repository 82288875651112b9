"""A survey that does not fit the run's target is said loudly, in what, and what would help."""

import dataclasses

import numpy as np
import pytest
from command import call
from factories import make_galaxies

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data import GalaxySet
from daexplore.engine.prediction.predict import predict
from daexplore.engine.training.train import train

pytestmark = pytest.mark.slow
N = 160


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    for galaxies in make_galaxies(folder, N):
        with_unit(galaxies, 1.0).save(folder / galaxies.name)
    return folder


def with_unit(galaxies, unit):
    flux = (unit,) * len(galaxies.bands)
    return dataclasses.replace(galaxies, flux_scale=flux, images=np.array(galaxies.images))


def trained(place, **data):
    config = RunConfig(
        DataConfig(str(place / "source"), str(place / "target"), fractions=(0.4, 0.3, 0.3), **data),
        alignments=(AlignmentConfig("mmd"),),
        train=TrainConfig(epochs=2, batch_size=16, saliency_limit=2),
    )
    return train(config, place / "runs").path


@pytest.fixture(scope="module")
def run(place):
    return trained(place)


def survey(place, tmp_path, change):
    galaxies = GalaxySet.load(place / "target")
    other = change(dataclasses.replace(galaxies, images=np.array(galaxies.images)))
    ids = [f"survey/{row}" for row in range(len(other))]
    catalogue = other.catalogue.assign(sample_id=ids)
    other = dataclasses.replace(other, catalogue=catalogue, name="survey")
    other.save(tmp_path / "survey")
    return str(tmp_path / "survey")


def told(run, data, tmp_path):
    done = predict([run], data, tmp_path / "out.parquet")
    return done, " ".join(done.notes)


def test_a_survey_like_the_target_has_no_warning(place, run, tmp_path):
    done, notes = told(run, survey(place, tmp_path, lambda galaxies: galaxies), tmp_path)
    assert "Warning" not in notes
    assert f"{done.untypical} of {N} images" in notes
    assert "of the run's own held-out target" in notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda galaxies: dataclasses.replace(galaxies, pixel_scale=0.12),
            "a pixel of the survey is 0.12 arcsec wide, one of the run's target was 0.06",
        ),
        (lambda galaxies: dataclasses.replace(galaxies, pixel_scale=None), "scale is unknown"),
        (lambda galaxies: with_unit(galaxies, 1000.0), "one unit of the survey's pixels is"),
        (
            lambda galaxies: dataclasses.replace(galaxies, images=galaxies.images * 5),
            "Unit, background or depth differ",
        ),
        (
            lambda galaxies: dataclasses.replace(galaxies, images=galaxies.images + 3),
            "Unit, background or depth differ",
        ),
    ],
    ids=["pixel scale", "no pixel scale", "unit", "brighter", "background"],
)
def test_what_differs_from_the_runs_target_is_said(place, run, tmp_path, change, message):
    assert message in told(run, survey(place, tmp_path, change), tmp_path)[1]


def test_galaxies_unlike_anything_seen_are_counted_loudly(
    place, run, tmp_path, monkeypatch, capsys
):
    def noise(galaxies):
        images = np.random.default_rng(0).normal(0, 20, galaxies.images.shape).astype(np.float32)
        return dataclasses.replace(galaxies, images=images)

    data = survey(place, tmp_path, noise)
    out = tmp_path / "out.fits"
    code, shown, _ = call(
        monkeypatch, capsys, "predict", "--run", run, "--data", data, "--out", out
    )
    assert code == 0
    words = " ".join(shown.split())
    done = predict([run], data, tmp_path / "again.parquet")
    assert done.untypical is not None
    assert done.untypical > 0.5 * N
    assert f"Warning: {done.untypical} of {N} images" in words
    assert "daexplore train --source SOURCE --target SURVEY --method mmd" in words


def test_the_setting_that_is_recommended_is_accepted(place, tmp_path, monkeypatch, capsys):
    run = trained(place, units="nanojansky", pixel_scale=0.06)
    nothing = survey(
        place,
        tmp_path,
        lambda galaxies: dataclasses.replace(galaxies, flux_scale=None, pixel_scale=None),
    )
    given = ("predict", "--run", run, "--data", nothing, "--out", tmp_path / "out.fits")
    code, _, wrong = call(monkeypatch, capsys, *given)
    assert code == 2
    words = " ".join(wrong.split())
    assert "--set data.target_read.zero_points='[NUMBER,NUMBER,NUMBER]'" in words
    assert "--set data.target_read.pixel_scale=ARCSEC" in words
    code, _, wrong = call(
        monkeypatch,
        capsys,
        *given,
        "--set",
        "data.target_read.zero_points=[31.4,31.4,31.4]",
        "--set",
        "data.target_read.pixel_scale=0.06",
    )
    assert code == 0, wrong
