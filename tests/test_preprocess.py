"""Preprocessing: formulas against plain ones, training rows only, recorded bit for bit."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from daexplore.config import DataConfig
from daexplore.data import preprocess
from daexplore.data.galaxies import GalaxySet
from daexplore.data.preprocess import Preprocess
from daexplore.errors import InputError

N, TRAIN = 20, np.arange(0, 14)


def as_set(images, name="source"):
    ids = [f"{name}/{i}" for i in range(len(images))]
    catalogue = pd.DataFrame({"sample_id": ids, "group_id": ids, "label": pd.array([0] * len(images), dtype="Int64")})
    return GalaxySet(images, catalogue, ("a",), tuple("grizy"[: images.shape[1]]), name)


def make(seed=0, bands=2, height=9, width=9, n=N):
    generator = np.random.default_rng(seed)
    scale = np.array([1.0, 30.0, 0.1])[:bands, None, None]
    return (generator.gamma(1.0, size=(n, bands, height, width)) * scale + 5 * scale).astype(np.float32)


def fit(source, target, **settings):
    return Preprocess.fit(DataConfig(**settings), as_set(source), TRAIN, as_set(target, "target"), TRAIN)


def test_each_domain_is_standardised_by_its_own_training_rows():
    source, target = make(0), make(1) * 3
    steps = fit(source, target)
    for images, domain in ((source, "source"), (target, "target")):
        out = steps.apply(images[TRAIN], domain)
        np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(out.std(axis=(0, 2, 3)), 1, atol=1e-4)


def test_statistics_are_those_of_plain_numpy(monkeypatch):
    monkeypatch.setattr(preprocess, "_CHUNK", 4)
    source = make() + 1e4
    statistics = fit(source, make(1)).source
    plain = source[TRAIN].astype(np.float64)
    np.testing.assert_allclose(statistics.mean, plain.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(statistics.std, plain.std(axis=(0, 2, 3)), rtol=1e-9)


def test_asinh_with_the_noise_scale_of_the_training_pixels():
    source, target = make(0), make(1)
    steps = fit(source, target, stretch="asinh", softening=3.0)
    for band in range(2):
        # scipy's "normal" scale is 1.482602...
        expected = median_abs_deviation(target[TRAIN][:, band], axis=None, scale="normal")
        assert steps.target.noise_scale[band] == pytest.approx(expected, rel=1e-4)
    scale = np.array(steps.target.noise_scale)[:, None, None]
    stretched = np.arcsinh(target / (3.0 * scale))
    mean, std = (stretched[TRAIN].mean(axis=(0, 2, 3), keepdims=True), stretched[TRAIN].std(axis=(0, 2, 3), keepdims=True))
    np.testing.assert_allclose(steps.apply(target, "target"), (stretched - mean[0]) / std[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("stretch", ["linear", "asinh"])
def test_other_rows_change_no_statistic(stretch):
    source, target = make(0), make(1)
    before = fit(source, target, stretch=stretch)
    source[14:], target[14:] = 1e6, np.nan
    assert fit(source, target, stretch=stretch) == before


def test_the_sources_normalisation_for_both():
    source, target = make(0), make(1) * 3
    steps = fit(source, target, normalise="source")
    assert (steps.target.mean, steps.target.std) == (steps.source.mean, steps.source.std)
    np.testing.assert_array_equal(steps.apply(target, "target"), steps.apply(target, "source"))


def test_crop_and_padding_are_about_the_centre():
    image = np.zeros((1, 1, 5, 5), np.float32)
    image[0, 0, 2, 2] = 1
    statistics = preprocess.BandStatistics((1.0,), (0.0,), (1.0,))
    for size in (3, 5, 7):
        out = Preprocess("linear", 4.0, (size, size), statistics, statistics).apply(image, "source")
        assert out.shape == (1, 1, size, size)
        assert out[0, 0, size // 2, size // 2] == out.sum() == 1


def test_padding_says_nothing_to_the_statistics():
    source, target = make(0), make(1, height=6, width=6)
    padded, plain = fit(source, target, size=12), fit(source, target, size=6)
    assert padded.target == plain.target
    assert padded.apply(target, "target").shape == (N, 2, 12, 12)


def test_the_size_is_the_sources_where_none_is_declared():
    steps = fit(make(height=8, width=6), make(height=10, width=10))
    assert steps.size == (8, 6)
    assert steps.apply(make(height=10, width=10), "target").shape[2:] == (8, 6)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_band_stays_finite(value):
    source = make()
    source[:, 1] = value
    out = fit(source, make(1), stretch="asinh").apply(source, "source")
    np.testing.assert_allclose(out[:, 1], 0, atol=1e-6)


def test_the_noise_scale_is_the_deviation_where_most_pixels_are_equal():
    source = np.zeros((N, 1, 9, 9), np.float32)
    source[:, :, 4, 4] = 9
    scale = fit(source, make(bands=1), stretch="asinh").source.noise_scale
    assert scale[0] == pytest.approx(source[TRAIN].std(), rel=1e-6)


def test_recorded_and_read_back_they_do_the_same_bit_for_bit():
    source, target = make(0), make(1)
    steps = fit(source, target, stretch="asinh", softening=2.5)
    again = Preprocess.from_dict(json.loads(json.dumps(steps.to_dict())))
    assert again == steps
    np.testing.assert_array_equal(again.apply(target, "target"), steps.apply(target, "target"))
    with pytest.raises(InputError, match="preprocessing: unknown field 'clip'"):
        Preprocess.from_dict(steps.to_dict() | {"clip": 1})


def test_memory_mapped_float64_gives_contiguous_float32(tmp_path):
    images = make().astype(np.float64)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    out = fit(mapped, mapped).apply(mapped, "source")
    assert (out.dtype, out.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(out, fit(images, images).apply(images, "source"))


def test_bad_input_is_refused_in_words():
    source, target = make(0), make(1)
    steps = fit(source, target)
    with pytest.raises(InputError, match="has 2 bands and the target 'target' has 3"):
        fit(source, make(bands=3))
    with pytest.raises(InputError, match=r"shape \(n, 2, height, width\), as in the training; got \(20, 3, 9, 9\)"):
        steps.apply(make(bands=3), "source")
    with pytest.raises(InputError, match="softening must be positive"):
        fit(source, target, softening=0.0)
    with pytest.raises(InputError, match="size must be at least 1"):
        fit(source, target, size=0)
    with pytest.raises(InputError, match="no training images"):
        Preprocess.fit(DataConfig(), as_set(source), TRAIN[:0], as_set(target), TRAIN)
    source[3, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="training images hold NaN or infinite"):
        fit(source, target)
    with pytest.raises(InputError, match="1 of 20 source images hold NaN or infinite pixels, first number 3"):
        steps.apply(source, "source")
    with pytest.raises(InputError, match="infinite"):
        steps.apply(np.full((1, 2, 9, 9), 1e300), "source")
