"""Measurements on images with known answers, and the distances between domains that rest on
them.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from daexplore.analysis.images import pixel_statistics
from daexplore.analysis.images.ks_distance import ks_distances, ks_interval, medians, permute_labels
from daexplore.analysis.images.measure import QUANTITIES, measure


def gaussian(sigma, size=64, flux=1.0):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return flux * image[None, None]


def test_background_is_that_of_the_noise_and_not_of_the_stars():
    images = np.random.default_rng(0).normal(3.0, 2.0, (200, 2, 64, 64))
    images[:, :, :6, 10:22] += 500.0
    level, noise = pixel_statistics.background(images)
    np.testing.assert_allclose(level.mean(axis=0), 3.0, atol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 2.0, rtol=0.03)


def test_a_constant_image_has_no_noise_no_spectrum_and_no_signal_to_noise():
    images = np.full((2, 1, 32, 32), 7.3)
    level, noise = pixel_statistics.background(images)
    assert (level == 7.3).all()
    assert (noise == 0).all()
    assert np.isnan(pixel_statistics.power_spectrum(images, 16)).all()
    assert np.isnan(
        pixel_statistics.signal(images, level, noise, np.ones((2, 1)))["total_snr"]
    ).all()


@pytest.mark.parametrize("sigma", [2.0, 3.0, 5.0])
def test_flux_size_and_concentration_of_a_gaussian(sigma):
    found = pixel_statistics.apertures(gaussian(sigma, flux=50.0) + 4.0, np.full((1, 1), 4.0))
    np.testing.assert_allclose(found["flux"], 50.0, rtol=1e-3)
    np.testing.assert_allclose(
        found["half_light_radius"], sigma * np.sqrt(2 * np.log(2)), rtol=0.03
    )
    np.testing.assert_allclose(
        found["concentration"], 5 * np.log10(np.sqrt(np.log(0.2) / np.log(0.8))), rtol=0.04
    )


def test_sizes_are_undefined_without_light():
    found = pixel_statistics.apertures(np.zeros((1, 1, 20, 20)), np.ones((1, 1)))
    assert np.isnan(found["half_light_radius"]).all()
    assert np.isnan(found["concentration"]).all()


def test_signal_to_noise_of_a_source_of_known_flux():
    rng = np.random.default_rng(1)
    images = gaussian(3.0, flux=900.0) + rng.normal(0, 1.5, (300, 1, 64, 64))
    level, noise = pixel_statistics.background(images)
    flux = pixel_statistics.apertures(images, level)["flux"]
    found = pixel_statistics.signal(images, level, noise, flux)
    area = np.pi * (0.4 * 64) ** 2
    assert np.median(found["total_snr"]) == pytest.approx(900 / (1.5 * np.sqrt(area)), rel=0.05)
    assert np.median(found["peak_snr"]) == pytest.approx(900 / (2 * np.pi * 9) / 1.5, rel=0.15)


def test_white_noise_has_equal_power_at_all_frequencies():
    power = pixel_statistics.power_spectrum(
        np.random.default_rng(2).normal(size=(400, 1, 64, 64)), 32
    ).mean(axis=(0, 1))
    np.testing.assert_allclose(power[3:], 1.0, atol=0.05)


def test_the_power_of_a_gaussian_falls_as_its_transform_does():
    sigma, bins = 2.0, 32
    power = pixel_statistics.power_spectrum(gaussian(sigma), bins)[0, 0].astype(np.float64)
    k = (pixel_statistics.frequencies(bins)[1:] + pixel_statistics.frequencies(bins)[:-1]) / 2
    part = (k > 0.06) & (k < 0.2)
    slope = np.polyfit(k[part] ** 2, np.log(power[part]), 1)[0]
    # The window cuts into the wings, which sharpens the peak a little.
    assert slope == pytest.approx(-4 * np.pi**2 * sigma**2, rel=0.06)


def test_the_spectrum_of_an_odd_size_agrees_with_a_loop_over_modes():
    image = np.random.default_rng(3).normal(size=(1, 1, 9, 11))
    window = np.hanning(11)[1:-1, None] * np.hanning(13)[None, 1:-1]
    flat = image[0, 0] - (image[0, 0] * window).sum() / window.sum()
    power = np.abs(np.fft.fft2(flat * window)) ** 2
    k = np.hypot(np.fft.fftfreq(9)[:, None], np.fft.fftfreq(11)[None])
    edges = np.linspace(0, 0.5, 5)
    rings = np.array([power[(k > low) & (k <= high)].mean() for low, high in pairwise(edges)])
    expected = rings / ((rings * np.diff(edges**2)).sum() / 0.25)
    np.testing.assert_allclose(pixel_statistics.power_spectrum(image, 4)[0, 0], expected, rtol=1e-4)


def test_colours_are_magnitudes_and_undefined_without_flux():
    found = pixel_statistics.colours(np.array([[1.0, 10.0], [5.0, -1.0]]))
    assert found[0, 0] == pytest.approx(2.5)
    assert np.isnan(found[1, 0])


def test_odd_pixels_are_counted():
    images = np.random.default_rng(4).normal(size=(4, 1, 10, 10))
    images[0, 0, :2] = np.nan
    images[1, 0, :3, :3] = 60.0
    images[2, 0] = 0.0
    found = pixel_statistics.odd_pixels(images)
    np.testing.assert_allclose(found["missing"][:, 0], [0.2, 0, 0, 0])
    np.testing.assert_allclose(found["saturated"][:, 0], [0, 0.09, 0, 0])
    np.testing.assert_allclose(found["zero"][:, 0], [0, 0, 1, 0])
    np.testing.assert_allclose(found["constant"][:, 0], [0, 0, 1, 0])


def test_thumbnails_are_block_averages_of_the_middle():
    images = np.arange(2 * 1 * 7 * 9, dtype=float).reshape(2, 1, 7, 9)
    found = pixel_statistics.thumbnails(images, 3)
    assert found.shape == (2, 1, 3, 3)
    assert found[1, 0, 0, 0] == images[1, 0, 0:2, 1:3].mean()


def test_measuring_in_units_scales_fluxes_and_sizes_and_survives_missing_pixels():
    rng = np.random.default_rng(5)
    images = (gaussian(3.0, flux=500.0) + rng.normal(0, 0.1, (6, 2, 64, 64))).astype(np.float32)
    rows = np.array([4, 1, 5])
    plain = measure(images, rows, ("g", "r"), 16, 8).quantities
    scaled = measure(images, rows, ("g", "r"), 16, 8, (3.0, 5.0), 0.2).quantities
    assert set(plain) == {
        f"{name}/{band}" for name in QUANTITIES if name != "colour" for band in "gr"
    } | {"colour/g-r"}
    np.testing.assert_allclose(scaled["flux/r"], 5 * plain["flux/r"], rtol=1e-4)
    np.testing.assert_allclose(
        scaled["half_light_radius/g"], 0.2 * plain["half_light_radius/g"], rtol=1e-6
    )
    np.testing.assert_allclose(
        scaled["colour/g-r"] - plain["colour/g-r"], 2.5 * np.log10(5 / 3), atol=1e-3
    )
    images[4, 0, 3, 3] = np.nan
    images[1] = np.nan
    holed = measure(images, rows, ("g", "r"), 16, 8)
    assert holed.quantities["flux/g"][0] == pytest.approx(plain["flux/g"][0], rel=1e-3)
    assert holed.odd["missing"][1, 0] == 1
    assert np.isfinite(holed.thumbnails).all()


def test_ks_distance_agrees_with_scipy_with_ties_and_missing_values():
    rng = np.random.default_rng(6)
    values = np.round(np.r_[rng.normal(0, 1, 70), rng.normal(0.7, 1, 90)], 1)
    target = np.arange(160) >= 70
    values[[3, 100]] = np.nan
    expected = stats.ks_2samp(
        values[~target & np.isfinite(values)], values[target & np.isfinite(values)]
    ).statistic
    assert ks_distances(values, target)[0] == pytest.approx(expected)
    weights = rng.integers(0, 3, (4, 160)).astype(float)
    for row, found in zip(weights, ks_distances(values, target, weights), strict=True):
        a, b = (np.repeat(values[side], row[side].astype(int)) for side in (~target, target))
        assert found == pytest.approx(
            stats.ks_2samp(a[np.isfinite(a)], b[np.isfinite(b)]).statistic
        )
    assert np.isnan(ks_distances(np.full(160, np.nan), target)[0])


def test_weighted_medians_are_those_of_repeated_values():
    rng = np.random.default_rng(7)
    values = np.r_[rng.normal(size=21), np.nan]
    weights = rng.integers(0, 4, (5, 22)).astype(float)
    for row, found in zip(weights, medians(values, weights), strict=True):
        assert found == pytest.approx(np.nanmedian(np.repeat(values, row.astype(int))))


def test_relabelling_moves_whole_galaxies_and_swaps_those_in_both_domains():
    groups = np.array(["a", "a", "b", "c", "c", "d", "e", "e"])
    target = np.array([0, 0, 0, 1, 1, 1, 0, 1], bool)
    dealt = permute_labels(target, groups, 400)
    frame = pd.DataFrame(dealt.T, index=groups)
    assert (frame.loc["a"].nunique() == 1).all()
    assert (frame.loc["e"].sum() == 1).all()
    singles = frame.drop("e").groupby(level=0).first()
    assert (singles.sum() == 2).all()
    assert singles.mean(axis=1).between(0.4, 0.6).all()


def test_the_interval_of_a_distance_holds_the_truth_also_where_there_is_none():
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values, target = rng.normal(size=120), np.arange(120) >= 60
        weights = np.stack(
            [np.bincount(rng.integers(0, 120, 120), minlength=120) for _ in range(100)]
        ).astype(float)
        dealt = ks_distances(values, permute_labels(target, np.arange(120), 100, seed))
        low, high = ks_interval(
            float(ks_distances(values, target)[0]), ks_distances(values, target, weights), dealt
        )
        inside += low == 0
        assert low <= high
    assert inside >= 53


def test_the_interval_of_a_large_distance_holds_the_truth():
    truth = 2 * stats.norm.cdf(0.5) - 1
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        target = np.arange(200) >= 100
        values = rng.normal(size=200) + target
        weights = np.stack(
            [np.bincount(rng.integers(0, 200, 200), minlength=200) for _ in range(100)]
        ).astype(float)
        dealt = ks_distances(values, permute_labels(target, np.arange(200), 100, seed))
        low, high = ks_interval(
            float(ks_distances(values, target)[0]), ks_distances(values, target, weights), dealt
        )
        inside += low <= truth <= high
    assert inside >= 51
