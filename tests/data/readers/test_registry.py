"""Choice of the reader: whichever reads, the folder is walked and the catalogue parsed once."""

import os

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from PIL import Image

from daexplore.config import ReadConfig
from daexplore.data.readers import read_galaxies

IDS = ["a1", "a2", "a3"]


def pixels(seed=0, size=16):
    return np.random.default_rng(seed).normal(10, 1, (size, size)).astype("f4")


def sky(size=16):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [(size + 1) / 2, (size + 1) / 2]
    wcs.wcs.cdelt = [-0.3 / 3600, 0.3 / 3600]
    return wcs.to_header()


def fits_cutouts(folder):
    for row, name in enumerate(IDS):
        fits.PrimaryHDU(pixels(row), sky()).writeto(folder / f"{name}.fits")


def fits_a_band(folder):
    for row, name in enumerate(IDS):
        for band in "gr":
            fits.PrimaryHDU(pixels(row), sky()).writeto(folder / f"{name}_{band}.fits")


def png(folder):
    for row, name in enumerate(IDS):
        grey = np.clip(pixels(row) * 10, 0, 255).astype("u1")
        Image.fromarray(np.stack([grey] * 3, -1)).save(folder / f"{name}.png")


def tile(folder):
    for band in "gr":
        header = sky(64)
        header["FILTER"] = band
        fits.PrimaryHDU(pixels(1, 64), header).writeto(folder / f"tile_{band}.fits")


def csv(table, folder):
    table.to_csv(folder / "catalogue.csv", index=False)


def parquet(table, folder):
    table.to_parquet(folder / "catalogue.parquet")


def ecsv(table, folder):
    Table.from_pandas(table).write(folder / "catalogue.ecsv", format="ascii.ecsv")


def fits_table(table, folder):
    Table.from_pandas(table).write(folder / "catalogue.fits")


@pytest.fixture
def counted(monkeypatch):
    """How often anything walks a folder or parses a whole table."""
    counts = {"walked": 0, "parsed": 0}

    def count(owner, name, key, counts_if=lambda *args, **options: True):
        original = getattr(owner, name)

        def counting(*args, **options):
            counts[key] += bool(counts_if(*args, **options))
            return original(*args, **options)

        monkeypatch.setattr(owner, name, counting)

    count(os, "walk", "walked")
    # The header line alone is read to find which columns are text.
    count(pd, "read_csv", "parsed", lambda *args, **options: options.get("nrows") != 0)
    count(pq.ParquetFile, "read", "parsed")
    count(Table, "read", "parsed")
    return counts


@pytest.mark.parametrize("save", [csv, parquet, ecsv, fits_table])
@pytest.mark.parametrize("make", [fits_cutouts, fits_a_band, png, tile])
def test_a_folder_is_walked_and_its_catalogue_parsed_once(make, save, tmp_path, counted):
    make(tmp_path)
    table = pd.DataFrame({"galaxy_id": IDS, "label": ["0", "1", "0"]})
    if make is tile:
        table = table.assign(ra=[150.0] * 3, dec=[1.9998, 2.0, 2.0002])
    elif make is not fits_a_band:
        suffix = ".png" if make is png else ".fits"
        table = table.assign(file=[name + suffix for name in IDS])
    save(table, tmp_path)
    size = 8 if make is tile else None
    read = read_galaxies(tmp_path, ReadConfig(size=size))
    assert sorted(read.catalogue["galaxy_id"]) == IDS
    assert counted == {"walked": 1, "parsed": 1}
