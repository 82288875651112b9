"""Images scaled one by one: background 0, peak 1, whatever the unit."""

import numpy as np
import pytest
from factories import make_galaxies
from hypothesis import given, settings
from hypothesis import strategies as st

from daexplore.config import DataConfig
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.preprocessing.steps import ImageScale, read_step, record_step


def images(n=5, size=40, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - size / 2
    galaxy = np.exp(-(y**2 + x**2) / 30)
    colours = rng.uniform(0.5, 2, (n, 3, 1, 1))
    return (colours * galaxy + rng.normal(0, 0.01, (n, 3, size, size))).astype(np.float32)


def test_background_is_0_and_the_percentile_of_all_bands_is_1():
    found = ImageScale().apply(images() + np.float32([[[5.0]], [[-3.0]], [[0.1]]]))
    for image in found:
        border = np.concatenate([image[:, :4].reshape(3, -1), image[:, -4:].reshape(3, -1)], axis=1)
        np.testing.assert_allclose(np.median(border, axis=1), 0, atol=5e-3)
        peak = np.percentile(image, 99.5, method="higher")
        assert peak == pytest.approx(1, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(-10, 10))
def test_unit_and_zero_point_do_not_matter(scale, offset):
    plain = ImageScale().apply(images())
    np.testing.assert_allclose(
        ImageScale().apply((images() + np.float32(offset)) * np.float32(scale)), plain, atol=2e-4
    )


@pytest.mark.parametrize("value", [0.0, 3.5, -1.0])
def test_constant_images_become_0(value):
    found = ImageScale().apply(np.full((2, 3, 20, 20), value, np.float32))
    assert (found == 0).all()


def test_a_single_bright_pixel_is_the_peak():
    lone = np.zeros((1, 1, 40, 40), np.float32)
    lone[0, 0, 20, 20] = 7
    assert ImageScale().apply(lone).max() == 1


def test_the_step_is_recorded_and_other_sets_are_treated_the_same(tmp_path):
    source, target = make_galaxies(tmp_path, 30)
    config = DataConfig(normalise="image")
    rows = np.arange(30)
    fitted = Preprocess.fit(config, source, rows, target, rows)
    assert read_step(record_step(ImageScale()), "here") == ImageScale()
    again = Preprocess.from_dict(fitted.to_dict())
    assert again == fitted
    expected = ImageScale().apply(np.asarray(target.images))
    np.testing.assert_array_equal(again.apply(np.asarray(target.images), "target"), expected)
    other = again.for_galaxy_set("target", source)
    np.testing.assert_array_equal(
        other.apply(np.asarray(source.images), "target"),
        ImageScale().apply(np.asarray(source.images)),
    )
