"""The steps of preprocessing, each against an independent way to the same numbers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from daexplore.data.preprocessing.steps import (
    STEPS,
    Asinh,
    Background,
    Crop,
    ImageScale,
    Normalise,
    Percentile,
    PsfMatch,
    Resample,
    SelectBands,
    Units,
    read_step,
    record_step,
)
from daexplore.data.preprocessing.steps.background import clipped_median
from daexplore.data.preprocessing.steps.psf import blur_matrix, kernel_sigma
from daexplore.errors import InputError

EXAMPLES = (
    ImageScale(),
    SelectBands((1, 0)),
    Units((0.1, 3.7)),
    Background(2),
    PsfMatch((0.7, 0.0)),
    Resample(1.37),
    Crop((9, 5)),
    Asinh(3.0, (0.1, 2.0)),
    Percentile((-0.3, 0.0), (1 / 3, 2.5)),
    Normalise((0.1, 5.0), (1 / 3, 2.0)),
)


def gamma(*shape, seed=0):
    return np.random.default_rng(seed).gamma(1.0, size=shape).astype(np.float32)


def overlap_area(i, j, ratio, n, length):
    """Length of old pixel i that lies within new pixel j, both centred on the same point."""
    left = n / 2 - length / 2 * ratio + j * ratio
    return max(0.0, min(i + 1, left + ratio) - max(i, left))


@pytest.mark.parametrize("ratio", [2.0, 1.0, 0.5, 1.37, 0.731, 5.0])
@pytest.mark.parametrize("shape", [(7, 11), (12, 5)])
def test_resampling_is_the_overlap_of_pixels(ratio, shape):
    images = gamma(2, 2, *shape)
    height, width = (math.floor(n / ratio + 1e-6) for n in shape)
    expected = np.zeros((2, 2, height, width))
    for y, x in np.ndindex(height, width):
        for i, j in np.ndindex(*shape):
            area = overlap_area(i, y, ratio, shape[0], height) * overlap_area(
                j, x, ratio, shape[1], width
            )
            expected[:, :, y, x] += area * images[:, :, i, j]
    np.testing.assert_allclose(Resample(ratio).apply(images), expected, rtol=1e-5)


@pytest.mark.parametrize("ratio", [0.396 / 0.26, 0.5, 3.3, 2.5])
def test_resampling_conserves_the_flux_and_the_place_of_a_source_within(ratio):
    images = np.zeros((1, 1, 60, 60), np.float32)
    images[0, 0, 20:43, 18:39] = gamma(23, 21)
    resampled = Resample(ratio).apply(images)[0, 0].astype(np.float64)
    assert resampled.sum() == pytest.approx(images.sum(dtype=np.float64), rel=1e-6)
    for axis in (0, 1):
        before, after = (
            image.sum(axis=axis).astype(np.float64) for image in (images[0, 0], resampled)
        )
        # Measured from the centre of the image, in old pixels.
        centres = [
            ((np.arange(len(row)) + 0.5 - len(row) / 2) * unit * row).sum() / row.sum()
            for row, unit in ((before, 1.0), (after, ratio))
        ]
        assert centres[0] == pytest.approx(centres[1], abs=0.02 * ratio if ratio < 1 else 0.3)


def test_flat_images_stay_flat_and_hold_more_flux_in_a_coarser_pixel():
    np.testing.assert_allclose(
        Resample(1.6).apply(np.ones((1, 1, 30, 30), np.float32)), 1.6**2, rtol=1e-6
    )
    with pytest.raises(
        InputError,
        match="4 pixels wide are smaller than one pixel of the common scale, 5 of theirs",
    ):
        Resample(5.0).apply(np.ones((1, 1, 4, 30), np.float32))


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 2.3])
def test_the_blur_adds_its_variance_and_keeps_flux_and_centre(sigma):
    image = np.zeros((1, 1, 61, 61), np.float32)
    image[0, 0, 30, 30] = 1000
    blurred = PsfMatch((sigma,)).apply(image)[0, 0].astype(np.float64)
    assert blurred.sum() == pytest.approx(1000, rel=1e-6)
    y, x = np.indices(blurred.shape) - 30
    for offset in (y, x):
        assert (blurred * offset).sum() == pytest.approx(0, abs=1e-3)
        assert (blurred * offset**2).sum() / 1000 == pytest.approx(sigma**2, rel=1e-4)


def test_a_gaussian_star_gets_the_wanted_width():
    scale, own, wanted = 0.2, 0.9, 1.4
    y, x = np.indices((81, 81)) - 40

    def star(fwhm):
        sigma = fwhm / scale / math.sqrt(8 * math.log(2))
        return (np.exp(-(y**2 + x**2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)).astype(
            np.float32
        )[None, None]

    blurred = PsfMatch((kernel_sigma(own, wanted, scale),)).apply(star(own))
    np.testing.assert_allclose(blurred, star(wanted), atol=0.003 * star(wanted).max())


def test_the_blur_is_scipys_with_mirrored_edges_and_each_band_has_its_own():
    images = gamma(3, 3, 20, 31)
    blurred = PsfMatch((2.0, 0.0, 4.0)).apply(images)
    np.testing.assert_array_equal(blurred[:, 1], images[:, 1])
    for band, sigma in ((0, 2.0), (2, 4.0)):
        expected = gaussian_filter(
            images[:, band].astype(np.float64), (0, sigma, sigma), mode="reflect", truncate=8
        )
        np.testing.assert_allclose(blurred[:, band], expected, rtol=1e-4)
    np.testing.assert_allclose(blurred.sum(axis=(2, 3)), images.sum(axis=(2, 3)), rtol=1e-5)


def test_a_kernel_wider_than_the_image_still_conserves_flux():
    matrix = blur_matrix(9.0, 4)
    np.testing.assert_allclose(matrix.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-7)


def test_widths_of_point_spread_functions():
    assert kernel_sigma(1.0, 1.0, 0.2) == 0
    assert math.isnan(kernel_sigma(1.1, 1.0, 0.2))
    assert kernel_sigma(3.0, 5.0, 0.5) == pytest.approx(4.0 / 2.3548200450309493 / 0.5)


def test_the_background_is_astropys_clipped_median_of_the_border():
    from astropy.stats import sigma_clipped_stats

    images = np.random.default_rng(1).normal(50, 3, (4, 2, 20, 17))
    images[:, :, 3:8, 0] += 400
    images[0, 0, 5:15, 5:15] += 1e4
    border = np.ones((20, 17), bool)
    border[2:-2, 2:-2] = False
    subtracted = Background(2).apply(images)
    for n, band in np.ndindex(4, 2):
        median = sigma_clipped_stats(
            images[n, band][border].astype(np.float32).astype(np.float64), sigma=3.0, maxiters=5
        )[1]
        np.testing.assert_allclose(images[n, band] - median, subtracted[n, band], atol=1e-3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=1, max_size=40), st.integers(-1000, 1000))
def test_clipping_is_astropys(values, outlier):
    from astropy.stats import sigma_clipped_stats

    values = np.array([*values, outlier], np.float64)
    expected = sigma_clipped_stats(values, sigma=2.0, maxiters=5)[1]
    assert clipped_median(values[None], 2.0, 5)[0] == pytest.approx(expected, abs=1e-9)


def test_a_border_as_wide_as_the_image_is_all_of_it():
    images = gamma(2, 1, 5, 5)
    median = [clipped_median(image.reshape(1, -1), 3.0, 5)[0] for image in images]
    np.testing.assert_allclose(
        Background(3).apply(images), images - np.array(median)[:, None, None, None], atol=1e-6
    )


def test_percentiles_are_numpys_and_the_rest_is_clipped():
    images = gamma(5, 2, 9, 9)
    pixels = images.swapaxes(0, 1).reshape(2, -1)
    step = Percentile.fit(pixels, (5.0, 90.0))
    out = step.apply(images)
    for band in range(2):
        low, high = np.percentile(images[:, band].astype(np.float64), (5, 90))
        np.testing.assert_allclose(
            out[:, band], np.clip((images[:, band] - low) / (high - low), 0, 1), atol=1e-6
        )
    assert (out.min(), out.max()) == (0, 1)
    assert (Percentile((2.0,), (2.0,)).apply(np.full((1, 1, 2, 2), 3.0)) == 0).all()


def test_bands_are_chosen_and_units_multiplied():
    images = gamma(2, 3, 4, 4)
    np.testing.assert_array_equal(SelectBands((2, 0)).apply(images), images[:, [2, 0]])
    np.testing.assert_allclose(
        Units((1.0, 10.0, 0.5)).apply(images)[:, 1], 10 * images[:, 1], rtol=1e-6
    )


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: type(step).__name__)
@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 4), st.integers(3, 14), st.integers(3, 14)),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["<f4", ">f4", "f8", "u1", "i2"]),
)
def test_a_recorded_step_does_the_same_bit_for_bit_and_changes_nothing_in_place(
    step, shape, seed, dtype
):
    images = (20 * gamma(shape[0], 2, *shape[1:], seed=seed)).astype(dtype)
    images.flags.writeable = False
    again = read_step(json.loads(json.dumps(record_step(step))), "here")
    assert again == step
    out = step.apply(images)
    assert out.dtype == np.float32
    assert out.shape[0] == shape[0]
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(again.apply(images), out)
    np.testing.assert_array_equal(step.apply(images[:1]), out[:1])


def test_all_steps_are_recorded_under_a_name():
    assert {type(step) for step in EXAMPLES} == set(STEPS.values())
    for values, message in (
        ({"step": "sharpen"}, "got {'step': 'sharpen'}"),
        ([], r"got \[\]"),
        ({"step": "crop", "to": 3}, "unknown field 'to'"),
    ):
        with pytest.raises(InputError, match=message):
            read_step(values, "steps[0]")
