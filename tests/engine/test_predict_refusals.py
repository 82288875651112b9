"""What a prediction refuses, in words that say what to do, and what it leaves behind then."""

import dataclasses
import errno
import json

import numpy as np
import pytest
from factories import make_galaxies, make_run
from filelock import FileLock

import daexplore.engine.prediction.parts as chunks
import daexplore.engine.prediction.predict as module
from daexplore.config import DataConfig, RunConfig, TrainConfig
from daexplore.data import GalaxySet
from daexplore.engine.prediction.parts import parts_folder
from daexplore.engine.prediction.predict import predict
from daexplore.engine.training.train import train
from daexplore.errors import InputError

N = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    make_galaxies(folder, N)
    settings = TrainConfig(epochs=1, batch_size=16, saliency_limit=2)
    data = DataConfig(str(folder / "source"), str(folder / "target"), fractions=(0.4, 0.3, 0.3))
    (train(RunConfig(data, train=settings), folder / "runs").path).rename(folder / "run")
    return folder


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "_PART", 16)


@pytest.fixture
def quick(place, tmp_path):
    def run(data=None, out="c.fits", **options):
        return predict(
            [place / "run"],
            str(data or place / "target"),
            tmp_path / out,
            **({"batch_size": 8} | options),
        )

    return run


def stop(progress):
    if progress.done >= 20:
        raise KeyboardInterrupt


def other(place, folder, **changes):
    """The target, changed, as a set of its own."""
    galaxies = GalaxySet.load(place / "target")
    dataclasses.replace(galaxies, **changes).save(folder)
    return folder


def test_parts_of_another_input_are_never_mixed_in(place, quick, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        quick(report=stop)
    images = np.array(GalaxySet.load(place / "target").images) + 1
    shifted = other(place, tmp_path / "set", images=images)
    with pytest.raises(
        InputError, match=r"c\.fits was started with another input: data \w+ -> \w+\. .*--overwrite"
    ):
        quick(shifted)
    with pytest.raises(InputError, match=r"another input: batch_size 8 -> 4"):
        quick(batch_size=4)
    assert quick().before == 16
    with pytest.raises(KeyboardInterrupt):
        quick(out="d.fits", report=stop)
    assert quick(shifted, out="d.fits", overwrite=True).before == 0
    assert (tmp_path / "c.fits").read_bytes() != (tmp_path / "d.fits").read_bytes()
    assert not parts_folder(tmp_path / "d.fits").exists()


def test_a_catalogue_that_is_there_stays_unless_told(quick, tmp_path):
    (tmp_path / "c.fits").write_text("mine")
    with pytest.raises(InputError, match=r"c\.fits exists.*--overwrite"):
        quick()
    with pytest.raises(KeyboardInterrupt):
        quick(overwrite=True, report=stop)
    with pytest.raises(InputError, match=r"replacing it was started with --overwrite"):
        quick()
    assert (tmp_path / "c.fits").read_text() == "mine"
    assert quick(overwrite=True).before == 16
    assert (tmp_path / "c.fits").read_bytes().startswith(b"SIMPLE")


def test_killed_after_the_catalogue_was_put_in_its_place(quick, tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(
            chunks.shutil,
            "rmtree",
            lambda *given, **options: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            quick()
    written = (tmp_path / "c.fits").read_bytes()
    assert quick().before == N
    assert (tmp_path / "c.fits").read_bytes() == written
    assert not parts_folder(tmp_path / "c.fits").exists()


def test_a_part_that_is_damaged_is_made_again(quick, tmp_path):
    quick(out="whole.fits")
    with pytest.raises(KeyboardInterrupt):
        quick(report=lambda progress: stop(dataclasses.replace(progress, done=progress.done - 30)))
    part = parts_folder(tmp_path / "c.fits") / "part-000001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    assert quick().before == 32
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()


def test_a_second_process_is_sent_away(quick, tmp_path):
    folder = parts_folder(tmp_path / "c.fits")
    folder.mkdir()
    with FileLock(folder / "lock"), pytest.raises(InputError, match="Another process is writing"):
        quick()


def test_a_folder_of_somebody_else_is_left_alone(quick, tmp_path):
    folder = parts_folder(tmp_path / "c.fits")
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds something else"):
            quick(overwrite=overwrite)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").rename(folder / "state.json")
    with pytest.raises(InputError, match=r"state\.json is not readable JSON"):
        quick()


@pytest.mark.parametrize("where", ["write_table", "write_catalogue"])
def test_a_full_disk_keeps_what_is_finished(quick, tmp_path, monkeypatch, where):
    quick(out="whole.fits")
    holder = chunks if where == "write_table" else module
    real, calls = getattr(holder, where), []

    def failing(*given, **options):
        calls.append(given)
        if where == "write_catalogue" or len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given, **options)

    with monkeypatch.context() as full:
        full.setattr(holder, where, failing)
        with pytest.raises(
            InputError, match=r"Cannot write .*No space left on device.*Finished parts stay"
        ):
            quick()
    assert not (tmp_path / "c.fits").exists()
    assert quick().before == (32 if where == "write_table" else N)
    assert (tmp_path / "c.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()


def test_a_damaged_image_is_named_and_what_came_before_is_kept(place, quick, tmp_path):
    images = np.array(GalaxySet.load(place / "target").images)
    images[41, 1, 3, 3] = np.nan
    data = other(place, tmp_path / "set", images=images)
    with pytest.raises(
        InputError, match=r"image of 'target/G00041-0' \(row 41 of 60\) holds NaN.*daexplore ingest"
    ):
        quick(data)
    assert len(list(parts_folder(tmp_path / "c.fits").glob("part-*"))) == 2


def test_a_survey_without_a_band_or_with_other_ones(place, quick, tmp_path):
    galaxies = GalaxySet.load(place / "target")
    two = other(place, tmp_path / "two", images=galaxies.images[:, :2], bands=galaxies.bands[:2])
    with pytest.raises(InputError, match="F160W"):
        quick(two)
    swapped = other(
        place, tmp_path / "swapped", images=galaxies.images[:, ::-1], bands=galaxies.bands[::-1]
    )
    for data, name in ((swapped, "swapped.ecsv"), (None, "c.ecsv")):
        quick(data, out=name)
    rows = [
        (tmp_path / name).read_text().split("sample_id predicted")[1]
        for name in ("swapped.ecsv", "c.ecsv")
    ]
    assert rows[0] == rows[1]


def test_the_source_of_the_training_is_no_survey(place, quick):
    with pytest.raises(
        InputError, match=r"is the source of the run .*trained with.*daexplore evaluate"
    ):
        quick(place / "source")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "c.csv"}, "stands for no kind of catalogue"),
        ({"out": "."}, "stands for no kind|is a folder"),
        ({"data": "nowhere"}, "There is nothing at nowhere"),
        ({"batch_size": 0}, "must be at least 1"),
        ({"threads": 0}, "must be at least 1"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"epoch": 7}, "no evaluation of epoch 7; evaluated epochs: 1"),
    ],
)
def test_bad_arguments(quick, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        quick(**options)
    assert not list(tmp_path.iterdir())


def test_runs_that_do_not_go_together(place, tmp_path):
    data = str(place / "target")
    with pytest.raises(
        InputError,
        match=(
            r"same classes in the same order: run has non-merger, merger; .* has spiral, merger,"
            r" disc"
        ),
    ):
        predict(
            [place / "run", make_run(tmp_path, classes=("spiral", "merger", "disc")).path],
            data,
            tmp_path / "c.fits",
        )
    with pytest.raises(InputError, match="has no trained epoch yet"):
        predict([make_run(tmp_path, epochs=0, status="failed").path], data, tmp_path / "c.fits")
    copy = tmp_path / "copy"
    copy.mkdir()
    info = json.loads((place / "run" / "run.json").read_text())
    info["preprocessing"]["standard"]["bands"] = ["u", "g", "r"]
    (copy / "run.json").write_text(json.dumps(info))
    with pytest.raises(
        InputError, match=r"same bands: run has F814W, F356W, F160W; copy has u, g, r"
    ):
        predict([place / "run", copy], data, tmp_path / "c.fits")
    weights = next((place / "run" / "weights").iterdir())
    weights.rename(weights.with_suffix(".gone"))
    try:
        with pytest.raises(InputError, match="has no weights of epoch 1"):
            predict([place / "run"], data, tmp_path / "c.fits")
    finally:
        weights.with_suffix(".gone").rename(weights)


def test_a_domain_of_a_preset_is_a_survey_too_and_an_unknown_one_is_refused(monkeypatch, tmp_path):
    from factories import make_run

    from daexplore.data import simulate
    from daexplore.engine.prediction.survey import open_survey
    from daexplore.engine.progress import no_report

    run, opened = make_run(tmp_path / "runs", "mmd"), simulate.simulate("demo", 6, workers=1)
    monkeypatch.setattr(simulate, "open_preset", lambda *_, **__: opened)
    for name, number in (("demo", 1), ("demo:target", 1), ("demo:source", 0)):
        assert open_survey([run], name, None, no_report)[1] == opened[number].fingerprint()
    with pytest.raises(InputError, match="demo:source and demo:target"):
        open_survey([run], "demo:sky", None, no_report)
