"""Bad input by the command line: exit code 2, a sentence that names file, place and remedy, and
nothing lost.
"""

import hashlib
import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from command import call

N = 8


def cutout(path, shape=(3, 16, 16), seed=0, bands="gri", pixels=None):
    """A cube whose header names its bands."""
    if pixels is None:
        pixels = np.random.default_rng(seed).normal(5, 2, shape).astype(np.float32)
    header = fits.Header({f"BAND{i}": band for i, band in enumerate(bands)} | {"PIXSCALE": 0.2})
    fits.PrimaryHDU(pixels, header).writeto(path)
    return path


@pytest.fixture
def survey(tmp_path):
    """A folder of good cut-outs with a catalogue."""
    folder = tmp_path / "survey"
    folder.mkdir()
    for n in range(N):
        cutout(folder / f"gal{n}.fits", seed=n)
    Table({"id": [f"gal{n}" for n in range(N)], "label": ["merger", "other"] * (N // 2)}).write(
        folder / "catalogue.csv"
    )
    return folder


def tile(folder):
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.ctype = (
        (50, 50),
        (150, 2),
        (-1e-4, 1e-4),
        ("RA---TAN", "DEC--TAN"),
    )
    folder.mkdir()
    pixels = np.random.default_rng(0).normal(0, 1, (100, 100)).astype(np.float32)
    fits.PrimaryHDU(pixels, wcs.to_header()).writeto(folder / "tile.fits")
    return folder


def sums(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def truncated(folder):
    path = folder / "gal3.fits"
    path.write_bytes(path.read_bytes()[:4000])
    return "the file is cut short"


def without_image(folder):
    fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])])]
    ).writeto(folder / "gal3.fits", overwrite=True)
    return "has no image: it holds a table"


def unmeasured(folder):
    (folder / "gal3.fits").unlink()
    cutout(folder / "gal3.fits", pixels=np.full((3, 16, 16), np.nan, np.float32))
    return "no pixel holds a measurement"


def other_shape(folder):
    (folder / "gal3.fits").unlink()
    cutout(folder / "gal3.fits", shape=(3, 20, 16))
    return "1 of 16x20 in 3 bands"


def other_bands(folder):
    (folder / "gal3.fits").unlink()
    cutout(folder / "gal3.fits", bands="grz")
    return "1 of 16x16 in 3 bands (g, r, z)"


def no_fits(folder):
    (folder / "gal3.fits").write_text("<html>404</html>")
    return "It looks like a web page"


UNREADABLE = [truncated, without_image, unmeasured, no_fits]


def refused(code, err, *words):
    assert code == 2, err
    assert "Traceback" not in err
    for word in words:
        assert word in err


@pytest.mark.parametrize("fault", UNREADABLE)
def test_one_bad_file_is_set_aside_by_ingest_and_refused_by_a_training(
    monkeypatch, capsys, tmp_path, survey, fault
):
    reason = fault(survey)
    before = sums(survey)
    code, out, err = call(monkeypatch, capsys, "ingest", survey, tmp_path / "set", "--workers", 1)
    assert code == 0, err
    assert "1 galaxy was rejected" in out
    (line,) = [line for line in out.splitlines() if "gal3" in line]
    assert reason in line
    assert (
        json.loads((tmp_path / "set" / "galaxies.json").read_text())["chunks"][0]["rows"] == N - 1
    )
    code, _, err = call(
        monkeypatch,
        capsys,
        "train",
        "--source",
        survey,
        "--target",
        survey,
        "--runs",
        tmp_path / "runs",
    )
    refused(code, err, "gal3", reason)
    assert sums(survey) == before


@pytest.mark.parametrize("command", ["ingest", "train"])
@pytest.mark.parametrize("fault", [other_shape, other_bands])
def test_images_that_do_not_go_together_are_counted_and_the_first_is_named(
    monkeypatch, capsys, tmp_path, survey, fault, command
):
    reason = fault(survey)
    before = sums(survey)
    given = (
        (survey, tmp_path / "set")
        if command == "ingest"
        else ("--source", survey, "--target", survey, "--runs", tmp_path / "runs")
    )
    refused(
        *call(monkeypatch, capsys, command, *given)[::2],
        reason,
        "gal3",
        "--size" if fault is other_shape else "--bands",
    )
    assert sums(survey) == before


@pytest.mark.parametrize("fault", UNREADABLE)
def test_where_nothing_else_is_there_the_ingest_is_refused(
    monkeypatch, capsys, tmp_path, survey, fault
):
    reason = fault(survey)
    for n in set(range(N)) - {3}:
        (survey / f"gal{n}.fits").unlink()
    code, _, err = call(monkeypatch, capsys, "ingest", survey, tmp_path / "set", "--workers", 1)
    refused(code, err, "gal3", reason)
    assert not (tmp_path / "set" / "galaxies.json").exists()


@pytest.mark.parametrize("command", ["train", "inspect"])
def test_labels_of_another_length(monkeypatch, capsys, tmp_path, command):
    np.save(tmp_path / "sim_x_.npy", np.zeros((6, 3, 16, 16), np.float32))
    np.save(tmp_path / "sim_y_.npy", np.array([0, 1, 0, 1, 0]))
    paths = [tmp_path / "sim_x_.npy"] * 2
    given = ("--source", paths[0], "--target", paths[1]) if command == "train" else paths
    refused(*call(monkeypatch, capsys, command, *given)[::2], "sim_y_.npy", "5", "6")


def test_ids_that_do_not_match(monkeypatch, capsys, tmp_path, survey):
    Table({"id": [f"object{n}" for n in range(N)], "label": [0, 1] * (N // 2)}).write(
        survey / "catalogue.csv", overwrite=True
    )
    refused(
        *call(monkeypatch, capsys, "ingest", survey, tmp_path / "set")[::2],
        "catalogue.csv",
        "object0",
        "gal0",
    )


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["spiral", "1", "0", "0", "1", "0", "1", "0"], ("spiral", "row 0", "--catalogue")),
        ([0.0, 1.0, 0.5, 0.0, 1.0, 0.0, 1.0, 0.0], ("0.5", "row 2", "--catalogue")),
    ],
)
def test_labels_that_are_no_classes(monkeypatch, capsys, tmp_path, labels, words):
    np.save(tmp_path / "sim_x_.npy", np.zeros((N, 3, 16, 16), np.float32))
    np.save(tmp_path / "sim_y_.npy", np.array(labels))
    refused(
        *call(monkeypatch, capsys, "ingest", tmp_path / "sim_x_.npy", tmp_path / "set")[::2],
        "sim_y_.npy",
        *words,
    )


def test_a_catalogue_of_positions_without_coordinates(monkeypatch, capsys, tmp_path):
    folder = tile(tmp_path / "tiles")
    Table({"id": ["a", "b"], "x": [50, 20]}).write(folder / "catalogue.csv")
    code, _, err = call(
        monkeypatch,
        capsys,
        "ingest",
        folder,
        tmp_path / "set",
        "--catalogue",
        folder / "catalogue.csv",
        "--size",
        16,
    )
    refused(code, err, "catalogue.csv", "ra")


@pytest.mark.parametrize(("off", "expected"), [(1, 0), (4, 2)])
def test_positions_off_every_tile(monkeypatch, capsys, tmp_path, off, expected):
    folder = tile(tmp_path / "tiles")
    ra = [150.0, 150.001, 149.999, 150.0005]
    Table({"id": list("abcd"), "ra": ra[: 4 - off] + [10.0] * off, "dec": [2.0] * 4}).write(
        folder / "catalogue.csv"
    )
    code, out, err = call(
        monkeypatch, capsys, "ingest", folder, tmp_path / "set", "--size", 16, "--workers", 1
    )
    assert code == expected, err
    if expected:
        refused(code, err, "catalogue.csv", "tile")
    else:
        assert "1 galaxy was rejected" in out
        assert "  d: " in out


def test_another_input_leaves_the_set_that_was_there(monkeypatch, capsys, tmp_path, survey):
    assert call(monkeypatch, capsys, "ingest", survey, tmp_path / "set", "--workers", 1)[0] == 0
    before = sums(tmp_path / "set")
    (survey / "gal7.fits").unlink()
    refused(
        *call(monkeypatch, capsys, "ingest", survey, tmp_path / "set")[::2], str(tmp_path / "set")
    )
    assert sums(tmp_path / "set") == before


def test_a_full_disk_and_then_the_same_again(monkeypatch, capsys, tmp_path, survey):
    from daexplore.data.ingest import chunk

    def full(path, images):
        raise OSError(28, "No space left on device")

    assert call(monkeypatch, capsys, "ingest", survey, tmp_path / "whole", "--workers", 1)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(chunk, "write_images", full)
        code, _, err = call(patch, capsys, "ingest", survey, tmp_path / "set", "--workers", 1)
    refused(code, err, "There is no room", str(tmp_path / "set"))
    assert call(monkeypatch, capsys, "ingest", survey, tmp_path / "set", "--workers", 1)[0] == 0
    assert {
        k: v for k, v in sums(tmp_path / "set").items() if k.endswith((".npy", ".parquet"))
    } == {k: v for k, v in sums(tmp_path / "whole").items() if k.endswith((".npy", ".parquet"))}
