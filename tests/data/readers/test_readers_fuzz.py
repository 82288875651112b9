"""Whatever stands in a FITS file, reading it gives a galaxy or a sentence that says what is
wrong.
"""

import io
import warnings

import numpy as np
from astropy.io import fits
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from daexplore.data.readers.bad_pixels import fill_bad_pixels
from daexplore.data.readers.fits.cutout import read_fits
from daexplore.data.readers.listing import Cutout
from daexplore.errors import InputError

ORDINARY = settings(
    max_examples=40,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
KEYWORDS = [
    "BSCALE",
    "BZERO",
    "BLANK",
    "BUNIT",
    "FILTER",
    "BAND0",
    "BANDS",
    "CTYPE1",
    "CTYPE2",
    "CD1_1",
    "CD2_2",
    "CDELT1",
    "CDELT2",
]
KEYWORDS += [
    "CUNIT1",
    "PIXSCALE",
    "MAGZERO",
    "ZP",
    "FLUXMAG0",
    "PHOTFLAM",
    "PHOTPLAM",
    "EXPTIME",
    "EXTNAME",
    "TELESCOP",
]
VALUES = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from(
        [
            "",
            "Jy",
            "MJy/sr",
            "ELECTRONS/S",
            "RA---TAN",
            "DEC--TAN",
            "deg",
            "grz",
            "CLEAR",
            "***",
            "MASK",
            "JWST",
            "F814W",
        ]
    ),
)


def outcome(path):
    """Whether it is a galaxy in order, or an error that begins with the file."""
    try:
        stamp = read_fits(path)
        pixels, share = fill_bad_pixels(stamp.pixels, 0.5, str(path))
    except InputError as error:
        return str(error).startswith(str(path))
    assert isinstance(stamp, Cutout)
    assert stamp.pixels.dtype == np.float32
    assert stamp.pixels.ndim == 3
    assert np.isfinite(pixels).all()
    assert 0 <= share <= 0.5
    assert stamp.pixel_scale is None or stamp.pixel_scale > 0
    assert stamp.flux_scale is None or (
        np.isfinite(stamp.flux_scale).all() and min(stamp.flux_scale) > 0
    )
    return True


def written(shape, dtype, cards, compressed):
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header.update(cards)
        data = (np.arange(np.prod(shape)) % 50).reshape(shape).astype(dtype)
        plain = [fits.PrimaryHDU(data)]
        hdus = (
            [fits.PrimaryHDU(), fits.CompImageHDU(data)] if compressed and len(shape) > 1 else plain
        )
        for keyword, value in header.items():
            hdus[-1].header[keyword] = value
        stream = io.BytesIO()
        try:
            fits.HDUList(hdus).writeto(stream, output_verify="ignore")
        except Exception:  # astropy cannot write every odd header that exists
            reject()
    return stream.getvalue()


FILES = st.builds(
    written,
    st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    st.sampled_from(["u1", "i2", "i4", "i8", "f4", "f8"]),
    st.dictionaries(st.sampled_from(KEYWORDS), VALUES, max_size=6),
    st.booleans(),
)


@ORDINARY
@given(data=FILES)
def test_any_header_type_and_shape(tmp_path, data):
    path = tmp_path / "any.fits"
    path.write_bytes(data)
    assert outcome(path)


@ORDINARY
@given(
    data=FILES,
    share=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)
def test_cut_short_and_damaged(tmp_path, data, share, changes):
    damaged = bytearray(data[: round(len(data) * share)])
    for place, byte in changes:
        if damaged:
            damaged[int(place * len(damaged))] = byte
    path = tmp_path / "damaged.fits"
    path.write_bytes(damaged)
    assert outcome(path)
