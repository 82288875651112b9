"""Profiles, centring and point spread functions agree with GalSim, an independent renderer."""

import galsim
import numpy as np
import pytest
import scipy.fft
from factories import scene
from scipy.optimize import brentq
from scipy.special import gammainc

from daexplore.data.simulate.presets import PRESETS
from daexplore.data.simulate.profiles import gaussian_mixture
from daexplore.data.simulate.psf import galsim_psf
from daexplore.data.simulate.render import Renderer
from daexplore.data.simulate.surveys import ACS_F814W, NIRCAM_F356W, WFC3_F160W

PRESET = PRESETS["distant"]


def draw(stamp, size=75):
    renderer = Renderer(PRESET.pixel_scale, size)
    return renderer.images(renderer.fourier(stamp), renderer.transfer(PRESET.source))[0]


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] - image.shape[0] // 2
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


@pytest.mark.parametrize("index", [1.0, 4.0])
def test_mixture_holds_the_light_of_the_profile_inside_every_radius(index):
    weights, sigma = gaussian_mixture(index)
    assert weights.sum() == pytest.approx(1)
    b = brentq(lambda x: gammainc(2 * index, x) - 0.5, 0.1, 20)
    for radius in (0.1, 0.3, 1.0, 3.0, 6.0):
        mine = (weights * (1 - np.exp(-0.5 * (radius / sigma) ** 2))).sum()
        assert mine == pytest.approx(gammainc(2 * index, b * radius ** (1 / index)), abs=0.012)


@pytest.mark.parametrize(
    ("index", "profile"), [(1.0, galsim.Exponential), (4.0, galsim.DeVaucouleurs)]
)
def test_inclined_galaxy_looks_as_galsim_draws_it(index, profile):
    radius, axis, angle, offset = 0.3, 0.6, 0.7, (0.19, -0.33)
    mine = draw(
        scene(
            bulges=np.array([[offset]]),
            bulge_radii=np.array([[radius]]),
            bulge_axes=np.array([[axis]]),
            bulge_angles=np.array([[angle]]),
            bulge_indices=np.array([[index]]),
            bulge_fluxes=np.ones((1, 1, 3)),
        )
    )
    galaxy = (
        profile(half_light_radius=radius).shear(q=axis, beta=angle * galsim.radians).shift(*offset)
    )
    for channel, band in enumerate(PRESET.source.bands):
        seen = galsim.Convolve(galaxy, galsim_psf(band.optics, PRESET.pixel_scale))
        expected = seen.drawImage(
            nx=75, ny=75, scale=PRESET.pixel_scale, method="no_pixel", dtype=float
        ).array
        assert np.abs(mine[channel] - expected).sum() < 0.03 * expected.sum()
        assert np.abs(mine[channel] - expected).max() < 0.03 * expected.max()
        # squared, since the faint wings of n = 4 reach over the stamp's edges
        np.testing.assert_allclose(centroid(mine[channel] ** 2), centroid(expected**2), atol=0.01)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.4, -0.26), (0.03, 0.03)])
def test_a_star_is_the_point_spread_function_where_it_should_be(offset):
    mine = draw(scene(stars=np.array([[offset]]), star_fluxes=np.ones((1, 1, 3))))
    for channel, band in enumerate(PRESET.source.bands):
        expected = (
            galsim_psf(band.optics, PRESET.pixel_scale)
            .shift(*offset)
            .drawImage(nx=75, ny=75, scale=PRESET.pixel_scale, method="no_pixel", dtype=float)
            .array
        )
        assert np.abs(mine[channel] - expected).max() < 0.02 * expected.max()


def test_particles_keep_their_flux_and_place():
    rng = np.random.default_rng(0)
    positions = 0.15 * rng.standard_normal((1, 4000, 2)) + [0.3, -0.5]
    image = draw(scene(particles=positions, particle_fluxes=np.full((1, 4000, 3), 1 / 4000)))
    for channel in range(3):
        assert image[channel].sum() == pytest.approx(1, abs=0.03)
        np.testing.assert_allclose(
            centroid(image[channel]) * PRESET.pixel_scale, positions[0].mean(0), atol=0.04
        )


def test_light_beyond_the_padded_grid_does_not_wrap_around():
    renderer = Renderer(PRESET.pixel_scale, PRESET.size)
    outside = (renderer.grid / 2 + 10) * PRESET.pixel_scale
    stamp = scene(
        particles=np.array([[[outside, 0.0]]]),
        particle_fluxes=np.ones((1, 1, 3)),
        bulges=np.array([[[0.0, -outside]]]),
        bulge_fluxes=np.ones((1, 1, 3)),
        stars=np.array([[[-outside, outside]]]),
        star_fluxes=np.ones((1, 1, 3)),
    )
    assert np.abs(renderer.fourier(stamp)).max() == 0


def test_wings_of_a_galaxy_at_the_edge_stay_on_its_side():
    edge = 0.98 * PRESET.size / 2 * PRESET.pixel_scale
    image = draw(
        scene(
            bulges=np.array([[[edge, 0.0]]]),
            bulge_radii=np.full((1, 1), 0.35),
            bulge_indices=np.full((1, 1), 4.0),
            bulge_fluxes=np.ones((1, 1, 3)),
        )
    )
    far, middle = image[:, :, :5].mean((1, 2)), image[:, :, 35:40].mean((1, 2))
    assert (far < middle).all()


@pytest.mark.parametrize("band", [ACS_F814W, NIRCAM_F356W, WFC3_F160W], ids=lambda band: band.name)
def test_resolution_is_that_of_drizzled_mosaics(band):
    psf = galsim_psf(band.optics, 0.06)
    fine = psf.drawImage(nx=200, ny=200, scale=0.005, method="no_pixel", dtype=float).array
    width = 2 * np.sqrt((fine > fine.max() / 2).sum() / np.pi) * 0.005
    assert 0.13 < width < 0.20


def test_padding_is_fast_and_even():
    renderer = Renderer(0.06, 75)
    assert renderer.grid % 2 == 0
    assert scipy.fft.next_fast_len(renderer.grid, real=True) == renderer.grid
