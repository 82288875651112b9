"""Packed files at an address: the same galaxy set as from the files themselves, whatever the server
does and however often the work is stopped.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import time

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import call
from file_server import serving
from ingesting import contents
from packed_files import PACKED, labels, png

from daexplore.config import ReadConfig
from daexplore.data.ingest import ingest
from daexplore.data.readers import read_galaxies
from daexplore.errors import InputError

KINDS = [kind for kind in PACKED if kind != "npy, channels last"]
MANY = 20_000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEXPLORE_CACHE", str(tmp_path / "cache"))


def pixels_and_rows(folder):
    """Bytes of the chunks, and the catalogue."""
    return {name: digest for name, digest in contents(folder).items() if name != "galaxies.json"}


@pytest.mark.parametrize("options", [(), ("--whole",)], ids=["in parts", "whole"])
def test_every_kind_gives_the_same_set_as_the_files_themselves(tmp_path, options):
    paths = {
        kind: PACKED[kind][0](tmp_path / "packed" / str(number))
        for number, kind in enumerate(KINDS)
    }
    with serving(tmp_path / "packed", *options) as address:
        for number, (kind, path) in enumerate(paths.items()):
            read = ReadConfig(name="set", label="ans" if kind == "galaxy10" else None)
            here = ingest(path, tmp_path / "here" / str(number), read, workers=1, chunk=7)
            inside = path.relative_to(tmp_path / "packed").as_posix()
            there = ingest(
                f"{address}/{inside}", tmp_path / "there" / str(number), read, workers=1, chunk=7
            )
            assert pixels_and_rows(tmp_path / "there" / str(number)) == pixels_and_rows(
                tmp_path / "here" / str(number)
            ), kind
            assert there.classes == here.classes
            assert f"{address}/{inside}" in json.dumps(there.provenance)


def test_a_pattern_names_some_of_the_files(tmp_path):
    PACKED["hub"][0](tmp_path / "packed")
    with serving(tmp_path / "packed") as address:
        galaxies = ingest(f"{address}/train-00001-*.parquet", tmp_path / "set", workers=1)
    assert len(galaxies) == 8


def test_a_connection_that_breaks_is_tried_again(tmp_path):
    path = PACKED["tar"][0](tmp_path / "packed")
    read = ReadConfig(name="set")
    ingest(path, tmp_path / "here", read, workers=1)
    with serving(tmp_path / "packed", "--fail-every", "4") as address:
        ingest(f"{address}/galaxies-0000.tar", tmp_path / "there", read, workers=1)
    assert len(read_galaxies(tmp_path / "there")) == 12


def test_a_server_that_is_gone_puts_no_galaxy_aside_and_the_work_goes_on_later(tmp_path):
    packed = many(tmp_path / "packed", 600)
    command = [sys.executable, "-m", "daexplore", "ingest"]
    ingest(packed, tmp_path / "here", ReadConfig(name="set"), workers=1, chunk=512)
    with serving(tmp_path / "packed") as address:
        port = address.rpartition(":")[2]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{int(port) - 1}/many.parquet", str(tmp_path / "there")],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 2
        assert "cannot be reached" in done.stderr
        assert "Traceback" not in done.stderr
        ingest(f"{address}/many.parquet", tmp_path / "there", ReadConfig(name="set"), workers=1)
    assert pixels_and_rows(tmp_path / "there") == pixels_and_rows(tmp_path / "here")


def large(folder, kind):
    """More than is fetched at once."""
    pixels = np.random.default_rng(0).normal(size=(240, 3, 64, 64)).astype(np.float32)
    if kind == "parquet":
        kinds = pa.list_(pa.list_(pa.list_(pa.float32())))
        table = pa.table({"image": pa.array(pixels.tolist(), kinds)})
        pq.write_table(table, folder / "a.parquet", row_group_size=20)
    elif kind == "h5":
        with h5py.File(folder / "a.h5", "w") as file:
            file["images"] = pixels
    else:
        with tarfile.open(folder / "a.tar", "w") as archive:
            for row, image in enumerate(pixels):
                stream = io.BytesIO()
                np.save(stream, image)
                about = tarfile.TarInfo(f"{row}.npy")
                about.size = stream.tell()
                stream.seek(0)
                archive.addfile(about, stream)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "h5", "tar"])
def test_a_server_that_goes_away_midway_puts_no_galaxy_aside(tmp_path, kind):
    (tmp_path / "packed").mkdir()
    large(tmp_path / "packed", kind)
    dest = tmp_path / "set"
    with (
        serving(tmp_path / "packed", "--fail-after", "3") as address,
        pytest.raises(InputError, match="cannot be reached"),
    ):
        ingest(f"{address}/a.{kind}", dest, workers=1, chunk=40)
    records = (json.loads(file.read_text()) for file in (dest / ".ingest").glob("[0-9]*.json"))
    assert all(record["rejected"] == [] for record in records)
    assert not (dest / "galaxies.json").exists()


def many(folder, n, size=16):
    """Pictures of a few galaxies over and over, each with a number of its own in a corner."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (50, size, size, 3), np.uint8)
    rows = []
    for row in range(n):
        image = pixels[row % 50].copy()
        image[0, 0] = row // 65536, row // 256 % 256, row % 256
        rows.append({"bytes": png(image), "path": None})
    table = pa.table({"image": rows, "label": labels(n)})
    pq.write_table(table, folder / "many.parquet", row_group_size=500)
    return folder / "many.parquet"


@pytest.mark.slow
def test_twenty_thousand_from_a_server_killed_and_resumed_are_the_same_bytes(tmp_path):
    packed = many(tmp_path / "packed", MANY)
    read = ReadConfig(name="set")
    ingest(packed, tmp_path / "here", read, workers=1, chunk=512)
    with serving(tmp_path / "packed") as address:
        arguments = [f"{address}/many.parquet", str(tmp_path / "there"), "--name", "set"]
        command = [sys.executable, "-m", "daexplore", "ingest", *arguments, "--workers", "2"]
        records = tmp_path / "there" / ".ingest"
        finished = []
        for more in (4, 8):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ) as process:
                wanted = len(list(records.glob("[0-9]*.json"))) + more
                while process.poll() is None and len(list(records.glob("[0-9]*.json"))) < wanted:
                    time.sleep(0.01)
                process.kill()
            finished.append(len(list(records.glob("[0-9]*.json"))))
        assert 0 < finished[0] < finished[1] < 40
        subprocess.run(command, check=True, timeout=600, capture_output=True)
    assert len(read_galaxies(tmp_path / "there")) == MANY
    there, here = pixels_and_rows(tmp_path / "there"), pixels_and_rows(tmp_path / "here")
    there.pop("contact-sheet.png")
    assert there == here


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://example.org/a.parquet", "expected an address that begins with one of https://"),
        ("simplecache::https://example.org/a.h5", "There is nothing at"),
        ("https://example.org::file:///etc/passwd", "expected an address that begins with one of"),
    ],
)
def test_an_address_of_another_kind_is_refused(tmp_path, monkeypatch, capsys, address, message):
    code, _, told = call(monkeypatch, capsys, "ingest", address, str(tmp_path / "set"))
    assert code == 2
    assert message in " ".join(told.split())


def test_nothing_there_and_files_of_no_kind_are_said(tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "a.fits").write_bytes(b"SIMPLE")
    with serving(tmp_path / "packed") as address:
        with pytest.raises(InputError, match=r"There is nothing at .*/b\.parquet"):
            ingest(f"{address}/b.parquet", tmp_path / "set")
        with pytest.raises(InputError, match=r"a\.fits.*are of none of the kinds"):
            ingest(address, tmp_path / "set")


def test_training_and_inspection_ask_to_ingest_an_address_first():
    with pytest.raises(InputError, match=r"daexplore ingest https://example\.org/a\.h5 DEST"):
        read_galaxies("https://example.org/a.h5")


def test_hdf5_is_read_in_parts(tmp_path):
    """Only the chunks that are asked for are fetched: a file much larger than what is read."""
    (tmp_path / "packed").mkdir()
    with h5py.File(tmp_path / "packed" / "a.h5", "w") as file:
        file["images"] = np.ones((4, 8, 8, 3), np.uint8)
        file["rest"] = np.random.default_rng(0).integers(0, 255, (6_000_000, 5), np.uint8)
    with serving(tmp_path / "packed") as address:
        galaxies = ingest(f"{address}/a.h5", tmp_path / "set", workers=1)
    assert np.asarray(galaxies.images).mean() == 1
