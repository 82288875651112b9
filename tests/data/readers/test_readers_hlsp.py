"""FITS files of many galaxies as MAST publishes DeepMerge's: every variant has the same images and
labels.
"""

import gzip
import pickle

import numpy as np
import pytest
from astropy.io import fits

from daexplore.data.readers import read_galaxies
from daexplore.data.readers.registry import open_listing
from daexplore.errors import InputError

THREE = "hlsp_deepmerge_hst-jwst_acs-wfc3-nircam_illustris-z2_f814w-f160w-f356w_v1_sim-noisy.fits"
TWO = "hlsp_deepmerge_hst_acs-wfc3_illustris-z2_f814w-f160w_v1_sim-pristine.fits"
LABELS = [0, 1, 1, 0, 1]


def pixels(bands=3, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(len(LABELS), bands, 9, 8)).astype(dtype)


def labels_hdu(kind, labels=LABELS):
    if kind == "image":
        return fits.ImageHDU(np.array(labels, np.float64))
    return fits.BinTableHDU.from_columns([fits.Column("label", "D", array=np.array(labels))])


def write(path, images, kind="image", labels=LABELS):
    fits.HDUList([fits.PrimaryHDU(images), labels_hdu(kind, labels)]).writeto(path)
    return path


@pytest.mark.parametrize("kind", ["image", "table"])
@pytest.mark.parametrize(
    ("name", "bands"), [(THREE, ("F814W", "F160W", "F356W")), (TWO, ("F814W", "F160W"))]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_published_files(tmp_path, name, bands, kind, dtype):
    images = pixels(len(bands), dtype)
    path = write(tmp_path / name, images, kind)
    galaxies = read_galaxies(path)
    assert isinstance(galaxies.images, np.memmap)
    np.testing.assert_array_equal(galaxies.images, images)
    assert (galaxies.labels.tolist(), galaxies.bands, galaxies.classes) == (
        LABELS,
        bands,
        ("non-merger", "merger"),
    )
    assert galaxies.provenance["bands_from"] == "file name"
    load = pickle.loads(pickle.dumps(open_listing(path).load))
    np.testing.assert_array_equal(load(3).pixels, images[3].astype(np.float32))
    assert load(3).pixels.dtype == np.float32


def test_packed_files(tmp_path):
    images = np.round(pixels() * 100).astype(np.int16)
    plain = write(tmp_path / THREE, images)
    packed = tmp_path / f"{THREE}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    rice = tmp_path / f"{THREE}.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(images), labels_hdu("image")]).writeto(rice)
    for path in (plain, packed, rice):
        galaxies = read_galaxies(path)
        np.testing.assert_array_equal(galaxies.images, images)
        assert galaxies.labels.tolist() == LABELS


def test_declared_bands_go_before_the_file_name(tmp_path):
    path = write(tmp_path / THREE, pixels())
    assert read_galaxies(path, bands=("a", "b", "c")).bands == ("a", "b", "c")
    with pytest.raises(InputError, match="2 bands are declared, but its images have 3 channels"):
        read_galaxies(path, bands=("a", "b"))


@pytest.mark.parametrize("kind", ["image", "table"])
@pytest.mark.parametrize(
    ("labels", "message"), [([0, 1], "expected 5 labels"), ([0, 1, 2, 0, 1], "labels must be 0")]
)
def test_bad_labels(tmp_path, kind, labels, message):
    with pytest.raises(InputError, match=message):
        read_galaxies(write(tmp_path / THREE, pixels(), kind, labels))
