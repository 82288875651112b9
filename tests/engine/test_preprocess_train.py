"""A training with every preprocessing step, from two surveys that differ in all of them to metrics
of a third.
"""

import dataclasses
import json

import numpy as np
import pytest
from factories import make_galaxies

from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.evaluate_run import evaluate_run
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.engine.training.train import train
from daexplore.errors import InputError


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    """The target has the bands in another order and one more, larger pixels, other units, a sky and
    no square images.
    """
    folder = tmp_path_factory.mktemp("surveys")
    source, target = make_galaxies(folder, 90)
    source = dataclasses.replace(
        source, pixel_scale=0.1, flux_scale=(1.0, 1.0, 2.0), psf_fwhm=(0.1, 0.1, 0.2)
    )
    pixels = target.images[:, [2, 0, 1, 1], :, 2:]
    pixels = 7 + pixels.reshape(90, 4, 12, 2, 11, 2).sum(axis=(3, 5)) / 10
    target = dataclasses.replace(
        target,
        images=pixels,
        bands=("f160w", "f814w", "f356w", "extra"),
        pixel_scale=0.2,
        flux_scale=(20.0, 10.0, 10.0, 1.0),
        psf_fwhm=(0.3, 0.2, 0.2, 0.2),
    )
    source.save(folder / "source")
    target.save(folder / "target")
    # The target again, as another reader might give it.
    order = [1, 2, 0]
    again = dataclasses.replace(
        target,
        images=pixels[:, order] * 5,
        bands=tuple(target.bands[i] for i in order),
        flux_scale=tuple(target.flux_scale[i] / 5 for i in order),
        psf_fwhm=tuple(target.psf_fwhm[i] for i in order),
        name="again",
    )
    again.save(folder / "again")
    return folder


@pytest.fixture(scope="module")
def run(surveys, tmp_path_factory):
    data = DataConfig(
        str(surveys / "source"),
        str(surveys / "target"),
        bands=("F160W", "F814W"),
        units="nanojansky",
        background="border",
        psf_fwhm=0.4,
        pixel_scale=0.12,
        stretch="percentile",
        percentiles=(1.0, 99.5),
        size=16,
    )
    settings = TrainConfig(
        epochs=1, batch_size=16, class_balance="batches", evaluation_limit=40, saliency_limit=4
    )
    return train(
        RunConfig(data=data, alignments=(AlignmentConfig("mmd"),), train=settings),
        tmp_path_factory.mktemp("runs"),
    )


def test_the_run_carries_its_steps(run):
    recorded = json.loads((run.path / "run.json").read_text())["preprocessing"]
    kinds = [
        [step["step"] for step in recorded[domain]["steps"]] for domain in ("source", "target")
    ]
    assert (
        kinds
        == [["bands", "units", "background", "psf", "resample", "crop", "percentile", "normalise"]]
        * 2
    )
    assert recorded["standard"]["bands"] == ["F160W", "F814W"]
    assert Preprocess.from_dict(recorded).target.used == ("f160w", "f814w")
    assert next(load_network(run).parameters()).shape[1] == 2
    assert run.info["data"]["target"]["bands"] == ["f160w", "f814w", "f356w", "extra"]


def test_metrics_come_again_from_the_record_and_for_the_same_sky_read_otherwise(run, surveys):
    again = evaluate_run(run.path)[run.label]["target"]["test"]
    assert again["auc"]["value"] == pytest.approx(
        run.info["metrics"]["target"]["test"]["auc"]["value"], abs=1e-6
    )
    results = [
        next(iter(evaluate_run(run.path, str(surveys / name)).values()))["target"]["test"]
        for name in ("target", "again")
    ]
    assert results[0]["brier"]["n"] == 90
    for metric in ("accuracy", "auc", "brier"):
        assert results[0][metric]["value"] == pytest.approx(results[1][metric]["value"], abs=1e-4)


def test_gradcam_of_a_survey_image(run):
    sample = run.evaluation().sample_ids[-1]
    assert np.isfinite(gradcam_map(run.path, 1, sample, "target")).all()


def test_other_images_without_what_the_steps_need_are_refused(run, surveys, tmp_path):
    target = GalaxySet.load(surveys / "target")
    dataclasses.replace(target, flux_scale=None).save(tmp_path / "a")
    dataclasses.replace(target, bands=("g", "r", "i", "z")).save(tmp_path / "b")
    for name, message in (
        ("a", "what the pixels of the target .* mean"),
        ("b", "Mixed bands: .*lacks F160W, F814W"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_run(run.path, str(tmp_path / name))
