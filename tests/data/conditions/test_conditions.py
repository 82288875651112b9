"""Observing conditions: each operation against an independent result, and what is left alone."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from daexplore.config import DRAWN, MEASURED, ConditionsConfig, named_conditions
from daexplore.data.border_noise import border_noise
from daexplore.data.conditions import Conditions, MeasuredConditions, operations
from daexplore.errors import InputError

N, BANDS, SIZE = 6, 3, 31


def nothing() -> ConditionsConfig:
    return dataclasses.replace(MEASURED, measured=False)


def measured(**changes) -> MeasuredConditions:
    plain = MeasuredConditions(np.zeros(BANDS), np.zeros((4, BANDS)), 0.0, False, None)
    return dataclasses.replace(plain, **changes)


def blobs(n=N, size=SIZE, seed=0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size))
    images = [
        [
            ndimage.gaussian_filter(
                ((np.hypot(y - size // 2 - dy, x - size // 2 - dx) < 4) * 1.0), 1.5
            )
            for dy, dx in rng.uniform(-3, 3, (BANDS, 2))
        ]
        for _ in range(n)
    ]
    found = torch.tensor(np.array(images), dtype=torch.float32)
    return found / found.amax((1, 2, 3), keepdim=True)


def apply(config, images, domain="source", seed=0, scaled=True, **changes):
    generator = torch.Generator().manual_seed(seed)
    return Conditions(config, measured(**changes), scaled).apply(images, domain, generator)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("domain", ["source", "target"])
def test_with_every_part_off_no_bit_changes(domain, scaled):
    images = blobs()
    assert torch.equal(apply(nothing(), images, domain, scaled=scaled), images)


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_quarter_turns_move_pixels_only(quarter):
    images = blobs()
    turned = operations.warp(
        images, torch.full((N,), quarter * math.pi / 2), torch.ones(N), torch.zeros(N, 2)
    )
    expected = np.rot90(images.numpy(), quarter, axes=(2, 3))
    np.testing.assert_allclose(turned.numpy(), expected, atol=1e-5)


def test_a_shift_moves_by_whole_pixels_and_zoom_changes_areas_by_its_square():
    images = blobs()
    shift = torch.tensor([[2.0, -3.0]]).repeat(N, 1)
    moved = operations.warp(images, torch.zeros(N), torch.ones(N), shift)
    expected = np.roll(images.numpy(), (-3, 2), axis=(2, 3))
    np.testing.assert_allclose(
        moved.numpy()[:, :, 5:-5, 5:-5], expected[:, :, 5:-5, 5:-5], atol=1e-5
    )
    zoomed = operations.warp(images, torch.zeros(N), torch.full((N,), 1.4), torch.zeros(N, 2))
    ratio = zoomed.sum((2, 3)) / images.sum((2, 3))
    np.testing.assert_allclose(ratio.numpy(), 1.4**2, rtol=0.03)


def test_images_that_are_not_square_keep_their_shape_when_rotated():
    images = torch.zeros(1, 1, 21, 41)
    images[0, 0, 10, 20 + 6] = 1.0
    turned = operations.warp(images, torch.tensor([math.pi / 2]), torch.ones(1), torch.zeros(1, 2))
    row, column = np.unravel_index(int(turned.argmax()), (21, 41))
    assert (row, column) == (4, 20)


@pytest.mark.parametrize("sigma", [0.0, 0.4, 1.0, 1.65])
@pytest.mark.parametrize("per_band", [False, True])
def test_blur_is_scipys_gaussian_filter(sigma, per_band):
    images = blobs()
    shape = (N, BANDS) if per_band else (N,)
    found = operations.blur(images, torch.full(shape, sigma)).numpy()
    expected = ndimage.gaussian_filter(images.numpy(), (0, 0, sigma, sigma), truncate=8)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-5)


def test_a_constant_image_stays_constant_under_blur_and_warp():
    flat = torch.full((N, BANDS, SIZE, SIZE), 0.7)
    for found in (
        operations.blur(flat, torch.linspace(0, 5, N)),
        operations.warp(
            flat, torch.linspace(0, 6, N), torch.linspace(0.7, 1.5, N), torch.ones(N, 2)
        ),
    ):
        torch.testing.assert_close(found, flat)


@given(st.floats(0.4, 2.5), st.floats(-2, 3))
def test_powers_are_odd_keep_0_and_1_and_grow(power, value):
    points = torch.tensor([0.0, 1.0, value, -value, value + 0.1]).reshape(1, 1, 1, 5)
    found = operations.raise_to_power(points, torch.tensor([power], dtype=torch.float32)).flatten()
    np.testing.assert_allclose(found[:2], [0, 1], atol=1e-6)
    assert float(found[2]) == pytest.approx(-float(found[3]), abs=1e-6)
    assert found[4] > found[2]


def test_stars_are_added_away_from_the_centre_and_as_many_as_asked_for():
    black = torch.zeros(200, 1, 64, 64)
    number = torch.arange(200) % 5
    found = operations.add_stars(black, number, 4, torch.Generator().manual_seed(0)).numpy()[:, 0]
    y, x = np.indices((64, 64)) - 31.5
    assert found[:, np.hypot(y, x) < 0.25 * 64].max() < 0.05
    assert (found[number == 0] == 0).all()
    flux = [found[number == k].sum(axis=(1, 2)).mean() for k in range(5)]
    assert all(np.diff(flux) > 0)


def test_noise_has_the_deviation_asked_for_in_each_band():
    sigma = torch.tensor([[0.1, 0.5, 2.0]]).repeat(N, 1)
    found = operations.add_noise(
        torch.zeros(N, BANDS, 64, 64), sigma, torch.Generator().manual_seed(0)
    )
    np.testing.assert_allclose(found.std((2, 3)), sigma, rtol=0.05)


def test_border_noise_sees_noise_and_not_the_galaxy():
    images = blobs(40, 64).numpy() * 100
    noisy = images + np.random.default_rng(0).normal(0, [[[[0.3]], [[1]], [[2]]]], images.shape)
    np.testing.assert_allclose(border_noise(noisy).mean(axis=0), [0.3, 1, 2], rtol=0.1)


@pytest.mark.parametrize("keep_variance", [False, True])
def test_measured_noise_makes_source_borders_like_the_targets(keep_variance):
    rng = np.random.default_rng(0)
    own, wanted = np.array([0.02, 0.05, 0.3]), rng.uniform(0.1, 0.4, (50, BANDS))
    images = torch.tensor(
        rng.normal(0, own[:, None, None], (400, BANDS, 40, 40)), dtype=torch.float32
    )
    found = apply(
        MEASURED, images, source=own, target=wanted, keep_variance=keep_variance, scaled=False
    )
    noise = border_noise(found.numpy())
    np.testing.assert_allclose(
        np.median(noise, axis=0)[:2], np.median(wanted, axis=0)[:2], rtol=0.06
    )
    np.testing.assert_allclose(noise.std(axis=0)[:2], wanted.std(axis=0)[:2], rtol=0.25)
    # The third band of most images is noisier than the target's already: no noise can be removed.
    assert np.median(noise[:, 2]) >= 0.29


def test_where_domains_have_their_own_variance_noise_replaces_signal():
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.normal(0, 1, (300, BANDS, 30, 30)), dtype=torch.float32)
    wanted = np.full((1, BANDS), 0.8)
    found = apply(MEASURED, images, target=wanted, keep_variance=True, scaled=False)
    np.testing.assert_allclose(found.std((0, 2, 3)), 1, rtol=0.02)


def test_target_images_get_no_second_noise_blur_sky_or_stars():
    config = dataclasses.replace(
        DRAWN, rotation=False, zoom=None, shift=0.0, stretch=0.0, brightness=0.0, colour=0.0
    )
    images = blobs()
    assert torch.equal(apply(config, images, "target"), images)
    assert not torch.equal(apply(config, images, "source"), images)
    assert torch.equal(apply(MEASURED, images, "target", target=np.ones((1, BANDS))), images)


def test_drawn_noise_spans_the_targets_where_that_is_more():
    assert Conditions(DRAWN, measured(largest_noise=0.2), True).noise == 0.2
    assert Conditions(DRAWN, measured(largest_noise=0.01), True).noise == 0.08
    fixed = dataclasses.replace(DRAWN, noise=0.05)
    assert Conditions(fixed, measured(largest_noise=0.2), True).noise == 0.05


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_conditions_do_not_depend_on_the_unit_or_the_zero_point(scale, offset):
    images = blobs()
    plain = apply(DRAWN, images, scaled=False)
    other = apply(DRAWN, images * scale + offset, scaled=False)
    tolerance = 1e-3 + 3e-6 * abs(offset) / scale
    np.testing.assert_allclose((other - offset) / scale, plain, atol=tolerance * 20)


@pytest.mark.parametrize("domain", ["source", "target"])
def test_the_same_seed_gives_the_same_images_and_every_image_its_own_conditions(domain):
    images = blobs()[:1].repeat(N, 1, 1, 1)
    first, again = (apply(DRAWN, images, domain) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.isfinite(first).all()
    assert len({float(image.sum()) for image in first}) == N


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"zoom": (0.0, 1.0)}, "zoom"),
        ({"zoom": (2.0, 1.0)}, "zoom"),
        ({"blur": (-1.0, 1.0)}, "blur"),
        ({"blur": (0.0, math.inf)}, "blur"),
        ({"shift": -1.0}, "shift"),
        ({"stretch": math.nan}, "stretch"),
        ({"noise": -0.1}, "noise"),
        ({"stars": -1}, "stars"),
    ],
)
def test_ranges_that_cannot_be_are_refused_by_name(changes, named):
    with pytest.raises(InputError, match=f"train.conditions.{named}"):
        Conditions(dataclasses.replace(DRAWN, **changes), measured(), True)


def test_the_words_of_the_command_line():
    assert named_conditions(["drawn"]) == named_conditions(["conditions"]) == DRAWN
    assert named_conditions(["measured"]) == MEASURED
    both = named_conditions(["drawn", "measured"])
    assert both is not None
    assert both.measured
    assert both.zoom == DRAWN.zoom
    assert named_conditions(["none"]) is None
    for wrong in (["rain"], ["none", "drawn"], [""]):
        with pytest.raises(InputError, match="--conditions must be"):
            named_conditions(wrong)


def test_what_was_measured_survives_json():
    rng = np.random.default_rng(0)
    one = MeasuredConditions(rng.random(3), rng.random((11, 3)), 0.1, True, (0.0, 1.0, 0.5))
    again = MeasuredConditions.from_dict(one.to_dict())
    np.testing.assert_array_equal(again.source, one.source)
    np.testing.assert_allclose(np.median(again.target, axis=0), np.median(one.target, axis=0))
    assert (again.largest_noise, again.keep_variance, again.blur) == (0.1, True, (0.0, 1.0, 0.5))
    with pytest.raises(InputError, match="measured noise"):
        MeasuredConditions.from_dict({"source_noise": "a lot"})
