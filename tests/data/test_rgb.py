"""Galaxy images for the eye."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from daexplore.data.contact_sheet import contact_sheet
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.rgb import band_order, png, to_rgb
from daexplore.errors import InputError


def blob(amplitudes, noise=0.0, size=32):
    y, x = np.mgrid[:size, :size] - size // 2
    profile = np.exp(-np.hypot(x, y) / 4)
    rng = np.random.default_rng(0)
    return (
        np.array(amplitudes)[:, None, None] * profile
        + noise * rng.standard_normal((len(amplitudes), size, size))
    ).astype(np.float32)


def test_long_wavelengths_are_red():
    assert band_order(("F814W", "F356W", "F160W")) == (1, 2, 0)
    assert band_order(("g", "r", "z")) == (2, 1, 0)
    assert band_order(("R", "G", "B")) == (0, 1, 2)
    assert band_order(("first", "second", "third")) == (2, 1, 0)
    assert band_order(("u", "g", "r", "i", "z")) == (4, 2, 0)
    assert band_order(("VIS",)) == (0,)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_is_drawn(channels):
    images = np.stack([blob(np.arange(1, channels + 1), noise=0.05)] * 4)
    rgb = to_rgb(images)
    assert rgb.shape == (4, 32, 32, 3)
    assert rgb.dtype == np.uint8
    assert rgb[0, 16, 16].max() > 200
    assert rgb[0, 0, 0].max() < 120
    np.testing.assert_array_equal(to_rgb(images[0]), rgb[:1])
    if channels == 1:
        assert (rgb == rgb[..., :1]).all()


def test_a_red_spot_is_red_and_a_blue_one_blue():
    image = blob([1.0, 1.0, 1.0])
    image[:, 4:8, 4:8] = np.array([0.0, 0.5, 0.1])[:, None, None]
    image[:, 24:28, 24:28] = np.array([0.5, 0.0, 0.1])[:, None, None]
    rgb = to_rgb(image, ("F814W", "F356W", "F160W"))[0].astype(int)
    assert rgb[6, 6, 0] > 2 * rgb[6, 6, 2]
    assert rgb[26, 26, 2] > 2 * rgb[26, 26, 0]


def test_pictures_are_shown_as_they_are():
    picture = np.random.default_rng(0).integers(0, 256, (2, 3, 9, 9)).astype(np.float32)
    np.testing.assert_array_equal(to_rgb(picture, ("R", "G", "B")), picture.transpose(0, 2, 3, 1))
    assert not np.array_equal(
        to_rgb(picture, ("g", "r", "z")), picture[:, ::-1].transpose(0, 2, 3, 1)
    )


def test_units_and_neighbours_do_not_matter():
    images = np.stack([blob([1.0, 2.0, 3.0], 0.02), blob([5.0, 1.0, 2.0], 0.3)])
    together = to_rgb(images)
    np.testing.assert_array_equal(to_rgb(images[:1])[0], together[0])
    assert np.abs(to_rgb(images * 1e6).astype(int) - together).max() <= 1


def test_brighter_is_never_darker():
    image = np.repeat(
        np.sort(np.random.default_rng(0).gamma(0.5, size=32 * 32)).reshape(1, 32, 32), 3, 0
    )
    grey = to_rgb(image)[0, :, :, 0].ravel().astype(int)
    assert (np.diff(grey) >= 0).all()
    assert grey[-1] == 255


def test_empty_negative_and_broken_pixels_do_no_harm():
    assert (to_rgb(np.zeros((3, 8, 8))) == 0).all()
    assert (to_rgb(np.full((3, 8, 8), -2.0)) == 0).all()
    image = blob([1.0, 1.0, 1.0])
    image[:, 0, 0] = np.nan
    image[:, 0, 1] = np.inf
    rgb = to_rgb(image)[0]
    assert (rgb[0, :2] == 0).all()
    assert rgb[16, 16].min() > 200


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(InputError, match="expected"):
        to_rgb(np.zeros((8, 8)))
    with pytest.raises(InputError, match="one to three"):
        to_rgb(np.zeros((3, 8, 8)), order=(0, 3, 1))
    with pytest.raises(InputError, match="one name for each"):
        to_rgb(np.zeros((3, 8, 8)), ("g", "r"))


def test_png_has_the_first_row_at_the_top():
    rgb = np.zeros((6, 4, 3), np.uint8)
    rgb[0, 1] = (255, 0, 0)
    image = Image.open(io.BytesIO(png(rgb)))
    assert image.size == (4, 6)
    assert image.getpixel((1, 0)) == (255, 0, 0)
    assert Image.open(io.BytesIO(png(rgb, 40))).size == (40, 60)


def test_contact_sheet_shows_each_class_once():
    n = 30
    labels = pd.array([0] * 12 + [1] * 12 + [None] * 6, dtype="Int64")
    catalogue = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(n)],
            "group_id": [str(i) for i in range(n)],
            "label": labels,
        }
    )
    images = np.stack([blob([1.0, 2.0, 3.0], 0.05)] * n)
    galaxies = GalaxySet(images, catalogue, ("spiral", "smooth"), ("g", "r", "z"), "example")
    sheet = contact_sheet(galaxies, per_class=8, columns=4, size=32)
    assert sheet.size == (4 * 34 - 2, 3 * (26 + 2 * 34))
    assert np.asarray(sheet).max() > 200
    np.testing.assert_array_equal(
        np.asarray(contact_sheet(galaxies, 8, columns=4, size=32)), np.asarray(sheet)
    )
