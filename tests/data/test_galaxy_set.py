"""GalaxySet: what it refuses, what it gives, and that a saved one comes back the same."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from daexplore.data.galaxy_set import GalaxySet
from daexplore.errors import InputError


def make(n=6, **changes):
    images = np.random.default_rng(0).normal(size=(n, 2, 5, 4)).astype(np.float32)
    label = pd.array([0, 1, None, 1, 0, None][:n], dtype="Int64")
    catalogue = pd.DataFrame(
        {
            "sample_id": [f"set/{i}" for i in range(n)],
            "group_id": [f"G{i // 2}" for i in range(n)],
            "label": label,
        }
    )
    catalogue["redshift"] = np.linspace(0, 1, n)
    fields = {
        "images": images,
        "catalogue": catalogue,
        "classes": ("non-merger", "merger"),
        "bands": ("g", "r"),
        "name": "set",
    }
    return GalaxySet(**fields | {"pixel_scale": 0.06, "provenance": {"seed": 1}} | changes)


def test_labels_counts_and_repr():
    galaxies = make()
    assert galaxies.labels.tolist() == [0, 1, -1, 1, 0, -1]
    assert galaxies.class_counts() == {"non-merger": 2, "merger": 2, "unlabelled": 2}
    assert (
        repr(galaxies)
        == "GalaxySet('set': 6 images 2x5x4, 3 galaxies; 2 non-merger, 2 merger, 2 unlabelled)"
    )


def test_rows_come_in_the_order_of_the_ids():
    assert make().rows(["set/4", "set/0", "set/3"]).tolist() == [4, 0, 3]
    with pytest.raises(InputError, match="has no galaxy 'set/9'"):
        make().rows(["set/4", "set/9"])


def test_take_accepts_numbers_and_masks():
    galaxies = make()
    by_number, by_mask = galaxies.take(np.array([1, 3])), galaxies.take(galaxies.labels == 1)
    assert by_number.sample_ids.tolist() == by_mask.sample_ids.tolist() == ["set/1", "set/3"]
    np.testing.assert_array_equal(by_mask.images, galaxies.images[[1, 3]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.zeros((6, 5, 4), np.float32)},
            r"expected images of shape \(N, channels, height, width\), got \(6, 5, 4\)",
        ),
        ({"images": np.zeros((5, 2, 5, 4), np.float32)}, "5 images but 6 catalogue rows"),
        ({"bands": ("g",)}, r"1 band names \(g\) for 2 channels"),
        ({"classes": ("non-merger",)}, "labels must be 0 to 0"),
        ({"catalogue": make().catalogue.drop(columns="group_id")}, "lacks the column 'group_id'"),
        (
            {"catalogue": make().catalogue.assign(sample_id="set/0")},
            "sample_id 'set/0' stands 6 times",
        ),
        (
            {"images": np.zeros((0, 2, 5, 4), np.float32), "catalogue": make().catalogue.iloc[:0]},
            "holds no galaxies",
        ),
    ],
)
def test_what_cannot_be_a_set_is_refused_in_words(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_counted_and_located(value):
    galaxies = make()
    galaxies.images[[2, 5], 0, 1, 1] = value
    with pytest.raises(
        InputError, match=r"2 of 6 images hold NaN or infinite pixels, first 'set/2' \(row 2\)"
    ):
        galaxies.check_finite(chunk=2)


def test_saved_and_loaded_it_is_the_same(tmp_path):
    galaxies = make()
    loaded = GalaxySet.load(galaxies.save(tmp_path / "set"))
    assert isinstance(loaded.images, np.memmap)
    np.testing.assert_array_equal(loaded.images, galaxies.images)
    pd.testing.assert_frame_equal(loaded.catalogue, galaxies.catalogue)
    for name in ("classes", "bands", "name", "pixel_scale"):
        assert getattr(loaded, name) == getattr(galaxies, name)
    assert loaded.provenance == galaxies.provenance | {"path": str(tmp_path / "set")}
    assert loaded.fingerprint() == galaxies.fingerprint()


def test_the_folder_opens_without_this_package(tmp_path):
    folder = make().save(tmp_path)
    assert np.load(folder / "images.npy", allow_pickle=False).shape == (6, 2, 5, 4)
    assert pd.read_parquet(folder / "catalogue.parquet")["redshift"].iloc[-1] == 1.0
    assert json.loads((folder / "galaxies.json").read_text())["bands"] == ["g", "r"]


@pytest.mark.parametrize("name", ["images.npy", "catalogue.parquet", "galaxies.json"])
def test_a_damaged_folder_is_refused_in_words(tmp_path, name):
    folder = make().save(tmp_path)
    (folder / name).write_bytes(b"{")
    with pytest.raises(InputError, match="cannot be read"):
        GalaxySet.load(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"lacks {name}"):
        GalaxySet.load(folder)


def test_the_fingerprint_tells_apart_what_differs():
    galaxies = make()
    brighter = galaxies.images.copy()
    brighter[3, 0, 0, 0] += 1
    relabelled = galaxies.catalogue.assign(label=1 - galaxies.catalogue["label"])
    others = [
        dataclasses.replace(galaxies, images=brighter),
        dataclasses.replace(galaxies, catalogue=relabelled),
        dataclasses.replace(galaxies, bands=("r", "g")),
        galaxies.take(np.arange(5)),
    ]
    assert len({galaxies.fingerprint(), *(other.fingerprint() for other in others)}) == 5
    assert make().fingerprint() == galaxies.fingerprint()
