"""Which files of a folder are the bands of one galaxy: found by the names, wherever the band stands
in them, and never by guess.
"""

import re

import numpy as np
import pytest
from astropy.io import fits

from daexplore.config import ReadConfig
from daexplore.data.readers import open_listing, read_galaxies
from daexplore.data.readers.fits.band_files import find_band_files
from daexplore.errors import InputError

WAYS = {
    "at the end": "gal{n}_{band}.fits",
    "at the front": "{band}-gal{n}.fits.gz",
    "in the middle": "gal{n}_{band}_drz.fits",
    "a folder a band": "{band}/gal{n}.fits",
    "a folder a galaxy": "gal{n}/{band}.fit",
    "a folder deep inside": "field/{band}/cut/gal{n}.fits",
    "with dots": "gal.{n}.{band}.fits",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bands", [("F160W", "F814W"), ("g", "r", "z"), ("NUV", "g")])
def test_the_band_may_stand_anywhere(way, bands):
    files = [WAYS[way].format(n=n, band=band) for n in (1, 2, 3) for band in bands]
    found = find_band_files(files, None)
    assert sorted(found.bands) == sorted(bands)
    assert len(found.galaxies) == 3
    for n, those in enumerate(found.galaxies.values(), start=1):
        assert those == tuple(WAYS[way].format(n=n, band=band) for band in found.bands)
    assert found.others == ()


@pytest.mark.parametrize(
    "files",
    [
        ["gal1.fits", "gal2.fits"],
        ["a_1.fits", "a_2.fits", "b_1.fits"],
        ["gal1_r.fits", "gal2_r.fits", "gal3_r.fits"],
        ["SDSS_g.fits", "HST_r.fits", "MUSE_z.fits"],
        ["gal1_g.fits", "gal1_x17.fits"],
    ],
)
def test_names_that_do_not_repeat_the_same_bands_are_galaxies_of_their_own(files):
    assert find_band_files(files, None) is None


def test_declared_bands_keep_their_order_whatever_they_are_called():
    files = [f"{n}_{band}.fits" for n in (1, 2) for band in ("blue", "red", "mask")]
    found = find_band_files(files, ("red", "blue"))
    assert found.bands == ("red", "blue")
    assert found.galaxies == {
        "1": ("1_red.fits", "1_blue.fits"),
        "2": ("2_red.fits", "2_blue.fits"),
    }


def test_two_files_of_one_band_are_named():
    with pytest.raises(InputError, match=re.escape("Keep one of them")) as caught:
        find_band_files(["gal1_g.fits", "gal1_g.fits.gz", "gal1_r.fits"], None)
    assert "gal1_g.fits" in str(caught.value)
    assert "gal1_g.fits.gz" in str(caught.value)


def write(folder, names, shape=(8, 8)):
    rng = np.random.default_rng(1)
    planes = {}
    for name in names:
        planes[name] = rng.normal(0, 1, shape).astype(np.float32)
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        fits.PrimaryHDU(planes[name], fits.Header({"PIXSCALE": 0.1, "BUNIT": "nJy"})).writeto(
            folder / name
        )
    return planes


@pytest.mark.parametrize("way", ["at the end", "a folder a band", "a folder a galaxy"])
def test_galaxies_are_put_together(tmp_path, way):
    planes = write(
        tmp_path,
        [WAYS[way].format(n=n, band=band) for n in (1, 2, 3) for band in ("F160W", "F814W")],
    )
    found = read_galaxies(tmp_path)
    assert found.bands == ("F160W", "F814W")
    assert found.pixel_scale == 0.1
    assert [float(scale) for scale in found.flux_scale] == [1.0, 1.0]
    wanted = [[planes[WAYS[way].format(n=n, band=band)] for band in found.bands] for n in (1, 2, 3)]
    np.testing.assert_array_equal(found.images, wanted)


def test_a_galaxy_without_one_of_the_bands_is_set_aside_with_its_reason(tmp_path):
    write(
        tmp_path,
        [f"gal{n}_{band}.fits" for n in (1, 2, 3) for band in "gr" if (n, band) != (2, "r")],
    )
    listing = open_listing(tmp_path)
    assert len(listing.catalogue) == 2
    (aside,) = listing.aside
    assert aside.name == "gal2"
    assert "'gal2' has no file of the band r" in aside.reason


def test_bands_of_different_sizes_are_refused_by_name(tmp_path):
    write(tmp_path, ["gal1_g.fits", "gal2_g.fits", "gal2_r.fits"])
    write(tmp_path, ["gal1_r.fits"], shape=(9, 8))
    with pytest.raises(
        InputError,
        match=r"gal1_r\.fits measures 8x9 pixels, gal1_g\.fits 8x8\. Bring the bands to one grid",
    ):
        read_galaxies(tmp_path, ReadConfig())
