"""The table of formats tells the truth: each command runs on an input of its kind."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from command import call
from file_server import serving
from packed_files import PACKED, SIZE, hub, pictures
from PIL import Image

from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.registry import READERS

PAGE = Path(__file__).parents[2] / "docs" / "site" / "howto" / "formats.md"
ROWS = re.findall(r"^\| (.+?) \| .+ \| `(daexplore ingest .+)` \|$", PAGE.read_text(), re.MULTILINE)
IN_FOLDERS = {"hub": "hub", "nested": "nested", "hats": "hats", "galaxy10": "galaxy10"}
IN_FOLDERS |= {"multimodal": "multimodal", "npz": "npz", "npy": "npy, channels last", "tar": "tar"}


def write_pictures(folder):
    for row, image in enumerate(pictures()):
        place = folder / "pictures" / ("merger", "other")[row % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{row}.png")
        (folder / "listed").mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / "listed" / f"{row}.png")
    names = [f"{row}.png" for row in range(len(pictures()))]
    kinds = ["ab"[row % 2] for row in range(len(names))]
    pd.DataFrame({"filename": names, "morphology": kinds}).to_csv(
        folder / "listed" / "catalogue.csv", index=False
    )


def write_fits(folder):
    rng = np.random.default_rng(0)
    for name in ("cutouts", "bands", "tiles"):
        (folder / name).mkdir()
    for row in range(6):
        header = fits.Header({"BANDS": "gr", "PIXSCALE": 0.2})
        image = rng.normal(size=(2, SIZE, SIZE)).astype(np.float32)
        fits.writeto(folder / "cutouts" / f"{row}.fits", image, header)
        for band, plane in zip("gr", image, strict=True):
            one = fits.Header({"FILTER": band, "PIXSCALE": 0.2})
            fits.writeto(folder / "bands" / f"{row}_{band}.fits", plane, one)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [10, 2], [60, 60]
    wcs.wcs.cd = np.diag([-0.2, 0.2]) / 3600
    for band in "gr":
        header = wcs.to_header()
        header["FILTER"] = band
        image = rng.normal(size=(120, 120)).astype(np.float32)
        fits.writeto(folder / "tiles" / f"field_{band}.fits", image, header)
    ra, dec = wcs.all_pix2world([[30, 30], [60, 80], [90, 40]], 0).T
    pd.DataFrame({"id": ["a", "b", "c"], "ra": ra, "dec": dec}).to_csv(
        folder / "positions.csv", index=False
    )
    archive = [
        fits.PrimaryHDU(rng.normal(size=(6, 2, SIZE, SIZE)).astype(np.float32)),
        fits.ImageHDU(np.arange(6.0) % 2),
    ]
    fits.HDUList(archive).writeto(folder / "hlsp_deepmerge_f814w-f160w_sim.fits")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    write_pictures(folder)
    write_fits(folder)
    for name, kind in IN_FOLDERS.items():
        PACKED[kind][0](folder / name)
    hub(folder / "served" / "hub")
    return folder


def test_every_reader_has_a_row():
    assert len(ROWS) >= len(READERS)


@pytest.mark.parametrize(("kind", "command"), ROWS, ids=[kind for kind, _ in ROWS])
def test_the_command_of_a_row_runs(inputs, kind, command, monkeypatch, capsys):
    monkeypatch.chdir(inputs)
    if kind == "galaxy set" and not (inputs / "from-pictures").is_dir():
        call(monkeypatch, capsys, "ingest", "pictures", "from-pictures", "--workers", 1)
    with serving(inputs / "served") as address:
        words = [word.replace("ADDRESS", address) for word in shlex.split(command)[1:]]
        code, told, wrong = call(monkeypatch, capsys, *words)
    assert code == 0, wrong
    galaxies = GalaxySet.load(inputs / words[2])
    assert f"{len(galaxies)} images" in told
    unlabelled = {"FITS cut-outs", "FITS, one file for each band", "survey tiles"}
    assert (galaxies.labels >= 0).all() == (kind not in unlabelled)
