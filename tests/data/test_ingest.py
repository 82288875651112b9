"""An ingest gives one set bit by bit, whatever stopped it on its way, and says what it could not
use.
"""

import contextlib
import csv
import dataclasses
import errno
import json
import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_galaxies
from filelock import FileLock
from ingesting import SHAPE, Drawn, contents, drawn, write_cutouts

from daexplore.config import ReadConfig
from daexplore.data.chunked_images import ChunkedImages
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.ingest import chunk as chunk_module
from daexplore.data.ingest import ingest, verify
from daexplore.data.ingest import ingest_set as run_module
from daexplore.data.readers.listing import Rejected
from daexplore.data.readers.load import load_all
from daexplore.errors import InputError

N = 23


@pytest.fixture
def given(monkeypatch):
    """Let the next ingests read a listing that is there already."""

    def give(listing):
        monkeypatch.setattr(run_module, "open_listing", lambda source, read: listing)

    return give


def aside_of(folder):
    with (folder / "aside.csv").open(newline="") as file:
        return [(row["name"], row["reason"]) for row in csv.DictReader(file)]


def until(count):
    """A progress report that interrupts the ingest when so many galaxies are done."""

    def progress(done, total):
        if done >= count:
            raise KeyboardInterrupt

    return progress


def quick(dest, read=None, **options):
    return ingest("input", dest, read, **({"workers": 1, "chunk": 5} | options))


def test_it_is_the_set_that_reading_at_once_gives(tmp_path, given):
    listing = drawn(N, holed=[4])
    given(listing)
    galaxies, expected = quick(tmp_path / "set"), load_all(listing, ReadConfig())
    assert isinstance(galaxies.images, ChunkedImages)
    assert len(galaxies.images.files) == 5
    np.testing.assert_array_equal(np.asarray(galaxies.images), expected.images)
    pd.testing.assert_frame_equal(galaxies.catalogue, expected.catalogue)
    for field in ("classes", "bands", "name", "pixel_scale", "flux_scale", "psf_fwhm"):
        assert getattr(galaxies, field) == getattr(expected, field)
    assert galaxies.provenance["ingested_from"] == "drawn"
    assert galaxies.fingerprint() == expected.fingerprint()
    galaxies.check_finite(chunk=3)
    taken = galaxies.take(np.array([22, 0, 7]))
    np.testing.assert_array_equal(taken.images, expected.images[[22, 0, 7]])
    again = GalaxySet.load(galaxies.save(tmp_path / "one file"))
    np.testing.assert_array_equal(again.images, expected.images)


def test_the_folder_opens_without_this_package(tmp_path, given):
    given(drawn(N))
    quick(tmp_path)
    about = json.loads((tmp_path / "galaxies.json").read_text())
    images = np.concatenate([np.load(tmp_path / chunk["file"]) for chunk in about["chunks"]])
    assert [chunk["rows"] for chunk in about["chunks"]] == [5, 5, 5, 5, 3]
    assert images.shape == (N, *SHAPE)
    assert len(pd.read_parquet(tmp_path / "catalogue.parquet")) == N
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "catalogue.parquet",
        "galaxies.json",
        "images",
        "ingest.lock",
    ]


def test_what_cannot_be_used_is_set_aside_with_its_reason(tmp_path, given):
    given(
        drawn(
            N,
            broken=[0, 5, 6, 7, 8, 9],
            wide=[11],
            aside=[Rejected("G99", "it is off every tile.")],
        )
    )
    galaxies = quick(tmp_path)
    kept = [row for row in range(N) if row not in (0, 5, 6, 7, 8, 9, 11)]
    assert galaxies.sample_ids.tolist() == [f"drawn/{row:04d}" for row in kept]
    np.testing.assert_array_equal(
        np.asarray(galaxies.images), np.stack([Drawn()(row).pixels for row in kept])
    )
    found = aside_of(tmp_path)
    assert found[:2] == [("G99", "it is off every tile."), ("drawn/0000", "file 0 is truncated.")]
    assert found[-1][0] == "drawn/0011"
    assert "it measures 7x6 pixels, the others 5x6" in found[-1][1]
    assert galaxies.provenance["set_aside"] == len(found) == 8
    assert not (tmp_path / "images" / "00001.npy").exists(), (
        "a chunk of which nothing can be used has no file"
    )
    assert verify(tmp_path) == 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"wide": [0, 3, 9]},
            (
                r"images differ in size or bands: \d+ of 5x6 in 2 bands \(g, r\), 3 of 7x6 .*first"
                r" odd one 'drawn/0000'.*--size"
            ),
        ),
        (
            {"broken": range(12)},
            (
                r"more than half of 23 galaxies cannot be used.*file 0 is truncated.*start again"
                r" with --restart"
            ),
        ),
        (
            {"broken": range(N)},
            r"none of its 23 galaxies can be read\. The first: file 0 is truncated",
        ),
    ],
)
def test_an_input_that_is_mostly_bad_is_refused(tmp_path, given, rows, message):
    given(drawn(N, **rows))
    with pytest.raises(InputError, match=message):
        quick(tmp_path)
    assert not (tmp_path / "galaxies.json").exists()


def test_mixed_sizes_become_one_by_a_declared_size(tmp_path, given):
    given(drawn(N, wide=range(9)))
    with pytest.raises(InputError, match="differ in size or bands"):
        quick(tmp_path)
    with pytest.raises(
        InputError, match=r"started with another input: size None -> 4\..*--restart"
    ):
        quick(tmp_path, ReadConfig(size=4))
    galaxies = quick(tmp_path, ReadConfig(size=4), restart=True)
    np.testing.assert_array_equal(
        galaxies.images[0], Drawn(wide=frozenset([0]))(0).pixels[:, 1:5, 1:5]
    )
    np.testing.assert_array_equal(galaxies.images[22], Drawn()(22).pixels[:, 1:5, 0:4])


@pytest.mark.parametrize("stops", [[3], [-1, 9, 17, 22]])
def test_interrupted_it_goes_on_and_ends_the_same(tmp_path, given, stops):
    given(drawn(N, broken=[2, 12]))
    quick(tmp_path / "whole")
    counted = []
    for stop in stops:
        given(drawn(N, broken=[2, 12], stop=stop))
        with pytest.raises(KeyboardInterrupt):
            quick(tmp_path / "parts", progress=until(5) if stop < 0 else None)
        assert not list(tmp_path.rglob("*.part"))
    given(drawn(N, broken=[2, 12]))
    quick(tmp_path / "parts", progress=lambda done, total: counted.append((done, total)))
    assert counted[0] == (5 * (stops[-1] // 5), N)
    assert counted[-1] == (N, N)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_the_number_of_workers_does_not_change_a_bit(tmp_path, given):
    given(drawn(N, broken=[2, 12]))
    quick(tmp_path / "one")
    quick(tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_finished_chunk_is_not_read_again_but_a_lost_or_shortened_one_is(tmp_path, given):
    given(drawn(N))
    quick(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        quick(tmp_path / "parts", progress=until(20))
    images = tmp_path / "parts" / "images"
    (images / "00001.npy").unlink()
    (images / "00002.npy").write_bytes((images / "00002.npy").read_bytes()[:-1])
    (images / "00003.npy.123.part").write_bytes(b"half a file")
    (tmp_path / "parts" / ".ingest" / "00003.json").write_text("{")
    read = []
    given(dataclasses.replace(drawn(N), load=lambda row: read.append(row) or Drawn()(row)))
    quick(tmp_path / "parts")
    assert sorted(read) == list(range(5, N))
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_run_again_a_finished_set_is_verified_and_damage_is_named(tmp_path, given):
    given(drawn(N))
    quick(tmp_path)
    before = contents(tmp_path)
    given(
        dataclasses.replace(
            drawn(N), load=lambda row: pytest.fail("a finished set is not read again")
        )
    )
    assert len(quick(tmp_path)) == N
    assert contents(tmp_path) == before
    damaged = tmp_path / "images" / "00002.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(
        InputError, match=r"1 of 5 chunks are damaged or missing, images/00002\.npy\. .*--restart"
    ):
        quick(tmp_path)
    damaged.unlink()
    with pytest.raises(
        InputError, match=r"1 of 5 chunks are damaged or missing, images/00002\.npy"
    ):
        verify(tmp_path)
    given(drawn(N))
    quick(tmp_path, restart=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("listing", "options", "message"),
    [
        (drawn(N + 1), {}, "23 galaxies -> 24"),
        (drawn(N, name="other"), {}, "other galaxies, or another catalogue"),
        (drawn(N), {"read": ReadConfig(pixel_scale=0.3)}, r"pixel_scale None -> 0\.3"),
        (drawn(N), {"chunk": 6}, "chunk 5 -> 6"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_input_is_refused(tmp_path, given, listing, options, message, finished):
    given(drawn(N))
    with contextlib.suppress(KeyboardInterrupt):
        quick(tmp_path, progress=None if finished else until(15))
    assert (tmp_path / "galaxies.json").exists() == finished
    before = contents(tmp_path)
    given(listing)
    with pytest.raises(
        InputError,
        match=rf"was started with another input: {message}\. Choose another folder, or .*--restart",
    ):
        quick(tmp_path, **options)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_with_something_else_is_left_alone(tmp_path, given, restart):
    given(drawn(N))
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(InputError, match=r"holds something else \(thesis\.tex\)"):
        quick(tmp_path, restart=restart)
    (tmp_path / "thesis.tex").rename(tmp_path / "galaxies.json")
    with pytest.raises(InputError, match="holds another galaxy set"):
        quick(tmp_path, restart=restart)
    assert contents(tmp_path).keys() == {"galaxies.json"}
    load_all(drawn(N), ReadConfig()).save(tmp_path / "set")
    before = contents(tmp_path / "set")
    with pytest.raises(InputError, match="holds another galaxy set"):
        quick(tmp_path / "set", restart=restart)
    assert contents(tmp_path / "set") == before


def test_restart_leaves_other_files_where_they_are(tmp_path, given):
    given(drawn(N))
    quick(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "images" / "mine.txt").write_text("mine")
    quick(tmp_path, restart=True, chunk=23)
    assert len(list(tmp_path.rglob("*.npy"))) == 1
    assert [(tmp_path / name).read_text() for name in ("notes.txt", "images/mine.txt")] == [
        "mine",
        "mine",
    ]


def test_a_second_process_is_sent_away(tmp_path, given):
    given(drawn(N))
    with (
        FileLock(tmp_path / "ingest.lock"),
        pytest.raises(InputError, match=r"Another process is ingesting into"),
    ):
        quick(tmp_path)
    assert len(quick(tmp_path)) == N


def test_input_and_result_are_kept_apart(tmp_path):
    (tmp_path / "input").mkdir()
    for dest in ("input", "input/set"):
        with pytest.raises(InputError, match="contain each other"):
            ingest(tmp_path / "input", tmp_path / dest, workers=1)


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path, given):
    given(drawn(N))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write to"):
        quick(tmp_path / "file" / "set")


def test_too_little_room_is_said_before_anything_is_written(tmp_path, given, monkeypatch):
    given(drawn(N))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(run_module.shutil, "disk_usage", lambda path: usage(4 * N * 60 - 1))
    with pytest.raises(
        InputError,
        match=(
            r"There is no room.* 5 chunks are still to be written and need 0\.0 MB, 0\.0 MB are"
            r" free"
        ),
    ):
        quick(tmp_path)
    monkeypatch.setattr(run_module.shutil, "disk_usage", lambda path: usage(4 * N * 60))
    assert len(quick(tmp_path)) == N


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_what_is_finished(tmp_path, given, monkeypatch, number):
    given(drawn(N))
    quick(tmp_path / "whole")
    real = chunk_module.write_images

    def failing(path, images):
        if path.name == "00003.npy":
            raise OSError(number, "No space left on device")
        return real(path, images)

    with monkeypatch.context() as full:
        full.setattr(chunk_module, "write_images", failing)
        with pytest.raises(
            InputError,
            match=(
                r"There is no room.* 2 chunks are still to be written.* The 3 finished chunks are"
                r" kept"
            ),
        ):
            quick(tmp_path / "parts")
    quick(tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


LIMITED = """
import resource, sys
from ingesting import drawn
from daexplore.data.ingest import ingest, ingest_set
from daexplore.errors import InputError

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    ingest_set.open_listing = lambda source, read: drawn(500)
    try:
        ingest("input", sys.argv[1], workers=2, chunk=100)
    except InputError as error:
        sys.exit(str(error))
"""


def script(folder, text, *arguments):
    (folder / "script.py").write_text(text)
    return [sys.executable, str(folder / "script.py"), *map(str, arguments)]


def environment():
    return os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[1] / "helpers"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.mark.slow
def test_worker_processes_that_cannot_write_end_in_words(tmp_path):
    """A limit on the size of files stands for a full disk: the kernel refuses the write in the
    worker.
    """
    done = subprocess.run(
        script(tmp_path, LIMITED, tmp_path / "set", 10_000),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no room for the galaxies")
    assert not list(tmp_path.rglob("*.npy*"))


KILLED = """
import sys
from ingesting import drawn
from daexplore.data.ingest import ingest, ingest_set

if __name__ == "__main__":
    ingest_set.open_listing = lambda source, read: drawn(400, broken=[7, 250], wide=[33])
    ingest("input", sys.argv[1], workers=int(sys.argv[2]), chunk=8)
"""


@pytest.mark.slow
def test_killed_three_times_it_ends_as_if_nothing_had_happened(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    subprocess.run(script(tmp_path, KILLED, whole, 1), env=environment(), check=True, timeout=100)
    command = script(tmp_path, KILLED, parts, 2)
    finished = []
    for more in (3, 4, 5):
        with subprocess.Popen(command, env=environment()) as process:
            wanted = len(records(parts)) + more
            while len(records(parts)) < wanted and process.poll() is None:
                time.sleep(0.002)
            process.kill()
        finished.append(len(records(parts)))
        assert not (parts / "galaxies.json").exists()
    assert 0 < finished[0] < finished[1] < finished[2] < 50
    subprocess.run(command, env=environment(), check=True, timeout=100)
    assert contents(parts) == contents(whole)


def records(folder):
    return list((folder / ".ingest").glob("[0-9]*.json"))


def test_fits_cutouts_by_the_command_line(tmp_path, monkeypatch, capsys):
    source, dest = write_cutouts(tmp_path / "cutouts", 12), tmp_path / "set"
    (source / "00004.fits").write_bytes((source / "00004.fits").read_bytes()[:3000])
    arguments = (
        source,
        dest,
        "--bands",
        "g,r,i",
        "--zero-points",
        "31.4,31.4,31.4",
        "--workers",
        1,
    )
    code, out, _ = call(monkeypatch, capsys, "ingest", *arguments)
    assert code == 0
    assert "11 images 3x16x16" in out
    assert "1 galaxy was rejected" in out
    assert "00004.fits" in out
    assert (dest / "contact-sheet.png").stat().st_size > 1000
    galaxies = GalaxySet.load(dest)
    kept = [i for i in range(12) if i != 4]
    np.testing.assert_array_equal(
        np.asarray(galaxies.images),
        np.stack(
            [np.random.default_rng(i).normal(size=(3, 16, 16)).astype(np.float32) for i in kept]
        ),
    )
    assert galaxies.labels.tolist() == [i % 2 for i in kept]
    assert galaxies.bands == ("g", "r", "i")
    np.testing.assert_allclose(galaxies.flux_scale, 1, rtol=2e-4)
    code, out, _ = call(monkeypatch, capsys, "ingest", *arguments)
    assert (code, "was in" in out) == (0, True)
    code, _, err = call(monkeypatch, capsys, "ingest", *arguments, "--size", 8)
    assert (code, "size None -> 8" in err) == (2, True)
    code, _, err = call(monkeypatch, capsys, "ingest", *arguments, "--psf-fwhm", "wide")
    assert (code, "--psf-fwhm must be numbers" in err) == (2, True)


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys, given):
    given(drawn(N))
    real = chunk_module.write_images

    def interrupted(path, images):
        raise KeyboardInterrupt

    monkeypatch.setattr(chunk_module, "write_images", interrupted)
    code, _, err = call(monkeypatch, capsys, "ingest", "input", tmp_path, "--workers", 1)
    assert (code, "the same ingest, predict or sweep again" in err) == (130, True)
    monkeypatch.setattr(chunk_module, "write_images", real)
    assert call(monkeypatch, capsys, "ingest", "input", tmp_path, "--workers", 1)[0] == 0
    assert len(GalaxySet.load(tmp_path)) == N


@pytest.mark.slow
def test_training_from_chunks_gives_the_numbers_of_training_from_one_file(tmp_path):
    from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
    from daexplore.engine.training.train import train

    for galaxies in make_galaxies(tmp_path / "files", 60):
        ingest(
            tmp_path / "files" / galaxies.name,
            tmp_path / "chunks" / galaxies.name,
            workers=1,
            chunk=7,
        )
        assert isinstance(GalaxySet.load(tmp_path / "chunks" / galaxies.name).images, ChunkedImages)
    found = []
    for kind in ("files", "chunks"):
        data = DataConfig(str(tmp_path / kind / "source"), str(tmp_path / kind / "target"))
        config = RunConfig(
            data=data,
            alignments=(AlignmentConfig("mmd"),),
            train=TrainConfig(epochs=2, batch_size=16),
        )
        found.append(train(config, tmp_path / "runs" / kind).info["metrics"])
    assert found[0]["source"]["test"]["accuracy"]["n"] > 0
    assert found[0] == found[1]
