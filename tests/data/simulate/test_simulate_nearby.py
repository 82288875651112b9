"""The nearby galaxies: few mergers from many sides against other galaxies in a survey, without a
shortcut to the labels.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from daexplore.data.simulate import PRESETS, open_preset, simulate, sky_noise
from daexplore.data.simulate.presets import Sample
from daexplore.data.simulate.samples import image_plan

NEARBY = PRESETS["nearby"]


@pytest.fixture(scope="module")
def pair():
    return simulate("nearby", n=120, seed=2, workers=1)


def test_domains_show_different_galaxies_in_the_same_pixels(pair):
    source, target = pair
    assert source.images.shape == target.images.shape == (120, 3, 75, 75)
    assert source.bands == target.bands == ("g", "r", "i")
    assert source.pixel_scale == target.pixel_scale == 0.396
    assert source.flux_scale == target.flux_scale == (1.0, 1.0, 1.0)
    assert source.psf_fwhm is not None
    assert target.psf_fwhm is not None
    assert all(
        sharp < seeing for sharp, seeing in zip(source.psf_fwhm, target.psf_fwhm, strict=True)
    )
    assert not set(source.catalogue["group_id"]) & set(target.catalogue["group_id"])
    assert source.sample_ids[:3].tolist() == [
        "source/I00000-0",
        "source/I00002-0",
        "source/I00001-0",
    ]
    assert set(source.catalogue.columns) == set(target.catalogue.columns)
    assert source.images.min() >= 0
    # the emptiest quarter of the corners: light of galaxies adds to the others
    sky = np.percentile(target.images[:, :, :8, :8].std((2, 3)), 25, axis=0)
    np.testing.assert_allclose(sky, sky_noise(NEARBY.target), rtol=0.3)


def test_classes_come_in_the_proportions_of_simulation_and_survey():
    source, target = (image_plan(sample, NEARBY.n) for sample in NEARBY.samples)
    for domain, galaxies, images in ((source, 44, 1440), (target, 310, 310)):
        merging = [shot for shot in domain if shot[0] % 2]
        assert len(merging) == pytest.approx(images, abs=1)
        assert len({galaxy for galaxy, _ in merging}) == galaxies
        assert len(set(domain)) == NEARBY.n
        others = [shot for shot in domain if shot[0] % 2 == 0]
        assert len({galaxy for galaxy, _ in others}) == len(others)
    counts = pd.Series([galaxy for galaxy, _ in source if galaxy % 2]).value_counts()
    assert counts.max() - counts.min() <= 1


def test_a_set_larger_than_all_sides_of_its_mergers_gets_new_ones():
    sample = Sample(
        "X",
        NEARBY.samples[0].population,
        mergers=0.5,
        merger_galaxies=3,
        merger_views=2,
        redshifts=(0.05, 0.05),
    )
    merging = [shot for shot in image_plan(sample, 20) if shot[0] % 2]
    assert merging == [
        (1, 0),
        (3, 0),
        (5, 0),
        (1, 1),
        (3, 1),
        (5, 1),
        (7, 0),
        (9, 0),
        (11, 0),
        (7, 1),
    ]


def test_images_depend_on_neither_workers_nor_number(pair):
    for first, again, fewer in zip(
        pair,
        simulate("nearby", n=120, seed=2, workers=2),
        simulate("nearby", n=10, seed=2),
        strict=True,
    ):
        np.testing.assert_array_equal(again.images, first.images)
        pd.testing.assert_frame_equal(again.catalogue, first.catalogue)
        np.testing.assert_array_equal(fewer.images, first.images[:10])
        pd.testing.assert_frame_equal(fewer.catalogue, first.catalogue[:10])


def test_views_show_one_galaxy_from_other_sides(pair):
    source, _ = pair
    groups = source.catalogue[source.labels == 1].groupby("group_id")
    pairs = [rows for rows in groups.indices.values() if len(rows) > 1]
    assert pairs
    same = ["disc_scale_kpc", "absolute_magnitude", "redshift", "time_since_pericentre_myr"]
    assert (groups[same].nunique() == 1).all(axis=None)
    images = source.images[source.labels == 1]
    for rows in pairs:
        first, second = images[rows[0]], images[rows[1]]
        np.testing.assert_allclose(first.sum((1, 2)), second.sum((1, 2)), rtol=1e-3)
        assert np.abs(first - second).sum() > 0.05 * first.sum()


def test_redshifts_are_those_of_mock_and_survey(pair):
    source, target = pair
    np.testing.assert_allclose(source.catalogue["redshift"], 0.05, rtol=1e-6)
    redshift = target.catalogue["redshift"]
    assert 0.03 <= redshift.min() < redshift.max() <= 0.1
    # evenly in volume, to first order in z: two thirds of the volume below 0.1 lie beyond 0.07
    assert (redshift > 0.07).mean() == pytest.approx(
        (0.1**3 - 0.07**3) / (0.1**3 - 0.03**3), abs=0.12
    )
    assert target.catalogue["absolute_magnitude"].between(-23, -20.5).all()


def test_preset_is_kept_under_its_own_version(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEXPLORE_CACHE", str(tmp_path))
    source, target = open_preset("nearby", n=4, workers=1)
    assert (tmp_path / "simulated" / f"nearby-n4-seed0-v{NEARBY.version}").is_dir()
    assert source.psf_fwhm is not None
    assert source.provenance["version"] == target.provenance["version"] == NEARBY.version
    assert target.provenance["condition"] == "SDSS"


@pytest.mark.slow
def test_flux_and_colours_do_not_tell_mergers():
    """A forest on what no morphology is needed for stays near chance; the galaxies of its test were
    not trained on.
    """
    source, _ = simulate("nearby", n=600, seed=7)
    # one view a merger would be too few: many seeds' worth of galaxies instead, the first sides of
    # each
    rows = source.catalogue.groupby("group_id").head(1).index.to_numpy()
    more = [simulate("nearby", n=90, seed=seed)[0] for seed in range(20, 24)]
    images = np.concatenate([source.images[rows], *(galaxies.images for galaxies in more)])
    labels = np.concatenate([source.labels[rows], *(galaxies.labels for galaxies in more)])
    flux = np.log10(images.sum((2, 3)))
    features = np.column_stack([flux, flux[:, 0] - flux[:, 1], flux[:, 1] - flux[:, 2]])
    chosen = np.random.default_rng(0).permutation(len(labels))
    train, test = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
    forest = RandomForestClassifier(
        300, min_samples_leaf=3, class_weight="balanced", random_state=0
    ).fit(features[train], labels[train])
    auc = roc_auc_score(labels[test], forest.predict_proba(features[test])[:, 1])
    assert 0.4 < auc < 0.6
