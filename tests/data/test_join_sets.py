"""Several labelled sets as one source: rows, bands, classes, ids and units."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from factories import make_galaxies

from daexplore.config import DataConfig
from daexplore.data import describe, open_described, open_domains
from daexplore.data.datasets import load_images
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.join_sets import join_sets
from daexplore.data.joined_images import JoinedImages
from daexplore.errors import InputError


def galaxies(name, n, bands=("g", "r", "i"), classes=("no", "merger"), size=8, seed=0, **fields):
    rng = np.random.default_rng(seed)
    catalogue = pd.DataFrame(
        {
            "sample_id": [f"{name}-{i}" for i in range(n)],
            "group_id": [f"{name}-{i // 2}" for i in range(n)],
            "label": pd.array(rng.integers(0, len(classes), n), dtype="Int64"),
        }
    )
    images = rng.random((n, len(bands), size, size), np.float32)
    return GalaxySet(images, catalogue, classes, bands, name, **fields)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        slice(2, 9),
        slice(None, None, -2),
        [0, 9, 4, 4],
        np.array([[1, 8], [7, 2]]),
        np.arange(10) % 3 == 0,
        [],
    ],
)
def test_joined_images_are_indexed_as_numpy_indexes_their_concatenation(key):
    first, second = galaxies("a", 6), galaxies("b", 4, seed=1)
    joined = JoinedImages((first.images, second.images), ((0, 1, 2), (0, 1, 2)))
    whole = np.concatenate([first.images, second.images])
    expected = whole[np.asarray(key, int) if isinstance(key, list) else key]
    np.testing.assert_array_equal(joined[key], expected)
    np.testing.assert_array_equal(np.asarray(joined), whole)
    assert (joined.shape, joined.ndim, joined.nbytes) == (whole.shape, 4, whole.nbytes)


@pytest.mark.parametrize("key", [10, -11, [0, 10], (0, 1), None, ...])
def test_rows_that_are_not_there_are_refused(key):
    joined = JoinedImages((galaxies("a", 6).images, galaxies("b", 4).images), ((0, 1, 2),) * 2)
    with pytest.raises(IndexError):
        joined[key]


def test_bands_and_classes_are_matched_by_name():
    first = galaxies("a", 6)
    second = galaxies("b", 4, bands=("i", "g", "r"), classes=("Merger", "no"), seed=1)
    joined = join_sets([first, second])
    assert joined.bands == first.bands
    np.testing.assert_array_equal(joined.images[6:], second.images[:, [1, 2, 0]])
    names = [joined.classes[label] for label in joined.labels]
    assert names[:6] == [first.classes[label] for label in first.labels]
    assert names[6:] == [second.classes[label].lower() for label in second.labels]
    assert list(joined.sample_ids) == [*first.sample_ids, *second.sample_ids]


def test_ids_that_occur_twice_begin_with_the_name_of_their_set():
    first, second = galaxies("a", 6), dataclasses.replace(galaxies("a", 6, seed=1), name="b")
    ids = list(join_sets([first, second]).sample_ids)
    assert len(set(ids)) == 12
    assert (ids[0], ids[6]) == ("a/a-0", "b/a-0")
    same = join_sets([first, first])
    assert len(set(same.sample_ids)) == 12


def test_units_and_psfs_that_differ_are_not_used_and_this_is_said():
    first = galaxies("a", 6, flux_scale=(1.0, 2.0, 3.0), psf_fwhm=(1.0, 1.1, 1.2))
    same = galaxies("b", 4, ("i", "g", "r"), flux_scale=(3.0, 1.0, 2.0), psf_fwhm=(1.2, 1.0, 1.1))
    joined = join_sets([first, same])
    assert (joined.flux_scale, joined.psf_fwhm) == (first.flux_scale, first.psf_fwhm)
    other = galaxies("b", 4, flux_scale=(1.0, 2.0, 4.0))
    joined = join_sets([first, other])
    assert (joined.flux_scale, joined.psf_fwhm) == (None, None)
    notes = " ".join(joined.provenance["notes"])
    assert "unit of the pixels differs" in notes
    assert "PSF differs" in notes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 9}, "--size"),
        ({"pixel_scale": 0.5}, "--resample"),
        ({"bands": ("u", "z", "y")}, "'a' .*'b'|'b'.*'a'"),
        ({"classes": ("spiral", "smooth")}, "class"),
    ],
)
def test_sets_that_do_not_go_together_are_refused_with_what_to_do(changes, message):
    with pytest.raises(InputError, match=message):
        join_sets([galaxies("a", 6, pixel_scale=0.4), galaxies("b", 4, **changes)])


def test_a_joined_source_is_opened_again_from_its_description(tmp_path):
    make_galaxies(tmp_path, 40)
    paths = [str(tmp_path / name) for name in ("source", "target")]
    config = DataConfig(paths[0], paths[1], more_sources=(paths[1],))
    source, target = open_domains(config)
    assert len(source) == 80
    assert not set(source.sample_ids) & set(target.sample_ids)
    again = open_described(describe(source))
    assert again.image_fingerprint() == source.image_fingerprint()
    ids = [source.sample_ids[row] for row in (3, 70, 41)]
    images, bands = load_images(describe(source), "source", ids)
    np.testing.assert_array_equal(images, source.images[[3, 70, 41]])
    assert bands == source.bands


def test_both_domains_of_a_preset_are_a_source_and_are_found_again_without_their_folder(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DAEXPLORE_CACHE", str(tmp_path / "one"))
    config = DataConfig(
        "nearby:source", "nearby:target", more_sources=("nearby:target",), simulated=12
    )
    source, target = open_domains(config)
    assert (len(source), len(target)) == (24, 12)
    description = describe(source)
    monkeypatch.setenv("DAEXPLORE_CACHE", str(tmp_path / "two"))
    (tmp_path / "one").rename(tmp_path / "gone")
    again = open_described(description)
    np.testing.assert_array_equal(np.asarray(again.images), _kept(tmp_path / "gone"))
    with pytest.raises(InputError, match="nearby:source and nearby:target"):
        open_domains(dataclasses.replace(config, source="nearby:both"))


def _kept(folder):
    folders = sorted(folder.rglob("images.npy"))
    by_domain = {path.parent.name: np.load(path) for path in folders}
    return np.concatenate([by_domain["source"], by_domain["target"]])
