"""What a network is shown in training, as the What-if tab shows it."""

import dataclasses

import numpy as np
import pytest
from factories import make_galaxies
from small_training import config

from daexplore.app.tabs.whatif.markup import training_html
from daexplore.config import DRAWN
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.runs import Run, TrainingImages
from daexplore.runs.archive.zip_file import export_run, import_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    make_galaxies(folder, 60)
    chosen = config(folder, "noda", epochs=1, conditions=DRAWN)
    return train(chosen, tmp_path_factory.mktemp("runs"))


def test_the_gallery_names_run_galaxies_and_draws(run):
    html = training_html([run])
    assert "4 source galaxies of the training split" in html
    assert "5 draws" in html
    assert html.count("<img alt='4 galaxies in columns") == 1
    assert run.label in html


def test_runs_without_conditions_have_no_gallery(run, tmp_path):
    plain = dataclasses.replace(
        run.config, train=dataclasses.replace(run.config.train, conditions=None)
    )
    other = train(plain, tmp_path)
    assert TrainingImages.read(other.path) is None
    assert training_html([other]) == ""


def test_the_images_go_out_and_come_in_with_the_run(run, tmp_path):
    done = export_run(run.path, tmp_path / "run.zip")
    again = Run(import_run(done.file, tmp_path / "in").path)
    before, after = TrainingImages.read(run.path), TrainingImages.read(again.path)
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.images, after.images)
    assert list(before.sample_ids) == list(after.sample_ids)


@pytest.mark.parametrize("damage", ["cut", "shape", "nan"])
def test_a_damaged_file_is_named(run, tmp_path, damage):
    found = TrainingImages.read(run.path)
    assert found is not None
    file = tmp_path / "derived" / "training-images.parquet"
    if damage == "nan":
        broken = found.images.copy()
        broken[0, 0, 0, 0] = np.nan
        TrainingImages(found.sample_ids, found.draws, broken).write(tmp_path)
    else:
        found.write(tmp_path)
        if damage == "cut":
            file.write_bytes(file.read_bytes()[:-20])
        else:
            import pandas as pd

            pd.read_parquet(file).assign(height=7).to_parquet(file)
    with pytest.raises(InputError, match=r"training-images\.parquet"):
        TrainingImages.read(tmp_path)
