"""Near-duplicates: planted copies are found whatever was done to them, and different galaxies are
not taken for one.
"""

import numpy as np
import pytest
from scipy.ndimage import rotate

from daexplore.analysis.images.duplicates import near_duplicates
from daexplore.analysis.images.rotation_invariants import harmonics, similarity, whiten


def spirals(n, seed=0, size=48, noise=0.02):
    """Discs with arms, a nucleus off the centre and a companion: varied, as galaxies are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = []
    for _ in range(n):
        q, angle, scale = rng.uniform(0.3, 1), rng.uniform(0, np.pi), rng.uniform(4, 8)
        u, v = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / q
        r, t = np.hypot(u, v), np.arctan2(v, u)
        arms = 1 + rng.uniform(0, 0.8) * np.cos(
            rng.integers(1, 4) * t + rng.uniform(-4, 4) * np.log(r + 1) + rng.uniform(0, 6)
        )
        image = np.exp(-r / scale) * arms
        for _ in range(2):
            cy, cx = rng.normal(0, 7, 2)
            image = image + rng.uniform(0.1, 0.6) * np.exp(
                -((x - cx) ** 2 + (y - cy) ** 2) / (2 * rng.uniform(1.5, 3) ** 2)
            )
        images.append(image)
    return np.stack(images)[:, None] + rng.normal(0, noise, (n, 1, size, size))


def ellipticals(n, seed=0, size=48, noise=0.0):
    """Round and smooth: the hard case, for there is little to tell them apart by."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = []
    for _ in range(n):
        angle, q, scale = rng.uniform(0, np.pi), rng.uniform(0.8, 1), rng.uniform(3, 8)
        r = np.hypot(
            x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / q
        )
        images.append(np.exp(-((r / scale) ** 0.5) * 3))
    return np.stack(images)[:, None] + rng.normal(0, noise, (n, 1, size, size))


COPIES = {
    "turned by 90": lambda image, rng: np.rot90(image, axes=(1, 2)),
    "turned by 37": lambda image, rng: rotate(
        image, 37, axes=(1, 2), reshape=False, order=3, mode="nearest"
    ),
    "mirrored": lambda image, rng: image[:, :, ::-1],
    "dimmed, on another sky": lambda image, rng: 0.2 * image + 5.0,
    "noisier": lambda image, rng: image + rng.normal(0, 0.1 * image.std(), image.shape),
    "all of it": lambda image, rng: (
        3 * rotate(image[:, :, ::-1], 37, axes=(1, 2), reshape=False, order=3, mode="nearest")
        + rng.normal(0, 0.2 * image.std(), image.shape)
    ),
}


def found_pairs(images, groups=None):
    images = np.asarray(images, np.float32)
    groups = np.arange(len(images)) if groups is None else groups
    return near_duplicates(whiten(harmonics(images, np.ones(images.shape[1]))), np.asarray(groups))


@pytest.mark.parametrize("how", COPIES)
def test_a_planted_copy_is_found_and_nothing_else(how):
    rng = np.random.default_rng(1)
    images = spirals(300)
    picked = rng.choice(300, 20, replace=False)
    pairs = found_pairs(
        np.concatenate([images, np.stack([COPIES[how](images[i], rng) for i in picked])])
    )
    planted = {(int(i), 300 + k) for k, i in enumerate(picked)}
    got = set(zip(pairs["a"], pairs["b"], strict=True))
    assert len(planted & got) >= 19
    assert not got - planted


def test_the_angle_and_the_mirror_that_make_one_image_the_other_are_told():
    images = spirals(60).astype(np.float32)
    sets = [
        images,
        np.rot90(images, axes=(2, 3)),
        images[:, :, :, ::-1],
        np.rot90(images[:, :, :, ::-1], axes=(2, 3)),
    ]
    modes = np.split(whiten(harmonics(np.concatenate(sets), np.ones(1))), 4)
    for turned, angle, mirror in zip(modes[1:], (90, 0, 90), (False, True, True), strict=True):
        value, angles, mirrored = similarity(turned, modes[0])
        np.testing.assert_allclose(value, 1, atol=1e-4)
        np.testing.assert_allclose(angles, angle)
        assert (mirrored == mirror).all()


def test_similarity_is_that_of_a_search_over_angles():
    modes = whiten(harmonics(spirals(50).astype(np.float32), np.ones(1)))
    a, b = modes[:20], modes[20:40]
    number = np.arange(17)
    best = np.full(20, -np.inf)
    for phi in np.arange(256) * 2 * np.pi / 256:
        for other in (b, b.conj() * (-1.0) ** number):
            turned = other * np.exp(-1j * number * phi)
            gap = (np.abs(a - turned) ** 2).sum(axis=(1, 2))
            best = np.maximum(
                best,
                1 - gap / ((np.abs(a) ** 2).sum(axis=(1, 2)) + (np.abs(b) ** 2).sum(axis=(1, 2))),
            )
    np.testing.assert_allclose(similarity(a, b)[0], best, atol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_smooth_round_galaxies_are_not_taken_for_one_another(noise):
    assert len(found_pairs(ellipticals(600, noise=noise))) <= 1


def test_noise_is_not_taken_for_galaxies():
    assert found_pairs(np.random.default_rng(0).normal(size=(500, 2, 32, 32))).empty


def test_views_of_one_galaxy_are_no_pair_and_copies_of_copies_are_one_cluster():
    images = spirals(100)
    copies = np.stack([np.rot90(images[3], k, axes=(1, 2)) for k in (1, 2)])
    everything = np.concatenate([images, copies])
    pairs = found_pairs(everything)
    assert set(zip(pairs["a"], pairs["b"], strict=True)) == {(3, 100), (3, 101), (100, 101)}
    assert pairs["cluster"].nunique() == 1
    assert found_pairs(everything, [*range(100), 3, 3]).empty


def test_images_without_structure_are_left_out():
    images = spirals(60)
    images[[5, 9]] = 0.0
    assert found_pairs(images).empty
    assert found_pairs(np.zeros((3, 1, 20, 20))).empty


def test_a_handful_of_images_has_copies_too():
    images = spirals(6)
    pairs = found_pairs(np.concatenate([images, images[2:3, :, ::-1]]))
    assert list(zip(pairs["a"], pairs["b"], strict=True)) == [(2, 6)]


def test_missing_pixels_do_no_harm():
    images = spirals(60)
    images = np.concatenate([images, np.rot90(images[7:8], axes=(2, 3))])
    images[7, 0, 0, :5] = np.nan
    assert set(zip(*(found_pairs(images)[name] for name in "ab"), strict=True)) == {(7, 60)}
