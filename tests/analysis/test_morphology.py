"""Measured shapes against profiles whose values are known."""

import numpy as np
import pytest
from scipy.ndimage import rotate

from daexplore.analysis.images.morphology import feature_names, morphology

BANDS = ("g", "r", "i")
SIZE = 101


def feature(images, name):
    return morphology(images)[:, feature_names(BANDS).index(name)]


def profile(kind, scale=6.0, ellipticity=0.0, centre=(0.0, 0.0)):
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    radius = np.hypot((y - centre[0]) / (1 - ellipticity), x - centre[1])
    flux = {
        "gauss": np.exp(-(radius**2) / (2 * scale**2)),
        "disc": np.exp(-radius / scale),
        "vaucouleurs": np.exp(-7.67 * ((radius / scale + 1e-3) ** 0.25 - 1)),
    }[kind]
    return np.stack([flux] * 3)[None]


def test_there_is_a_name_for_each_feature_and_all_are_finite():
    rng = np.random.default_rng(0)
    for images in (
        np.zeros((2, 3, 20, 20)),
        rng.normal(size=(2, 3, 20, 21)),
        -np.ones((1, 3, 9, 9)),
        profile("disc"),
    ):
        found = morphology(images)
        assert found.shape == (len(images), len(feature_names(BANDS)))
        assert np.isfinite(found).all()


def test_radii_and_concentration_of_a_gaussian_are_the_closed_form():
    scale = 8.0
    images = profile("gauss", scale)
    for name, share in (("r20", 0.2), ("r50", 0.5), ("r80", 0.8)):
        expected = scale * np.sqrt(-2 * np.log(1 - share)) / (SIZE / 2)
        assert feature(images, name)[0] == pytest.approx(expected, abs=0.02)
    expected = 5 * np.log10(np.sqrt(np.log(0.2) / np.log(0.8)))
    assert feature(images, "concentration")[0] == pytest.approx(expected, abs=0.15)


def test_a_bulge_is_more_concentrated_than_a_disc_and_has_a_higher_gini():
    for name in ("concentration", "gini"):
        assert feature(profile("vaucouleurs"), name) > feature(profile("disc"), name)


@pytest.mark.parametrize("ellipticity", [0.0, 0.3, 0.6])
def test_ellipticity_is_that_of_the_isophotes(ellipticity):
    found = feature(profile("gauss", 8, ellipticity), "ellipticity")[0]
    assert found == pytest.approx(ellipticity, abs=0.06)


def test_asymmetry_second_peak_and_offset_see_a_companion():
    alone, pair = profile("disc"), profile("disc") + 0.6 * profile("disc", 3, centre=(18, 12))
    assert feature(alone, "asymmetry")[0] == pytest.approx(0, abs=1e-6)
    for name in ("asymmetry", "outer_asymmetry", "second_peak", "offset", "m20"):
        assert feature(pair, name)[0] > feature(alone, name)[0]


def test_shapes_do_not_depend_on_brightness_and_little_on_rotation():
    pair = profile("disc") + 0.6 * profile("disc", 3, centre=(18, 12))
    np.testing.assert_allclose(morphology(pair * 1000), morphology(pair), rtol=1e-4, atol=1e-4)
    turned = rotate(pair, 37, axes=(2, 3), reshape=False, order=3)
    shapes = slice(0, 12)
    np.testing.assert_allclose(
        morphology(turned)[0, shapes], morphology(pair)[0, shapes], atol=0.12
    )
    quarter = np.rot90(pair, 1, (2, 3))
    np.testing.assert_allclose(morphology(quarter), morphology(pair), atol=1e-3)


def test_colours_are_magnitudes():
    images = profile("disc") * np.array([1.0, 2.0, 4.0])[None, :, None, None]
    assert feature(images, "g-r")[0] == pytest.approx(2.5 * np.log10(2), abs=1e-3)
    assert feature(images, "r-i_gradient")[0] == pytest.approx(0, abs=1e-3)
