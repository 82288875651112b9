"""FITS files that others wrote, read as astropy reads them, or refused with the reason."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from daexplore.data.readers.fits.cutout import read_fits
from daexplore.errors import InputError

ZOO = Path(__file__).parents[4] / "shared" / "data" / "fits_zoo"

READ = {
    "blank.fits": (1, 1, 1),
    "bok90prime_ooi_r.fits": (1, 59, 60),
    "compressed_with_nan.fits": (1, 12, 12),
    "decam_ooi_r_N26.fits": (1, 100, 101),
    "galsim_testF.fits.fz": (1, 5, 7),
    "galsim_test_cubeUS.fits": (12, 5, 7),
    "m13.fits": (1, 300, 300),
    "m13_gzip.fits": (1, 300, 300),
    "m13_hcomp.fits": (1, 300, 300),
    "m13_rice.fits": (1, 300, 300),
    "scale.fits": (1, 21, 20),
    "scarlet_Cut_HSC.fits": (5, 50, 50),
    "sep_image.fits": (1, 256, 256),
}

REFUSED = {
    "aegis_F606w_multi.fits": "images differ in size: 70x46 .*142x156 .*48x50",
    "compressed_float_bzero.fits": "expected an image .* or a cube .*got 3",
    "test0.fits": "nothing distinguishes its 4 images",
}


@pytest.fixture
def zoo():
    # Real files are not in the repository: others made them. The same kinds of file, made here, are
    # tested everywhere.
    if not ZOO.is_dir():
        pytest.skip("needs the FITS files of ../shared/data/fits_zoo")
    return ZOO


def by_astropy(path):
    """The one image of a file; BLANK and NaN are both NaN, as astropy scales them."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path) as hdus:
            (image,) = (
                hdu.data for hdu in hdus if getattr(hdu, "is_image", False) and hdu.data is not None
            )
            return np.array(image, np.float64)


@pytest.mark.parametrize("name", READ)
def test_a_file_of_others_has_the_values_that_astropy_reads(zoo, name):
    pixels = read_fits(zoo / name).pixels
    assert pixels.shape == READ[name]
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels.reshape(-1), by_astropy(zoo / name).reshape(-1), rtol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_galaxy_says_why(zoo, name):
    with pytest.raises(InputError, match=REFUSED[name]) as error:
        read_fits(zoo / name)
    assert name in str(error.value)


def test_every_file_there_has_an_expected_outcome(zoo):
    assert {path.name for path in zoo.iterdir()} == {*READ, *REFUSED}


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(zoo, tmp_path, kept):
    whole = (zoo / "m13.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(
        whole[: int(kept * len(whole)) if kept < 0.999 else len(whole) - 2880 * 2]
    )
    with pytest.raises(InputError, match=r"cut\.fits"):
        read_fits(tmp_path / "cut.fits")
