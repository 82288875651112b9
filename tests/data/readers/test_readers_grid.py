"""FITS files of every type of pixel, packing and layout: the same values as astropy reads; masks
and weights mark what was not measured.
"""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from astropy.io import fits

from daexplore.config import ReadConfig
from daexplore.data.readers.fits.cutout import read_fits
from daexplore.errors import InputError

TYPES = ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8")
WHOLE = {"": lambda data: data, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
TILED = ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1")


def pixels(kind, shape=(12, 9), seed=0):
    rng = np.random.default_rng(seed)
    if kind.startswith("f"):
        return rng.normal(3, 40, shape).astype(kind)
    info = np.iinfo(kind)
    # Beyond 2^24 whole numbers are no longer exact in float32; the comparison is with the nearest
    # one.
    return rng.integers(
        max(info.min, -(2**40)), min(info.max, 2**40), shape, dtype=kind, endpoint=True
    )


def expected(path, number):
    return np.asarray(fits.getdata(path, number)).astype(np.float32)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("packing", WHOLE)
@pytest.mark.parametrize("kind", TYPES)
def test_types_and_packings(tmp_path, kind, packing, byte_order):
    given = pixels(kind).astype(np.dtype(kind).newbyteorder(byte_order))
    plain, path = tmp_path / "plain.fits", tmp_path / f"galaxy.fits{packing}"
    fits.PrimaryHDU(given).writeto(plain)
    path.write_bytes(WHOLE[packing](plain.read_bytes()))
    found = read_fits(path, ReadConfig()).pixels
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], expected(plain, 0))
    np.testing.assert_array_equal(found[0], given.astype(np.float32))


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("packing", TILED)
def test_tiles(tmp_path, kind, packing):
    if kind.startswith("f") and packing == "PLIO_1":
        packing = "RICE_1"  # astropy does not write floats as PLIO
    given = (
        pixels(kind, (24, 24))
        if packing != "PLIO_1"
        else np.abs(pixels(kind, (24, 24)).astype("i8") % 120).astype(kind)
    )
    path = tmp_path / "galaxy.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(given, compression_type=packing)]).writeto(
        path
    )
    np.testing.assert_array_equal(read_fits(path, ReadConfig()).pixels[0], expected(path, 1))


@pytest.mark.parametrize("quantised", [4, 16])
@pytest.mark.parametrize("dither", [-1, 1, 2])
def test_quantised_floats_with_holes(tmp_path, quantised, dither):
    given = pixels("f4", (32, 32))
    given[3, 4:7] = np.nan
    path = tmp_path / "galaxy.fits.fz"
    fits.CompImageHDU(
        given,
        compression_type="RICE_1",
        quantize_level=quantised,
        quantize_method=dither,
        dither_seed=1,
    ).writeto(path)
    np.testing.assert_array_equal(read_fits(path, ReadConfig()).pixels[0], expected(path, 1))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("scale", "zero"), [(1.0, 0.0), (0.01, 0.0), (2.5, -70.0), (1.0, 1000.0)])
@pytest.mark.parametrize("kind", ["u1", "i2", "i4"])
def test_scaled_numbers_with_blanks(tmp_path, kind, scale, zero, packed):
    stored = np.arange(108).reshape(12, 9).astype(kind)
    image = (fits.CompImageHDU if packed else fits.ImageHDU)(stored)
    path = tmp_path / "galaxy.fits"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    with fits.open(
        path, mode="update", do_not_scale_image_data=True, disable_image_compression=True
    ) as hdus:
        hdus[1].header.update(BSCALE=scale, BZERO=zero)
        hdus[1].header["ZBLANK" if packed else "BLANK"] = 17
    found = read_fits(path, ReadConfig()).pixels[0]
    wanted = stored * scale + zero
    wanted[stored == 17] = np.nan
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    if not packed:
        np.testing.assert_allclose(found, expected(path, 1), rtol=1e-6)


LAYOUTS = {
    "primary": lambda cube: [fits.PrimaryHDU(cube[0])],
    "extension": lambda cube: [fits.PrimaryHDU(), fits.ImageHDU(cube[0])],
    "extension after a table": lambda cube: [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns([fits.Column("id", "J", array=[1, 2])]),
        fits.ImageHDU(cube[0]),
    ],
    "axis of length 1": lambda cube: [fits.PrimaryHDU(cube[:1])],
    "cube": lambda cube: [fits.PrimaryHDU(cube)],
    "cube in an extension": lambda cube: [fits.PrimaryHDU(), fits.ImageHDU(cube, name="SCI")],
    "extensions": lambda cube: [
        fits.PrimaryHDU(),
        *(fits.ImageHDU(c, name=n) for c, n in zip(cube, "grz", strict=True)),
    ],
    "packed extensions": lambda cube: [
        fits.PrimaryHDU(),
        *(fits.CompImageHDU(c, name=n) for c, n in zip(cube, "grz", strict=True)),
    ],
    "primary and extensions": lambda cube: [
        fits.PrimaryHDU(cube[0], fits.Header({"FILTER": "g"})),
        *(
            fits.ImageHDU(c, fits.Header({"FILTER": n}))
            for c, n in zip(cube[1:], "rz", strict=True)
        ),
    ],
}


@pytest.mark.parametrize("kind", ["i2", "f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, kind):
    cube = pixels(kind, (3, 12, 9))
    path = tmp_path / "galaxy.fits"
    fits.HDUList(LAYOUTS[layout](cube)).writeto(path)
    stamp = read_fits(path, ReadConfig())
    several = "extensions" in layout or "cube" in layout
    if layout == "packed extensions":
        cube = np.stack([expected(path, number) for number in (1, 2, 3)])
    np.testing.assert_array_equal(stamp.pixels, cube if several else cube[:1])
    # astropy writes EXTNAME in capitals, FILTER as given.
    names = {
        "extensions": ("G", "R", "Z"),
        "packed extensions": ("G", "R", "Z"),
        "primary and extensions": ("g", "r", "z"),
    }
    assert stamp.bands == names.get(layout)


def test_declared_bands_choose_and_order(tmp_path):
    cube = pixels("f4", (3, 12, 9))
    path = tmp_path / "galaxy.fits"
    fits.HDUList(LAYOUTS["extensions"](cube)).writeto(path)
    stamp = read_fits(path, ReadConfig(bands=("z", "g")))
    assert stamp.bands == ("z", "g")
    np.testing.assert_array_equal(stamp.pixels, cube[[2, 0]])


def masked(tmp_path, *maps, cube=None, header=None):
    cube = pixels("f4", (1, 12, 9)) if cube is None else cube
    images = [
        fits.ImageHDU(plane, name=f"SCI_{band}") for plane, band in zip(cube, "gr", strict=False)
    ]
    path = tmp_path / "galaxy.fits"
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(header or {})), *images, *maps]).writeto(path)
    return np.isnan(read_fits(path, ReadConfig()).pixels), path


FLAGS = np.arange(108, dtype="i4").reshape(12, 9) % 4


@pytest.mark.parametrize("name", ["MASK", "DQ", "FLAGS", "SCI_MASK"])
def test_any_flag_of_a_mask_counts(tmp_path, name):
    np.testing.assert_array_equal(
        masked(tmp_path, fits.ImageHDU(FLAGS, name=name))[0][0], FLAGS != 0
    )


def test_of_a_james_webb_mask_the_first_bit_counts(tmp_path):
    found, _ = masked(
        tmp_path, fits.ImageHDU(FLAGS.astype("u4"), name="DQ"), header={"TELESCOP": "JWST"}
    )
    np.testing.assert_array_equal(found[0], FLAGS & 1 != 0)


def test_of_a_rubin_mask_the_bits_of_bad_pixels_count(tmp_path):
    planes = fits.Header({"HIERARCH MP_DETECTED": 0, "MP_BAD": 1})
    np.testing.assert_array_equal(
        masked(tmp_path, fits.ImageHDU(FLAGS, planes, name="MASK"))[0][0], FLAGS & 2 != 0
    )


@pytest.mark.parametrize("name", ["WHT", "IVAR", "SCI_WEIGHT"])
def test_a_weight_of_zero_counts(tmp_path, name):
    weight = np.where(FLAGS == 3, 0, 0.5).astype("f4")
    np.testing.assert_array_equal(
        masked(tmp_path, fits.ImageHDU(weight, name=name))[0][0], FLAGS == 3
    )


def test_each_image_has_its_own_mask_or_all_have_one(tmp_path):
    cube = pixels("f4", (2, 12, 9))
    one, other = FLAGS == 1, FLAGS == 2
    maps = [
        fits.ImageHDU(mask.astype("u1"), name=f"DQ_{band}")
        for mask, band in zip((one, other), "gr", strict=True)
    ]
    (tmp_path / "each").mkdir()
    (tmp_path / "all").mkdir()
    np.testing.assert_array_equal(masked(tmp_path / "each", *maps, cube=cube)[0], [one, other])
    np.testing.assert_array_equal(masked(tmp_path / "all", maps[0], cube=cube)[0], [one, one])


@pytest.mark.parametrize("name", ["ERR", "PSF", "SEGMAP", "SKY"])
def test_errors_and_the_like_are_neither_bands_nor_masks(tmp_path, name):
    found, _ = masked(tmp_path, fits.ImageHDU(np.zeros((5, 5), "f4"), name=name))
    assert found.shape == (1, 12, 9)
    assert not found.any()


def test_a_mask_of_another_size_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"galaxy\.fits, HDU 2.*mask.*does not fit"):
        masked(tmp_path, fits.ImageHDU(np.zeros((5, 5), "i2"), name="MASK"))
