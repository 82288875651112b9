"""A set whose images have pixel scales of their own never gets one scale by mistake; it is brought
to one where that is asked for.
"""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from command import call
from PIL import Image

from daexplore.config import ReadConfig
from daexplore.data.account import account_of
from daexplore.data.ingest import ingest
from daexplore.data.readers import read_galaxies
from daexplore.errors import InputError

N, SIDE = 12, 60
SCALES = np.linspace(0.2, 0.4, N)


def blob(scale: float) -> np.ndarray:
    """A round galaxy of 2 arcsec in pixels of this size; its brightness an arcsec^2 is the same."""
    at = (np.arange(SIDE) - (SIDE - 1) / 2) * scale
    return 200 * np.exp(-(at[:, None] ** 2 + at**2) / (2 * 2.0**2))


def pictures(folder, column="pxscale"):
    folder.mkdir()
    for row, scale in enumerate(SCALES):
        Image.fromarray(blob(scale).round().astype(np.uint8)).save(folder / f"{row}.png")
    names = [f"{row}.png" for row in range(N)]
    frame = pd.DataFrame({"filename": names, "label": [0, 1] * (N // 2), column: SCALES})
    frame.to_csv(folder / "catalogue.csv", index=False)
    return folder


def cutouts(folder):
    folder.mkdir()
    for row, scale in enumerate(SCALES):
        flux = (blob(scale) * scale**2).astype(np.float32)
        fits.writeto(folder / f"{row}.fits", flux, fits.Header({"PIXSCALE": scale}))
    return folder


@pytest.mark.parametrize("column", ["pxscale", "PIXEL_SCALE"])
def test_scales_of_a_catalogue_stay_there_and_are_told(tmp_path, column):
    galaxies = read_galaxies(pictures(tmp_path / "set", column))
    assert galaxies.pixel_scale is None
    np.testing.assert_allclose(galaxies.catalogue[column], SCALES)
    [warning] = [each for each in account_of(galaxies).warnings if "pixel scale" in each]
    assert "0.2 to 0.4 arcsec" in warning
    assert "--resample" in warning


def test_one_scale_for_all_is_no_true_declaration(tmp_path):
    with pytest.raises(InputError, match=r"0\.3 is declared for all images, but the column"):
        read_galaxies(pictures(tmp_path / "set"), pixel_scale=0.3)


def test_a_column_of_one_scale_is_the_scale(tmp_path):
    folder = pictures(tmp_path / "set")
    frame = pd.read_csv(folder / "catalogue.csv").assign(pxscale=0.25)
    frame.to_csv(folder / "catalogue.csv", index=False)
    assert read_galaxies(folder).pixel_scale == pytest.approx(0.25)


@pytest.mark.parametrize("write", [pictures, cutouts])
def test_resampled_they_show_the_same_galaxy(tmp_path, write):
    folder = write(tmp_path / "set")
    read = ReadConfig(resample=0.4, size=24)
    for galaxies in (
        read_galaxies(folder, read),
        ingest(folder, tmp_path / "out", read, workers=1),
    ):
        assert galaxies.pixel_scale == pytest.approx(0.4)
        images = np.asarray(galaxies.images)[:, 0]
        peak = images.max()
        assert np.abs(images - images[-1]).max() < 0.03 * peak
        np.testing.assert_allclose(sorted(galaxies.catalogue["pixel_scale_before"]), SCALES)
        assert any("resampled" in each for each in account_of(galaxies).warnings)


def test_a_pixel_without_measurement_stays_one_pixel(tmp_path):
    folder = cutouts(tmp_path / "set")
    with fits.open(folder / "3.fits", mode="update") as opened:
        opened[0].data[SIDE // 2, SIDE // 2 + 6] = np.nan
    read = ReadConfig(resample=0.4, size=24, max_bad_pixels=0.05)
    images = np.asarray(read_galaxies(folder, read).images)[:, 0]
    assert np.abs(images - images[-1]).max() < 0.05 * images.max()


def test_a_size_is_needed(tmp_path):
    with pytest.raises(InputError, match="--size PIXELS"):
        read_galaxies(pictures(tmp_path / "set"), resample=0.4)


def test_files_of_different_scales_name_the_way_out(tmp_path, monkeypatch, capsys):
    folder = cutouts(tmp_path / "set")
    with pytest.raises(InputError, match=r"--resample ARCSEC --size PIXELS"):
        read_galaxies(folder)
    command = ("ingest", folder, tmp_path / "out", "--resample", 0.4, "--size", 24)
    code, shown, told = call(monkeypatch, capsys, *command, "--workers", 1)
    assert code == 0, told
    assert f"{N} images" in shown


FRACTIONS = [0.0, 0.2, 0.31, 0.5, 0.69, 0.7, 1.0, None, 0.1, 0.9, 0.4, 0.6]


def voted(folder):
    pictures(folder)
    frame = pd.read_csv(folder / "catalogue.csv").drop(columns=["label", "pxscale"])
    frame.assign(merging=FRACTIONS).to_csv(folder / "catalogue.csv", index=False)
    return folder


@pytest.mark.parametrize("threshold", [(0.5,), (0.3, 0.7)])
def test_fractions_of_votes_become_classes_by_a_stated_rule(tmp_path, threshold):
    galaxies = read_galaxies(voted(tmp_path / "set"), label="merging", label_threshold=threshold)
    low, high = threshold[0], threshold[-1]
    rule = {
        row: -1 if share is None else int(share >= high) if share >= high or share < low else -1
        for row, share in enumerate(FRACTIONS)
    }
    names = [int(name.rpartition("/")[2].partition(".")[0]) for name in galaxies.sample_ids]
    assert galaxies.labels.tolist() == [rule[row] for row in names]
    assert galaxies.classes == ("non-merging", "merging")
    assert any("by the threshold" in each for each in account_of(galaxies).warnings)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [((0.0,), "above 0"), ((0.7, 0.3), "ascending"), ((0.1, 0.2, 0.3), "one number")],
)
def test_a_rule_that_cannot_be_is_refused(tmp_path, threshold, message):
    with pytest.raises(InputError, match=message):
        read_galaxies(voted(tmp_path / "set"), label="merging", label_threshold=threshold)


def test_counts_are_no_fractions_and_fractions_need_a_rule(tmp_path):
    folder = voted(tmp_path / "set")
    with pytest.raises(InputError, match=r"--label-threshold 0\.5"):
        read_galaxies(folder, label="merging")
    frame = pd.read_csv(folder / "catalogue.csv")
    frame.assign(merging=np.arange(N)).to_csv(folder / "catalogue.csv", index=False)
    with pytest.raises(InputError, match="needs fractions from 0 to 1"):
        read_galaxies(folder, label="merging", label_threshold=(0.5,))
