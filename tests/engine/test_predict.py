"""A survey streamed through runs: the same numbers as in the run folder, however it was stopped,
and no label of the survey in them.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from command import call
from factories import make_galaxies

import daexplore.engine.prediction.predict as module
from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.data import GalaxySet
from daexplore.engine.prediction.columns import predicted_columns, probability_names
from daexplore.engine.prediction.predict import predict
from daexplore.engine.training.train import train
from daexplore.errors import InputError
from daexplore.runs import Run

N = 120


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with source/ and target/, and runs of three seeds; the last one is of another kind
    of batch norm.
    """
    folder = tmp_path_factory.mktemp("predict")
    make_galaxies(folder, N)
    for seed in (0, 1, 2):
        settings = {
            "epochs": 1,
            "batch_size": 16,
            "saliency_limit": 2,
            "batch_norm": "adabn" if seed == 2 else "auto",
        }
        data = DataConfig(
            str(folder / "source"),
            str(folder / "target"),
            fractions=(0.4, 0.3, 0.3),
            stretch="asinh",
            size=20,
        )
        train(
            RunConfig(
                data, alignments=(AlignmentConfig("mmd"),), train=TrainConfig(**settings), seed=seed
            ),
            folder / "runs",
        )
    return folder


@pytest.fixture(scope="module")
def runs(place):
    return sorted(
        (run.path for run in map(Run, (place / "runs").glob("2*"))), key=lambda path: Run(path).seed
    )


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "_PART", 32)


def stop_at(stage, number):
    def report(progress):
        if progress.stage == stage and progress.done >= number:
            raise KeyboardInterrupt

    return report


def table(path):
    found = Table.read(path)
    found.convert_bytestring_to_unicode()
    return found


def changed(place, folder, **columns):
    """The target with other columns in its catalogue."""
    galaxies = GalaxySet.load(place / "target")
    dataclasses.replace(galaxies, catalogue=galaxies.catalogue.assign(**columns)).save(folder)
    return str(folder)


@pytest.mark.parametrize("seed", [0, 2])
def test_probabilities_are_those_of_the_run_folder(place, runs, tmp_path, seed):
    done = predict([runs[seed]], str(place / "target"), tmp_path / "c.fits", batch_size=16)
    found = table(done.path).to_pandas().set_index("sample_id")
    evaluation = Run(runs[seed]).evaluation()
    mask = evaluation.mask("target")
    shown = found.loc[evaluation.sample_ids[mask]]
    np.testing.assert_allclose(
        shown[["p_non_merger", "p_merger"]], evaluation.probabilities[mask], atol=2e-6
    )
    assert (done.galaxies, len(found), done.before, done.oracle) == (N, N, 0, False)
    np.testing.assert_array_equal(
        shown["predicted_class"] == "merger", evaluation.predicted[mask] == 1
    )


def test_an_ensemble_is_the_mean_of_its_members_and_tells_their_spread(place, runs, tmp_path):
    each = []
    for number, run in enumerate(runs):
        one = table(predict([run], str(place / "target"), tmp_path / f"{number}.fits").path)
        assert not any(name.endswith("_std") for name in one.colnames)
        each.append(one)
    found = table(predict(runs, str(place / "target"), tmp_path / "c.fits").path)
    p = np.array([one["p_merger"] for one in each])
    np.testing.assert_allclose(found["p_merger"], p.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        found["p_merger_std"], np.sqrt(((p - p.mean(0)) ** 2).sum(0) / 2), rtol=1e-9
    )
    # In the order of the mean, and never larger than a p-value of it could be.
    typical = np.mean([one["in_domain"] for one in each], 0)
    order = np.argsort(typical, kind="stable")
    assert (np.diff(np.asarray(found["in_domain"])[order]) >= 0).all()
    mean = p.mean(0)
    np.testing.assert_allclose(
        found["entropy"], -mean * np.log2(mean) - (1 - mean) * np.log2(1 - mean), rtol=1e-9
    )
    assert str(found["entropy"].unit) == "bit"
    assert [found.meta[f"SEED{number}"] for number in (1, 2, 3)] == [0, 1, 2]
    assert [found.meta[f"RUN{number}"] for number in (1, 2, 3)] == [run.name for run in runs]


def test_the_header_says_what_was_done(place, runs, tmp_path):
    run = Run(runs[0])
    meta = table(predict([run.path], str(place / "target"), tmp_path / "c.fits").path).meta
    assert (meta["FPRINT"], meta["NGAL"]) == (run.info["data"]["target"]["fingerprint"], N)
    assert (meta["EPOCH1"], meta["METHOD1"], meta["ORACLE"], meta["TEMPER"]) == (
        run.selected_epoch,
        "mmd",
        False,
        "none",
    )
    samples = run.samples
    assert meta["NSEEN1"] == ((samples["domain"] == "target") & (samples["split"] == "train")).sum()
    assert meta["NVALID1"] == run.evaluation().mask("source", "validation").sum()
    assert "asinh, normalise; to 20 x 20 pixel of F814W, F356W, F160W" in meta["PREPROC"]


def test_the_temperature_comes_from_source_validation_alone(place, runs, tmp_path):
    plain = table(predict(runs[:2], str(place / "target"), tmp_path / "plain.fits").path)
    found = table(
        predict(runs[:2], str(place / "target"), tmp_path / "c.fits", temperature=True).path
    )
    evaluations = [Run(run).evaluation() for run in runs[:2]]
    mask = evaluations[0].mask("source", "validation")
    pooled = np.log(np.mean([one.probabilities[mask] for one in evaluations], axis=0))
    truth = evaluations[0].labels[mask]

    def loss(t):
        return -np.mean(
            pooled[np.arange(len(truth)), truth] / t - np.log(np.exp(pooled / t).sum(1))
        )

    t = found.meta["TEMPER"]
    assert 0.05 <= t <= 20
    assert all(loss(t) <= loss(other) + 1e-12 for other in np.geomspace(0.05, 20, 200))
    powers = np.stack([plain["p_non_merger"], plain["p_merger"]]) ** (1 / t)
    np.testing.assert_allclose(found["p_merger"], powers[1] / powers.sum(0), rtol=1e-9)
    assert found.meta["NTEMPER"] == mask.sum()


def test_labels_of_the_survey_change_nothing_but_its_fingerprint(place, runs, tmp_path):
    shuffled = (
        GalaxySet.load(place / "target")
        .catalogue["label"]
        .sample(frac=1, random_state=0)
        .to_numpy()
    )
    one = predict([runs[0]], str(place / "target"), tmp_path / "one.parquet").path
    other = predict(
        [runs[0]],
        changed(place, tmp_path / "set", label=pd.array(shuffled)),
        tmp_path / "other.parquet",
    ).path
    pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other))


def test_ids_and_positions_are_in_the_catalogue(place, runs, tmp_path):
    data = changed(
        place,
        tmp_path / "set",
        objid=np.arange(N) + 10**15,
        RA=np.linspace(10, 20, N),
        DEC=np.linspace(-1, 1, N),
    )
    found = table(predict([runs[0]], data, tmp_path / "c.fits").path)
    assert found.colnames[:4] == ["sample_id", "objid", "ra", "dec"]
    np.testing.assert_array_equal(found["objid"], np.arange(N) + 10**15)
    np.testing.assert_array_equal(found["ra"], np.linspace(10, 20, N))
    assert (str(found["ra"].unit), str(found["dec"].unit)) == ("deg", "deg")


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot", ".parquet"])
def test_stopped_anywhere_it_goes_on_and_gives_the_same_bytes(place, runs, tmp_path, suffix):
    whole, parts = tmp_path / f"whole{suffix}", tmp_path / f"parts{suffix}"
    arguments = {"batch_size": 8, "epoch": 1}
    predict(runs[:2], str(place / "target"), whole, **arguments)
    for stage, number in (("predicting", 8), ("predicting", 50), ("writing", 64)):
        with pytest.raises(KeyboardInterrupt):
            predict(
                runs[:2], str(place / "target"), parts, **arguments, report=stop_at(stage, number)
            )
        assert not parts.exists()
    seen = []
    done = predict(
        runs[:2],
        str(place / "target"),
        parts,
        **arguments,
        report=lambda progress: seen.append(progress.stage),
    )
    assert (done.before, seen.count("predicting")) == (N, 1)
    assert parts.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, parts.name}


CHILD = """
import os, signal, sys
import daexplore.engine.prediction.predict as module

module._PART = 32
def report(progress):
    if (progress.stage, progress.done) == (sys.argv[4], int(sys.argv[5])):
        os.kill(os.getpid(), signal.SIGKILL)
module.predict([sys.argv[1]], sys.argv[2], sys.argv[3], batch_size=8, report=report)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "number", "before"), [("predicting", 80, 64), ("writing", 64, N)]
)
def test_killed_it_goes_on_and_gives_the_same_bytes(place, runs, tmp_path, stage, number, before):
    whole, parts, data = tmp_path / "whole.fits", tmp_path / "parts.fits", str(place / "target")
    predict([runs[0]], data, whole, batch_size=8)
    arguments = [runs[0], data, parts, stage, number]
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not parts.exists()
    assert predict([runs[0]], data, parts, batch_size=8).before == before
    assert parts.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, parts.name}


def resident(path):
    """Bytes of a mapped file that count as this process's memory."""
    with open("/proc/self/smaps") as file:
        inside, total = False, 0
        for line in file:
            if not line.split()[0].endswith(":"):
                inside = str(path) in line
            elif inside and line.startswith("Rss:"):
                total += 1024 * int(line.split()[1])
    return total


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="only Linux tells")
def test_pages_of_a_mapped_file_are_given_back(tmp_path):
    pixels = np.random.default_rng(0).normal(size=(100, 1, 50, 50))
    np.save(tmp_path / "images.npy", pixels)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")[:, :, 1:]
    assert np.isfinite(images).all()
    assert resident(tmp_path / "images.npy") > 0.9 * pixels.nbytes
    module.release_pages(images)
    assert resident(tmp_path / "images.npy") == 0
    np.testing.assert_array_equal(images, pixels[:, :, 1:])


def test_probability_names():
    assert probability_names(["non-merger", "merger"]) == ["p_non_merger", "p_merger"]
    assert probability_names(["E/S0", "E S0", "größe", "?"]) == [
        "p_e_s0_0",
        "p_e_s0_1",
        "p_gr_e",
        "p_3",
    ]


def test_after_open_set_training_the_entropy_says_where_unknown_begins():
    texts = [
        {c.name: c.description for c in predicted_columns(("a", "b"), 1, False, open_set)}[
            "entropy"
        ]
        for open_set in (False, True)
    ]
    assert "known" not in texts[0]
    assert "above 0.5 the galaxy counts as of no known class" in texts[1]


def test_the_command_line(place, runs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "c.vot"
    arguments = (
        "predict",
        "--run",
        runs[0],
        "--run",
        runs[1],
        "--data",
        place / "target",
        "--out",
        out,
    )
    code, said, err = call(monkeypatch, capsys, *arguments, "--temperature")
    assert code == 0, err
    assert f"{N} images in {out}" in said
    assert "were in the training of a run, without labels" in said
    assert len(Table.read(out)) == N
    code, _, err = call(monkeypatch, capsys, *arguments)
    assert (code, "--overwrite" in err) == (2, True)
    code, _, err = call(monkeypatch, capsys, *arguments, "--set", "train.epochs=3")
    assert (code, "how the survey's files are read" in err) == (2, True)
    code, _, err = call(monkeypatch, capsys, "predict", "--data", place / "target", "--out", out)
    assert (code, "--run RUN" in err) == (2, True)


def test_an_oracle_is_called_one(place, runs, tmp_path):
    folder = tmp_path / runs[0].name
    folder.symlink_to(runs[0])
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in runs[0].iterdir():
        if path.name != "run.json":
            (copy / path.name).symlink_to(path)
    info = json.loads((runs[0] / "run.json").read_text())
    info["config"]["train"]["supervision"] = "target"
    (copy / "run.json").write_text(json.dumps(info))
    done = predict([folder, copy], str(place / "target"), tmp_path / "c.fits")
    meta = table(done.path).meta
    assert (done.oracle, meta["ORACLE"]) == (True, True)
    assert "oracle" in meta["LABELS"]
    assert any("with their labels (oracle)" in note for note in done.notes)


def test_runs_that_are_missing_or_named_twice(place, runs, tmp_path):
    for given, message in (
        ([], "at least one run"),
        ([runs[0], runs[0]], "named twice"),
        ([tmp_path], "run.json is missing"),
    ):
        with pytest.raises(InputError, match=message):
            predict(given, str(place / "target"), tmp_path / "c.fits")
