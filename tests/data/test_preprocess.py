"""Preprocessing: formulas against plain ones, training rows only, recorded bit for bit."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from daexplore.config import DataConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing import pipeline
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.preprocessing.steps import Crop
from daexplore.errors import InputError

N, TRAIN = 20, np.arange(0, 14)


def as_set(images, name="source", **about):
    ids = [f"{name}/{i}" for i in range(len(images))]
    catalogue = pd.DataFrame(
        {"sample_id": ids, "group_id": ids, "label": pd.array([0] * len(images), dtype="Int64")}
    )
    bands = about.pop("bands", tuple("grizy"[: images.shape[1]]))
    return GalaxySet(images, catalogue, ("a",), bands, name, **about)


def make(seed=0, bands=2, height=9, width=9, n=N):
    generator = np.random.default_rng(seed)
    scale = np.array([1.0, 30.0, 0.1])[:bands, None, None]
    return (generator.gamma(1.0, size=(n, bands, height, width)) * scale + 5 * scale).astype(
        np.float32
    )


def fit(source, target, **options):
    return Preprocess.fit(
        DataConfig(**options), as_set(source), TRAIN, as_set(target, "target"), TRAIN
    )


def test_each_domain_is_standardised_by_its_own_training_rows():
    source, target = make(0), make(1) * 3
    steps = fit(source, target)
    for images, domain in ((source, "source"), (target, "target")):
        out = steps.apply(images[TRAIN], domain)
        np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(out.std(axis=(0, 2, 3)), 1, atol=1e-4)


def test_statistics_are_those_of_plain_numpy(monkeypatch):
    monkeypatch.setattr(pipeline, "_CHUNK", 4)
    source = make() + 1e4
    normalise = fit(source, make(1)).source.steps[-1]
    plain = source[TRAIN].astype(np.float64)
    np.testing.assert_allclose(normalise.mean, plain.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(normalise.std, plain.std(axis=(0, 2, 3)), rtol=1e-9)


def test_asinh_with_the_noise_scale_of_the_training_pixels():
    source, target = make(0), make(1)
    steps = fit(source, target, stretch="asinh", softening=3.0)
    noise_scale = steps.target.fitted_steps[0].noise_scale
    for band in range(2):
        # scipy's "normal" scale is 1.482602...
        expected = median_abs_deviation(target[TRAIN][:, band], axis=None, scale="normal")
        assert noise_scale[band] == pytest.approx(expected, rel=1e-4)
    scale = np.array(noise_scale)[:, None, None]
    stretched = np.arcsinh(target / (3.0 * scale))
    mean, std = (
        stretched[TRAIN].mean(axis=(0, 2, 3), keepdims=True),
        stretched[TRAIN].std(axis=(0, 2, 3), keepdims=True),
    )
    np.testing.assert_allclose(
        steps.apply(target, "target"), (stretched - mean[0]) / std[0], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("stretch", ["linear", "asinh", "percentile"])
def test_other_rows_change_no_statistic(stretch):
    source, target = make(0), make(1)
    before = fit(source, target, stretch=stretch)
    source[14:], target[14:] = 1e6, np.nan
    assert fit(source, target, stretch=stretch) == before


def test_the_sources_normalisation_for_both():
    source, target = make(0), make(1) * 3
    steps = fit(source, target, normalise="source")
    assert steps.target.fitted_steps == steps.source.fitted_steps
    np.testing.assert_array_equal(steps.apply(target, "target"), steps.apply(target, "source"))


def test_crop_and_padding_are_about_the_centre():
    image = np.zeros((1, 1, 5, 5), np.float32)
    image[0, 0, 2, 2] = 1
    for size in (3, 5, 7):
        out = Crop((size, size)).apply(image)
        assert out.shape == (1, 1, size, size)
        assert out[0, 0, size // 2, size // 2] == out.sum() == 1


def test_padding_says_nothing_to_the_statistics():
    source, target = make(0), make(1, height=6, width=6)
    padded, plain = fit(source, target, size=12), fit(source, target, size=6)
    assert padded.target.fitted_steps == plain.target.fitted_steps
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
    scale = fit(source, make(bands=1), stretch="asinh").source.fitted_steps[0].noise_scale
    assert scale[0] == pytest.approx(source[TRAIN].std(), rel=1e-6)


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
    with pytest.raises(InputError, match=r"has 3 bands \(g, r, i\) and the target 'target' has 2"):
        fit(make(bands=3), target)
    with pytest.raises(
        InputError, match=r"shape \(n, 2, height, width\), as in the training; got \(20, 3, 9, 9\)"
    ):
        steps.apply(make(bands=3), "source")
    with pytest.raises(InputError, match="softening must be positive"):
        fit(source, target, softening=0.0)
    with pytest.raises(InputError, match="size must be at least 1"):
        fit(source, target, size=0)
    with pytest.raises(InputError, match="no training images"):
        Preprocess.fit(DataConfig(), as_set(source), TRAIN[:0], as_set(target), TRAIN)
    source[3, 0, 0, 0] = np.inf
    for percentiles in ((5.0, 5.0), (-1.0, 50.0), (50.0, 101.0)):
        with pytest.raises(InputError, match="percentiles must be two numbers from 0 to 100"):
            fit(source, target, percentiles=percentiles)
    with pytest.raises(
        InputError,
        match=r"training images hold NaN or infinite pixels. `daexplore ingest` interpolates",
    ):
        fit(source, target)
    with pytest.raises(
        InputError, match="1 of 20 source images hold NaN or infinite pixels, first number 3"
    ):
        steps.apply(source, "source")
    with pytest.raises(InputError, match="infinite"):
        steps.apply(np.full((1, 2, 9, 9), 1e300), "source")


EVERYTHING = {
    "bands": ("i", "g"),
    "units": "nanojansky",
    "background": "border",
    "psf_fwhm": 1.5,
    "pixel_scale": 0.5,
    "stretch": "percentile",
    "percentiles": (1.0, 99.0),
    "size": 8,
}
SURVEY = {"pixel_scale": 0.25, "flux_scale": (1.0, 2.0, 3.0), "psf_fwhm": (1.2, 1.1, 1.0)}
OTHER = {
    "bands": ("I", "G", "R"),
    "pixel_scale": 0.5,
    "flux_scale": (30.0, 10.0, 20.0),
    "psf_fwhm": (1.5, 1.4, 1.4),
}


def surveys(**changes):
    source = as_set(make(0, 3, 24, 24), **SURVEY)
    return source, as_set(make(1, 3, 12, 12) * 0.1, "target", **(OTHER | changes))


def test_all_steps_in_order_and_only_those_needed():
    source, target = surveys()
    steps = Preprocess.fit(DataConfig(**EVERYTHING), source, TRAIN, target, TRAIN)
    kinds = [
        [type(step).__name__ for step in domain.steps] for domain in (steps.source, steps.target)
    ]
    assert kinds[0] == [
        "SelectBands",
        "Units",
        "Background",
        "PsfMatch",
        "Resample",
        "Crop",
        "Percentile",
        "Normalise",
    ]
    assert kinds[1] == [
        "SelectBands",
        "Units",
        "Background",
        "PsfMatch",
        "Crop",
        "Percentile",
        "Normalise",
    ]
    assert (steps.bands, steps.size, steps.source.used, steps.target.used) == (
        ("i", "g"),
        (8, 8),
        ("i", "g"),
        ("I", "G"),
    )
    assert steps.target.steps[1].flux_scale == (30.0, 10.0)
    assert steps.target.steps[3].sigma[0] == 0 < steps.target.steps[3].sigma[1]
    for galaxies, domain in ((source, "source"), (target, "target")):
        out = steps.apply(galaxies.images, domain)
        assert out.shape == (N, 2, 8, 8)
        np.testing.assert_allclose(out[TRAIN].mean(axis=(0, 2, 3)), 0, atol=0.3)
    default = Preprocess.fit(DataConfig(), source, TRAIN, target, TRAIN)
    assert [type(step).__name__ for step in default.source.steps] == ["Crop", "Normalise"]
    assert default.target.used == ("G", "R", "I")


def test_with_every_step_other_rows_change_no_statistic():
    before, after = surveys(), surveys()
    for galaxies in after:
        galaxies.images[14:] *= -1e6
    fits = [
        Preprocess.fit(DataConfig(**EVERYTHING), source, TRAIN, target, TRAIN)
        for source, target in (before, after)
    ]
    assert fits[0] == fits[1]


def test_one_sky_under_two_surveys_becomes_the_same_images():
    """The target is the source in other units, in another order of bands, four pixels in one, over
    a sky.
    """
    fine = as_set(make(0, 3, 24, 24), pixel_scale=0.25, flux_scale=(1.0, 2.0, 4.0))
    coarse = (
        fine.images.reshape(N, 3, 12, 2, 12, 2).sum(axis=(3, 5))
        * np.array([0.1, 0.2, 0.4], np.float32)[:, None, None]
    )
    target = as_set(
        coarse[:, [2, 0, 1]],
        "target",
        bands=("i", "g", "r"),
        pixel_scale=0.5,
        flux_scale=(10.0, 10.0, 10.0),
    )
    config = DataConfig(units="nanojansky", pixel_scale=0.5, normalise="source")
    steps = Preprocess.fit(config, fine, TRAIN, target, TRAIN)
    np.testing.assert_allclose(
        steps.apply(target.images, "target"),
        steps.apply(fine.images, "source"),
        rtol=1e-4,
        atol=1e-4,
    )


def test_new_images_go_through_the_same():
    source, target = surveys()
    steps = Preprocess.fit(DataConfig(**EVERYTHING), source, TRAIN, target, TRAIN)
    assert steps.for_galaxy_set("target", target) == steps
    assert steps.for_sets(source, target, DataConfig(bands=("i", "g"))) == steps
    # The target again, in other units and order: what the network sees is the same.
    order = [1, 2, 0]
    about = {key: tuple(OTHER[key][i] for i in order) for key in ("bands", "psf_fwhm")}
    again = as_set(
        target.images[:, order] / 5,
        "again",
        **about,
        pixel_scale=0.5,
        flux_scale=tuple(5 * OTHER["flux_scale"][i] for i in order),
    )
    out = steps.for_galaxy_set("target", again).apply(again.images, "target")
    np.testing.assert_allclose(out, steps.apply(target.images, "target"), rtol=1e-4, atol=1e-4)
    foreign = steps.for_galaxy_set("target", target, statistics="source")
    assert foreign.target.fitted_steps == steps.source.fitted_steps
    assert foreign.source == steps.source


def test_two_new_sets_take_the_places_of_the_old_ones():
    source, target = make(0, 3), make(1, 3)
    steps = Preprocess.fit(DataConfig(), as_set(source), TRAIN, as_set(target, "target"), TRAIN)
    space = as_set(make(2, 3), "space", bands=("F1", "F2", "F3"))
    other = as_set(make(3, 3), "other", bands=("F3", "F1", "F2"))
    moved = steps.for_sets(space, other, DataConfig())
    assert (moved.source.used, moved.target.used) == (("F1", "F2", "F3"), ("F1", "F2", "F3"))
    assert moved.target.fitted_steps == steps.target.fitted_steps
    assert steps.for_sets(space, other, DataConfig(bands=("F2", "F3", "F1"))).target.used == (
        "F2",
        "F3",
        "F1",
    )
    assert steps.for_sets(space, other, DataConfig(match_bands="position")).target.used == (
        "F3",
        "F1",
        "F2",
    )
    swapped = as_set(make(2, 3), "swapped", bands=("I", "R", "g"))
    assert steps.for_sets(swapped, as_set(target, "target"), DataConfig()).source.used == (
        "g",
        "R",
        "I",
    )
    with pytest.raises(InputError, match="the source 'space' has 2 "):
        steps.for_sets(space, other, DataConfig(bands=("F1", "F2")))


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"flux_scale": None},
            {},
            (
                r"what the pixels of the target 'target' mean.*zero"
                r" point.*data\.target_read\.zero_points"
            ),
        ),
        (
            {"pixel_scale": None},
            {},
            r"pixel scale of the target 'target'.*data\.target_read\.pixel_scale, in arcsec",
        ),
        (
            {"psf_fwhm": None},
            {},
            r"needs the PSF of the target 'target'.*data\.target_read\.psf_fwhm",
        ),
        (
            {"psf_fwhm": (1.7, 1.0, 1.0)},
            {},
            r"""in I is 1\.7" wide, broader than data\.psf_fwhm=1\.5".*at least 1\.7""",
        ),
        ({}, {"pixel_scale": 30.0}, "24 pixels wide are smaller than one pixel"),
        ({}, {"psf_fwhm": -1.0}, "psf_fwhm must be positive"),
        ({}, {"bands": ("g", "u")}, "The source 'source' lacks u; it has the bands g, r, i"),
        (
            {"bands": ("I", "R", "Z")},
            {},
            r'the target \'target\' has 3 \(I, R, Z\); it lacks g.*data\.bands=\["i"\]',
        ),
    ],
)
def test_what_a_set_does_not_say_is_asked_for(changes, options, message):
    with pytest.raises(InputError, match=message):
        Preprocess.fit(
            DataConfig(**(EVERYTHING | {"size": None} | options)),
            surveys()[0],
            TRAIN,
            surveys(**changes)[1],
            TRAIN,
        )


@settings(max_examples=60, deadline=None)
@given(
    chosen=st.sets(st.sampled_from(sorted(EVERYTHING))),
    stretch=st.sampled_from(["linear", "asinh", "percentile"]),
    normalise=st.sampled_from(["domain", "source"]),
    height=st.integers(16, 30),
    width=st.integers(16, 30),
)
def test_recorded_and_read_back_all_do_the_same_bit_for_bit(
    chosen, stretch, normalise, height, width
):
    source = as_set(make(0, 3, height, width), **SURVEY)
    target = surveys()[1]
    config = DataConfig(
        **({key: EVERYTHING[key] for key in chosen} | {"stretch": stretch, "normalise": normalise})
    )
    steps = Preprocess.fit(config, source, TRAIN, target, TRAIN)
    again = Preprocess.from_dict(json.loads(json.dumps(steps.to_dict())))
    assert again == steps
    for galaxies, domain in ((source, "source"), (target, "target")):
        out = steps.apply(galaxies.images, domain)
        assert out.shape == (N, len(steps.bands), *steps.size)
        np.testing.assert_array_equal(again.apply(galaxies.images, domain), out)
        # A galaxy's pixels do not depend on its company.
        np.testing.assert_allclose(
            steps.apply(galaxies.images[3:5], domain), out[3:5], rtol=1e-5, atol=1e-6
        )


def test_records_that_are_none_are_refused():
    steps = fit(make(0), make(1), stretch="asinh").to_dict()
    with pytest.raises(
        InputError,
        match=r"expected format 2 with format, standard, source, target; got format, .*clip",
    ):
        Preprocess.from_dict(steps | {"clip": 1})
    with pytest.raises(InputError, match=r"preprocessing\.source: expected bands and steps"):
        Preprocess.from_dict(steps | {"source": []})
    with pytest.raises(InputError, match=r"preprocessing\.standard: unknown field 'sky'"):
        Preprocess.from_dict(steps | {"standard": steps["standard"] | {"sky": 1}})
    for values in ({"stretch": "linear"}, None, {"format": 3}):
        with pytest.raises(InputError, match="preprocessing: "):
            Preprocess.from_dict(values)


@pytest.mark.parametrize("stretch", ["linear", "asinh"])
def test_runs_of_the_first_format_are_understood(stretch):
    images = make(0, 2, 9, 11)
    statistics = {"noise_scale": [0.5, 20.0], "mean": [0.1, 0.2], "std": [1.5, 3.0]}
    record = {
        "stretch": stretch,
        "softening": 4.0,
        "size": [7, 7],
        "source": statistics,
        "target": statistics | {"mean": [0.0, 0.0]},
    }
    steps = Preprocess.from_dict(json.loads(json.dumps(record)))
    assert (steps.size, len(steps.bands)) == ((7, 7), 2)
    for domain in ("source", "target"):
        mean, std, noise = (
            np.array(record[domain][key])[:, None, None] for key in ("mean", "std", "noise_scale")
        )
        flux = images[:, :, 1:8, 2:9]
        expected = ((np.arcsinh(flux / (4 * noise)) if stretch == "asinh" else flux) - mean) / std
        np.testing.assert_allclose(steps.apply(images, domain), expected, rtol=1e-5, atol=1e-6)
    adapted = steps.for_galaxy_set("target", as_set(images, "new"))
    np.testing.assert_array_equal(adapted.apply(images, "target"), steps.apply(images, "target"))
