"""Pixels without a measurement are mended as astropy mends them, or the image is refused."""

import numpy as np
import pytest
from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans

from daexplore.data.readers.bad_pixels import fill_bad_pixels
from daexplore.errors import InputError

KERNEL = Gaussian2DKernel(1, x_size=5, y_size=5)


def image(*bad, bands=1, size=24):
    rng = np.random.default_rng(3)
    pixels = rng.normal(100, 15, (bands, size, size)).astype(np.float32)
    for where in bad:
        pixels[where] = np.nan
    return pixels


HOLES = {
    "one pixel": [np.s_[0, 7, 9]],
    "two apart": [np.s_[0, 7, 9], np.s_[0, 15, 4]],
    "a row of three": [np.s_[0, 7, 9:12]],
    "three by three": [np.s_[0, 10:13, 6:9]],
    "a corner": [np.s_[0, 0, 0]],
    "the rim": [np.s_[0, 0, 5:8], np.s_[0, 20, -1]],
    "a column": [np.s_[0, :, 11]],
}


@pytest.mark.parametrize("hole", HOLES)
def test_small_holes_are_filled_as_astropy_fills_them(hole):
    pixels = image(*HOLES[hole])
    given = pixels.copy()
    found, share = fill_bad_pixels(pixels, 0.1, "galaxy")
    wanted = interpolate_replace_nans(
        pixels[0].astype(np.float64), KERNEL, boundary="fill", fill_value=np.nan
    )
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    assert share == np.isnan(given).mean()
    np.testing.assert_array_equal(pixels, given)


@pytest.mark.parametrize("size", [6, 10, 14])
def test_wide_holes_are_filled_with_nothing_beyond_what_was_measured(size):
    pixels = image(np.s_[0, 4 : 4 + size, 5 : 5 + size])
    found, share = fill_bad_pixels(pixels, 0.5, "galaxy")
    good = np.isfinite(pixels)
    assert np.nanmin(pixels) <= found.min() <= found.max() <= np.nanmax(pixels)
    np.testing.assert_array_equal(found[good], pixels[good])
    assert share == pytest.approx(size**2 / 24**2)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinite_pixels_are_mended_and_other_bands_left_alone(value):
    pixels = image(bands=3)
    pixels[1, 5, 5] = value
    found, share = fill_bad_pixels(pixels, 0.1, "galaxy")
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[[0, 2]], pixels[[0, 2]])
    assert share == pytest.approx(1 / pixels.size)


def test_whole_images_come_back_as_they_are():
    pixels = image()
    assert fill_bad_pixels(pixels, 0.1, "galaxy")[0] is pixels


@pytest.mark.parametrize(
    ("bad", "limit", "message"),
    [
        (
            [np.s_[:]],
            1.0,
            r"survey/7\.fits: no pixel holds a measurement, all 1152 are NaN.*Leave this image out",
        ),
        (
            [np.s_[1, :12]],
            0.1,
            (
                r"survey/7\.fits: a share of 0\.5 of the pixels of its channel 1.*at most"
                r" 0\.1.*--max-bad-pixels"
            ),
        ),
        (
            [np.s_[1]],
            1.0,
            r"survey/7\.fits: a share of 1 of the pixels of its channel 1.*cannot be interpolated",
        ),
    ],
)
def test_too_many_are_refused_with_place_and_remedy(bad, limit, message):
    with pytest.raises(InputError, match=message):
        fill_bad_pixels(image(*bad, bands=2), limit, "survey/7.fits")
