"""Files that hold many galaxies each give the images that they were made from, bit for bit."""

import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packed_files import IDS, PACKED, N, expected, fluxes, labels, pictures

from daexplore.config import ReadConfig
from daexplore.data.account import account_of
from daexplore.data.ingest import ingest
from daexplore.data.readers import read_galaxies
from daexplore.errors import InputError


@pytest.mark.parametrize("kind", PACKED)
def test_the_images_ids_and_labels_are_those_that_were_packed(tmp_path, kind):
    write, of_pictures = PACKED[kind]
    path = write(tmp_path / "packed")
    label = "ans" if kind == "galaxy10" else None
    for galaxies in (
        read_galaxies(path, label=label),
        ingest(path, tmp_path / "set", ReadConfig(label=label), workers=1, chunk=7),
    ):
        np.testing.assert_array_equal(np.asarray(galaxies.images), expected(of_pictures))
        ids = galaxies.catalogue["sample_id"].str.rpartition("/")[2]
        if kind == "npy, channels last":
            ids = galaxies.catalogue["group_id"]
        assert ids.tolist() == IDS
        assert galaxies.labels.tolist() == labels()


def test_a_hats_catalogue_says_bands_scale_and_seeing_and_has_no_galaxy_twice(tmp_path):
    galaxies = read_galaxies(PACKED["hats"][0](tmp_path / "packed"))
    assert len(galaxies) == N
    assert galaxies.bands == ("g", "r", "z")
    assert galaxies.pixel_scale == pytest.approx(0.262)
    assert galaxies.psf_fwhm == pytest.approx((1.3, 1.2, 1.1))
    passed = {each.reason: each.count for each in account_of(galaxies).passed_over}
    assert passed["no galaxy by name or catalogue"] == 2
    assert sum(passed.values()) == 5


def test_the_names_of_classes_are_those_of_the_hub(tmp_path):
    assert read_galaxies(PACKED["hub"][0](tmp_path / "packed")).classes == ("isolated", "merger")


def test_members_that_are_not_read_are_counted(tmp_path):
    account = account_of(read_galaxies(PACKED["tar"][0](tmp_path / "packed")))
    [passed] = account.passed_over
    assert passed.count == N
    assert passed.first[0].endswith(".pyd")


def test_columns_of_several_values_are_left_out_and_listed(tmp_path):
    galaxies = read_galaxies(PACKED["galaxy10"][0](tmp_path / "packed"))
    assert "spectrum" not in galaxies.catalogue
    assert galaxies.catalogue["remark"].tolist() == [f"galaxy {row}" for row in range(N)]
    assert galaxies.catalogue["object_id"].astype(str).tolist() == IDS
    assert any("spectrum" in str(passed) for passed in account_of(galaxies).passed_over)


def write_two(path):
    with h5py.File(path, "w") as file:
        file["low"], file["high"] = fluxes(0), fluxes(1)


def test_images_alone_are_enough(tmp_path):
    kind = pa.list_(pa.list_(pa.list_(pa.float32())))
    pq.write_table(pa.table({"image": pa.array(fluxes().tolist(), kind)}), tmp_path / "a.parquet")
    galaxies = read_galaxies(tmp_path / "a.parquet")
    np.testing.assert_array_equal(galaxies.images, fluxes())
    assert len(galaxies.sample_ids) == N


def test_of_several_arrays_of_images_one_is_chosen(tmp_path):
    write_two(tmp_path / "two.h5")
    with pytest.raises(InputError, match=r"2 arrays may be the images; it has .*--images"):
        read_galaxies(tmp_path / "two.h5")
    for key, seed in (("low", 0), ("high", 1)):
        galaxies = read_galaxies(tmp_path / "two.h5", images=key)
        np.testing.assert_array_equal(galaxies.images, fluxes(seed))
    with pytest.raises(InputError, match=r"has no array 'middle' of images"):
        read_galaxies(tmp_path / "two.h5", images="middle")


def test_text_that_is_not_utf8_is_refused_and_not_changed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = fluxes()
        file["object_id"] = np.array([b"\xe9%d" % row for row in range(N)])
    with pytest.raises(InputError, match="'object_id' is not text in UTF-8"):
        read_galaxies(tmp_path / "a.h5")


def test_links_out_of_a_file_are_not_followed(tmp_path):
    write_two(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["images"] = fluxes()
        file["linked"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "low")
        layout = h5py.VirtualLayout(shape=(N,), dtype="f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "low", shape=(N,))
        file.create_virtual_dataset("virtual", layout)
    galaxies = read_galaxies(tmp_path / "set.h5")
    assert not {"linked", "virtual"} & set(galaxies.catalogue)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.h5", b"no HDF5", "cannot be read"),
        ("a.npz", b"PK no zip", "cannot be read"),
        ("a.tar", b"no tar" * 200, "is no whole tar file"),
        ("a.tar", b"", "is no whole tar file|holds no images"),
        ("a.npz", b"", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_galaxies(tmp_path / name)
    assert name in str(error.value)


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", images=fluxes(), evil=np.array([{}] * N, dtype=object))
    galaxies = read_galaxies(tmp_path / "a.npz")
    np.testing.assert_array_equal(galaxies.images, fluxes())
    assert "evil" not in galaxies.catalogue


def test_a_declared_catalogue_goes_by_place_and_must_have_a_row_for_each(tmp_path):
    np.savez(tmp_path / "a.npz", images=pictures())
    rows = [f"{row},{'ab'[row % 2]}" for row in range(N)]
    (tmp_path / "table.csv").write_text("number,kind\n" + "\n".join(rows))
    galaxies = read_galaxies(
        tmp_path / "a.npz", catalogue=str(tmp_path / "table.csv"), label="kind"
    )
    assert galaxies.classes == ("a", "b")
    (tmp_path / "table.csv").write_text("number,kind\n0,a\n")
    with pytest.raises(InputError, match=rf"expected {N} rows, one for each image .*, got 1"):
        read_galaxies(tmp_path / "a.npz", catalogue=str(tmp_path / "table.csv"))


@pytest.mark.parametrize("column", ["missing", "label"])
def test_a_declared_column_of_ids_has_to_name_each_image_once(tmp_path, column):
    path = PACKED["npz"][0](tmp_path / "packed")
    with pytest.raises(InputError, match=r"for the ids|does not name each image once"):
        read_galaxies(path, id=column)


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    path = PACKED["galaxy10"][0](tmp_path / "packed")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"needs h5py.*daexplore\[hdf5\]"):
        read_galaxies(path)
