"""Survey conditions in closed form: point spread functions, noise, sky, field, redshift; and
galaxies observed again.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from factories import scene

from daexplore.data.simulate import (
    PRESETS,
    Band,
    Field,
    Seeing,
    SurveyCondition,
    observe,
    reobserve,
    simulate,
    sky_noise,
)
from daexplore.data.simulate.field_objects import with_field
from daexplore.data.simulate.psf import psf_widths
from daexplore.data.simulate.redshift import kpc_per_arcsec, luminosity_distance, redshifted
from daexplore.data.simulate.render import Renderer
from daexplore.data.simulate.survey_conditions import nanojansky
from daexplore.data.simulate.surveys import ILLUSTRIS_MOCK, SDSS
from daexplore.errors import InputError

PLANCK = FlatLambdaCDM(H0=67.74, Om0=0.3089)
GRI = SDSS.wavelengths


def drawn(stamp, condition, size=75):
    renderer = Renderer(condition.pixel_scale, size)
    return renderer.images(renderer.fourier(stamp), renderer.transfer(condition))[0]


def one_band(**changes):
    band = Band("r", Seeing(623.0, 1.4), zero_point=25.6, sky=20.9, read_noise=5.0, reads=1)
    return SurveyCondition("one", (replace(band, **changes),), pixel_scale=0.396, exposure=50.0)


def half_light_radius(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] - image.shape[0] // 2
    order = np.argsort(np.hypot(x, y).ravel(), kind="stable")
    light = np.cumsum(image.ravel()[order])
    return np.hypot(x, y).ravel()[order][np.searchsorted(light, light[-1] / 2)]


@pytest.mark.parametrize("fwhm", [1.0, 1.4, 2.2])
@pytest.mark.parametrize("beta", [None, 3.0, 4.765])
def test_a_star_has_the_profile_of_the_seeing(fwhm, beta):
    """Along a row, against the formula averaged over the pixels by brute force."""
    condition = SDSS.with_seeing(fwhm, beta)
    image = drawn(scene(star_fluxes=np.ones((1, 1, 3))), condition)[1]
    fine = (np.arange(-37.5, 37.5, 0.1) + 0.05) * condition.pixel_scale
    radius = np.hypot(fine[:, None], fine)
    if beta is None:
        profile = np.exp(-4 * np.log(2) * (radius / fwhm) ** 2)
    else:
        alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
        profile = (1 + (radius / alpha) ** 2) ** -beta
    pixels = profile.reshape(75, 10, 75, 10).sum((1, 3))
    expected = pixels / pixels.sum()
    np.testing.assert_allclose(image[37, 27:48], expected[37, 27:48], atol=0.01 * expected.max())
    assert image.sum() == pytest.approx(1, abs=0.02)


def test_recorded_widths_are_those_of_the_seeing_with_the_pixel():
    for seen, band in zip(psf_widths(SDSS), SDSS.bands, strict=True):
        assert band.optics.fwhm < seen < np.hypot(band.optics.fwhm, SDSS.pixel_scale) + 0.03
    r = SDSS.bands[1].optics
    assert (r.fwhm, r.wavelength) == (1.43, 623.0)
    assert SDSS.bands[0].optics.fwhm > r.fwhm > SDSS.bands[2].optics.fwhm
    assert psf_widths(ILLUSTRIS_MOCK) == pytest.approx([1.03] * 3, abs=0.02)


def test_empty_sloan_sky_has_the_noise_of_the_ccd_equation():
    condition = replace(SDSS, sky_error=0.0, field=None)
    empty = observe(np.zeros((20, 3, 75, 75), np.float32), condition, np.random.default_rng(0))
    for channel, band in enumerate(condition.bands):
        per_nanojansky = 53.9 * 10 ** (-0.4 * (31.4 - band.zero_point))
        sky = 53.9 * 10 ** (-0.4 * (band.sky - band.zero_point)) * 0.396**2
        sigma = np.sqrt(sky + band.read_noise**2 + band.gain**2 / 12) / per_nanojansky
        assert empty[:, channel].std() == pytest.approx(sigma, rel=0.02)
        assert abs(empty[:, channel].mean()) < 0.02 * sigma
        assert sky_noise(condition)[channel] == pytest.approx(sigma, rel=0.02)
    # the survey's own depth: 95% of stars of magnitude 22.2 in r are found (York et al. 2000),
    # which is about 5 sigma
    width = psf_widths(SDSS)[1] / 2.355 / 0.396
    effective = 4 * np.pi * width**2
    assert 5 * sky_noise(condition)[1] * np.sqrt(effective) == pytest.approx(
        nanojansky(22.4), rel=0.3
    )


def test_sky_subtraction_leaves_a_plane_of_the_stated_size():
    condition = replace(one_band(sky=15.0), sky_error=0.01)
    seen = observe(np.zeros((600, 1, 31, 31), np.float32), condition, np.random.default_rng(0))[
        :, 0
    ]
    sky = nanojansky(15.0) * 0.396**2
    level = seen.mean((1, 2)) / sky
    slope = (seen[:, :, -1].mean(1) - seen[:, :, 0].mean(1)) / 2 / sky
    assert level.std() == pytest.approx(0.01, rel=0.1)
    assert slope.std() == pytest.approx(0.01, rel=0.1)
    assert abs(np.corrcoef(level, slope)[0, 1]) < 0.15
    flat = observe(
        np.zeros((600, 1, 31, 31), np.float32),
        replace(condition, sky_error=0.0),
        np.random.default_rng(0),
    )
    assert (flat.mean((1, 2, 3)) / sky).std() < 1e-3


def test_detector_rounds_to_its_units_and_holds_so_many_electrons():
    condition = one_band(gain=5.0, read_noise=0.0, full_well=3000.0)
    per_nanojansky = 50.0 * 10 ** (-0.4 * (31.4 - 25.6))
    sky = 50.0 * 10 ** (-0.4 * (20.9 - 25.6)) * 0.396**2
    bright = observe(np.full((1, 1, 20, 20), 1e5, np.float32), condition, np.random.default_rng(0))
    np.testing.assert_allclose(bright * per_nanojansky + sky, 3000.0, rtol=1e-5)
    faint = observe(np.full((1, 1, 20, 20), 10.0, np.float32), condition, np.random.default_rng(0))
    units = (faint * per_nanojansky + sky) / 5.0
    np.testing.assert_allclose(units, np.round(units), atol=1e-3)
    assert len(np.unique(np.round(units))) > 5


@pytest.mark.parametrize("redshift", [0.01, 0.05, 0.3, 1.75])
def test_distances_are_astropy_s(redshift):
    assert luminosity_distance(redshift) == pytest.approx(
        PLANCK.luminosity_distance(redshift).value, rel=1e-5
    )
    assert kpc_per_arcsec(redshift) == pytest.approx(
        1 / PLANCK.arcsec_per_kpc_proper(redshift).value, rel=1e-5
    )


@pytest.mark.parametrize("to", [0.03, 0.05, 0.08, 0.1])
def test_a_galaxy_moved_shrinks_and_dims_as_cosmology_says(to):
    """A flat spectrum has no colours: only distance counts, and surface brightness falls as (1 +
    z)^-3 per unit frequency.
    """
    galaxy = scene(bulge_radii=np.full((1, 1), 3.0), bulge_fluxes=np.full((1, 1, 3), 1000.0))
    there = redshifted(galaxy, GRI, 0.05, GRI, to)
    zoom = float(PLANCK.arcsec_per_kpc_proper(to) / PLANCK.arcsec_per_kpc_proper(0.05))
    assert there.bulge_radii[0, 0] == pytest.approx(3.0 * zoom, rel=1e-4)
    dimming = (
        1.05**-1
        * (1 + to)
        * float(PLANCK.luminosity_distance(0.05) / PLANCK.luminosity_distance(to)) ** 2
    )
    np.testing.assert_allclose(there.bulge_fluxes, 1000.0 * dimming, rtol=1e-4)
    brightness = (there.bulge_fluxes / there.bulge_radii[..., None] ** 2) / (
        galaxy.bulge_fluxes / galaxy.bulge_radii[..., None] ** 2
    )
    np.testing.assert_allclose(brightness, (1.05 / (1 + to)) ** 3, rtol=1e-4)
    sharp = ILLUSTRIS_MOCK.with_seeing(0.3, None)
    near, far = (half_light_radius(drawn(s, sharp)[1]) for s in (galaxy, there))
    assert far / near == pytest.approx(zoom, rel=0.15)


def test_colours_follow_a_power_law_through_the_filters_exactly():
    slope = 2.5
    fluxes = (np.array(GRI) / 600.0) ** slope * np.ones((1, 1, 3))
    stamp = scene(bulge_fluxes=fluxes, star_fluxes=fluxes)
    other = (500.0, 700.0, 650.0, 900.0)
    there = redshifted(stamp, GRI, 0.05, other, 0.05)
    np.testing.assert_allclose(
        there.star_fluxes[0, 0], (np.array(other) / 600.0) ** slope, rtol=1e-6
    )
    redder = redshifted(stamp, GRI, 0.05, GRI, 0.1)
    ratio = redder.bulge_fluxes[0, 0] / fluxes[0, 0]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert (there.particle_fluxes == 0).all()
    assert redshifted(stamp, GRI, 0.05, GRI, 0.05) is stamp


def test_field_has_the_stated_counts_and_spares_the_galaxy():
    crowded = replace(
        SDSS,
        field=Field(40.0, 20.0, brightest=16.0, faintest=20.0, galaxy_slope=0.4, star_slope=0.2),
    )
    rng = np.random.default_rng(0)
    stamp = scene(bulge_fluxes=np.full((1, 1, 3), 5.0))
    fields = [with_field(stamp, crowded, 75, rng) for _ in range(200)]
    area = (1.3 * 75 * 0.396 / 60) ** 2
    assert np.mean([f.bulges.shape[1] - 1 for f in fields]) == pytest.approx(40 * area, rel=0.06)
    assert np.mean([f.stars.shape[1] - 1 for f in fields]) == pytest.approx(20 * area, rel=0.08)
    assert all((f.bulge_fluxes[:, 0] == 5.0).all() for f in fields)
    at_620 = np.concatenate(
        [redshifted(f, GRI, 0.05, (620.0,), 0.05).star_fluxes[0, 1:, 0] for f in fields]
    )
    magnitude = 31.4 - 2.5 * np.log10(at_620)
    assert 16 - 0.01 < magnitude.min() < magnitude.max() < 20.01
    fainter, brighter = (magnitude > 19).sum(), (magnitude < 18).sum()
    assert fainter / brighter == pytest.approx((1 - 10**-0.2) / (10**-0.4 - 10**-0.8), rel=0.2)
    assert with_field(stamp, replace(SDSS, field=None), 75, rng) is stamp


@pytest.mark.parametrize(("preset", "n"), [("nearby", 12), ("distant", 70)])
def test_galaxies_observed_again_as_their_survey_did_are_the_same_bit_by_bit(preset, n):
    chosen = PRESETS[preset]
    for galaxies, condition in zip(
        simulate(preset, n=n, seed=5, workers=1), (chosen.source, chosen.target), strict=True
    ):
        some = galaxies.sample_ids[[n - 1, 0, 3]]
        again = reobserve(preset, some, condition, seed=5)
        np.testing.assert_array_equal(again, galaxies.images[galaxies.rows(some)])


@pytest.mark.parametrize("preset", ["nearby", "distant"])
def test_another_exposure_shows_the_same_galaxy_under_other_noise(preset):
    target = PRESETS[preset].target
    ids = simulate(preset, n=4, workers=1)[1].sample_ids
    perfect = reobserve(preset, ids, replace(target, exposure=None, sky_error=0.0))
    first, second, deep = (
        reobserve(preset, ids, replace(target, sky_error=0.0, exposure=exposure), noise_seed=noise)
        for exposure, noise in (
            (target.exposure, 1),
            (target.exposure, 2),
            (100 * target.exposure, 1),
        )
    )
    assert not np.array_equal(first, second)
    for channel, sigma in enumerate(sky_noise(target)):
        faint = perfect[:, channel] < 0.3 * np.median(perfect[:, channel])
        assert (first - perfect)[:, channel][faint].std() == pytest.approx(sigma, rel=0.1)
        assert np.std((first - second)[:, channel][faint]) == pytest.approx(
            np.sqrt(2) * sigma, rel=0.1
        )
    assert np.abs(deep - perfect).mean() < 0.2 * np.abs(first - perfect).mean()


def test_knobs_of_a_condition_reach_a_distant_galaxy():
    """The path for any condition agrees with the preset's own where nothing but the name differs,
    and answers to each knob.
    """
    preset = PRESETS["distant"]
    source = simulate("distant", n=6, workers=1)[0]
    ids = source.sample_ids[2:4]
    same = reobserve("distant", ids, replace(preset.source, name="another"))
    np.testing.assert_allclose(same, source.images[2:4], atol=1e-5 * source.images.max())
    farther = reobserve("distant", ids, replace(preset.source, redshift=2.5))
    assert (farther.sum((2, 3)) < 0.7 * same.sum((2, 3))).all()
    blurred = reobserve("distant", ids, preset.source.with_seeing(0.8))
    assert (blurred.max((2, 3)) < same.max((2, 3))).all()
    coarse = reobserve("distant", ids, replace(preset.source, pixel_scale=0.12))
    assert half_light_radius(coarse[0, 0]) == pytest.approx(
        half_light_radius(same[0, 0]) / 2, abs=2
    )
    red = reobserve("distant", ids, replace(preset.source, bands=preset.source.bands[:1]))
    assert red.shape == (2, 1, 75, 75)
    np.testing.assert_allclose(red[:, 0], same[:, 0], rtol=1e-3, atol=1e-4 * same.max())
    sloan = reobserve("distant", ids, SDSS)
    assert sloan.shape == (2, 3, 75, 75)
    assert reobserve("distant", [], SDSS).shape == (0, 3, 75, 75)


@pytest.mark.parametrize("sample_id", ["source/I00001-3", "target/S00001-0", "target/S00002-0"])
def test_a_slider_s_step_takes_no_tenth_of_a_second(sample_id):
    reobserve("nearby", [sample_id], SDSS)
    start = time.perf_counter()
    for exposure in (5.0, 10.0, 20.0, 40.0, 80.0):
        reobserve("nearby", [sample_id], SDSS.with_exposure(exposure))
    assert (time.perf_counter() - start) / 5 < 0.1


@pytest.mark.parametrize(
    ("preset", "sample_id", "condition", "words"),
    [
        ("nearby", "target/G00001-0", SDSS, "S00012-0"),
        ("nearby", "source/I00002-1", SDSS, "no galaxy"),
        ("distant", "source/G00001-2", SDSS, "G00012-1"),
        ("distant", "cat.png", SDSS, "no galaxy"),
        ("faraway", "source/G00001-0", SDSS, "distant, demo, nearby"),
        ("distant", "source/G00001-0", replace(SDSS, redshift=-0.1), "redshift"),
        ("distant", "source/G00001-0", replace(SDSS, exposure=float("nan")), "exposure"),
        ("distant", "source/G00001-0", replace(SDSS, pixel_scale=0.0), "pixel scale"),
        ("distant", "source/G00001-0", replace(SDSS, bands=()), "at least one"),
    ],
)
def test_what_cannot_be_observed_is_said(preset, sample_id, condition, words):
    with pytest.raises(InputError, match=words):
        reobserve(preset, [sample_id], condition)
