"""HDUs of a FITS file: headers and pixels (FITS standard 4.0, Pence et al. 2010).

Many small files are read here: a plain image takes about a third of the time that
``astropy.io.fits`` needs, every broken file is distinguished from a whole one, and nothing in an
odd header can raise. Compressed images are left to astropy.
"""

import bz2
import gzip
import lzma
import math
import mmap
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.readers.bad_pixels import native
from daexplore.data.readers.fits.header import BLOCK, CARD, Header, read_cards
from daexplore.errors import InputError

__all__ = [
    "PIXEL_TYPES",
    "Hdu",
    "by_astropy",
    "first_image",
    "integers",
    "physical_values",
    "raw_pixels",
    "read_bytes",
    "read_hdus",
]

_MOST_PIXELS = 2**31
_MAPPED = 2**26
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""Numpy's names for the values of BITPIX."""

_MODULES: dict[bytes, Any] = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
_HEAD = 2**18
_EMPTY_PRIMARY = "".join(
    card.ljust(CARD) for card in ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T", "END")
)


@dataclass(frozen=True, eq=False)
class Hdu:
    """One header and where its data are.

    Attributes:
        header: its keywords.
        kind: "image", "compressed" (an image in the cells of a table), "table" or what XTENSION
            says.
        shape: of the image, the slowest axis first as numpy has it; empty where there is none.
        bitpix: type of the pixels in the file.
        start: of the header [byte].
        data: of the data [byte].
        end: of the data without their padding [byte].
        where: names file and part in errors.
    """

    header: Header
    kind: str
    shape: tuple[int, ...]
    bitpix: int
    start: int
    data: int
    end: int
    where: str

    @property
    def name(self) -> str:
        """EXTNAME, empty where there is none."""
        name = self.header.get("EXTNAME", "")
        return name.strip() if isinstance(name, str) else str(name)


def read_bytes(path: Path) -> bytes | mmap.mmap:
    """The bytes of a file, unpacked where it is compressed as a whole (.gz, .bz2, .xz); a large one
    is mapped, not read.

    Raises:
        InputError: no such file, an empty or broken one, or one that is no FITS file.
    """
    try:
        if path.stat().st_size > _MAPPED:
            with path.open("rb") as stream:
                data: bytes | mmap.mmap = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            data = path.read_bytes()
        module = next(
            (module for magic, module in _MODULES.items() if data[: len(magic)] == magic), None
        )
        data = module.decompress(data[:]) if module else data
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the compressed file is cut short or damaged ({error}). Copy or download it"
            " again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}. Check that it is a file and may be"
            " read."
        ) from error
    if len(data) == 0:
        raise InputError(f"{path} is empty. Copy or download it again.")
    if data[:6] != b"SIMPLE":
        start = data[:30].decode("latin-1")
        page = (
            " It looks like a web page that was saved in place of an image."
            if start.lstrip().startswith("<")
            else ""
        )
        raise InputError(
            f"{path} is no FITS file: it begins with {start!r}, not with SIMPLE.{page} Download it"
            " again, or move it away."
        )
    return data


def first_image(path: Path) -> Hdu | None:
    """The first image of a file by its header alone, read or unpacked no further than that; None
    where there is none or no FITS file.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(6)
        opener = next(
            (module.open for start, module in _MODULES.items() if magic.startswith(start)), open
        )
        with opener(path, "rb") as stream:
            data = stream.read(_HEAD)
        start = 0
        while (start == 0 and data[:6] == b"SIMPLE") or data[start : start + 8] == b"XTENSION":
            hdu = _read_hdu(data, start, str(path))
            if hdu.shape:
                return hdu
            start = hdu.data + _padded(hdu.end - hdu.data)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, InputError):
        pass
    return None


def read_hdus(data: bytes | mmap.mmap, path: Path) -> list[Hdu]:
    """The parts of a file in their order. Bytes after the last one that are no extension are
    allowed (section 3.5) and ignored.

    Raises:
        InputError: a part that is cut short, or a header that does not say what its data are.
    """
    hdus: list[Hdu] = []
    start = 0
    while start == 0 or data[start : start + 8] == b"XTENSION":
        hdu = _read_hdu(data, start, f"{path}, HDU {len(hdus)}")
        if hdu.end > len(data):
            raise InputError(
                f"{hdu.where}: the file is cut short: its data end at byte {hdu.end}, the file at"
                f" {len(data)}. Copy or download it again."
            )
        hdus.append(hdu)
        start = hdu.data + _padded(hdu.end - hdu.data)
    return hdus


def raw_pixels(hdu: Hdu, data: bytes | mmap.mmap) -> NDArray[Any]:
    """Array values as they are stored, of the shape and type that the header says, without BSCALE,
    BZERO and BLANK.
    """
    if hdu.kind == "compressed":
        return _decompressed(hdu, data)
    return np.ndarray(hdu.shape, PIXEL_TYPES[hdu.bitpix], data, hdu.data)


def physical_values(hdu: Hdu, data: bytes | mmap.mmap) -> NDArray[np.float32]:
    """Physical values: BZERO + BSCALE * stored (section 5.3), in double precision; NaN where an
    integer image says BLANK.

    Raises:
        InputError: a scaling by 0 or by no number, or a compressed image that cannot be unpacked.
    """
    raw = raw_pixels(hdu, data)
    scale, zero = (
        hdu.header.get(key, default) for key, default in (("BSCALE", 1.0), ("BZERO", 0.0))
    )
    for keyword, value in (("BSCALE", scale), ("BZERO", zero)):
        if (
            isinstance(value, str | bool)
            or not math.isfinite(value)
            or (keyword == "BSCALE" and value == 0)
        ):
            raise InputError(
                f"{hdu.where}: {keyword} = {value!r} gives no pixel values. Correct the header."
            )
    pixels = native(raw) if (scale, zero) == (1, 0) else _scaled(raw, float(scale), float(zero))
    blank = hdu.header.get("BLANK", hdu.header.get("ZBLANK"))
    if hdu.bitpix > 0 and isinstance(blank, int):
        pixels[raw == blank] = np.nan
    return pixels


def integers(hdu: Hdu, data: bytes | mmap.mmap) -> NDArray[np.int64] | None:
    """Whole numbers as they are meant, with the BZERO that makes them unsigned; None where the
    image does not hold such.
    """
    scale, zero = hdu.header.get("BSCALE", 1), hdu.header.get("BZERO", 0)
    if (
        hdu.bitpix < 0
        or scale != 1
        or isinstance(zero, str)
        or not abs(zero) <= 2**32
        or zero != int(zero)
    ):
        return None
    return raw_pixels(hdu, data).astype(np.int64) + int(zero)


def by_astropy(hdu: Hdu, data: bytes | mmap.mmap) -> Any:
    """Data as ``astropy.io.fits`` reads them, for what is not read here: compressed images (stored
    values) and tables.

    Raises:
        InputError: astropy cannot read them.
    """
    from astropy.io import fits

    alone = (
        _EMPTY_PRIMARY.ljust(BLOCK).encode()
        + data[hdu.start : hdu.data + _padded(hdu.end - hdu.data)]
    )
    alone += bytes(_padded(len(alone)) - len(alone))
    try:
        with warnings.catch_warnings():
            # Astropy's remarks about a header do not concern the data.
            warnings.simplefilter("ignore")
            return fits.HDUList.fromstring(alone, do_not_scale_image_data=True)[1].data
    except Exception as error:  # astropy raises errors of every kind on damaged tiles
        raise InputError(
            f"{hdu.where}: the {hdu.kind} cannot be unpacked ({error}). Copy or download the file"
            " again."
        ) from error


def _scaled(raw: NDArray[Any], scale: float, zero: float) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        return native(raw * np.float64(scale) + np.float64(zero))


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _read_hdu(data: bytes | mmap.mmap, start: int, where: str) -> Hdu:
    cards, header_end = read_cards(data, start, where)
    header = Header(cards)
    bitpix = _whole(header, "BITPIX", where)
    if bitpix not in PIXEL_TYPES:
        raise InputError(
            f"{where}: BITPIX = {bitpix}, expected one of {', '.join(map(str, PIXEL_TYPES))}. The"
            " header is damaged."
        )
    axes = _axes(header, "NAXIS", where)
    groups = start == 0 and header.get("GROUPS") is True and axes[:1] == [0]
    counted = axes[1:] if groups else axes
    values = math.prod(counted) if counted else 0
    size = (
        abs(bitpix)
        // 8
        * _whole(header, "GCOUNT", where, 1)
        * (_whole(header, "PCOUNT", where, 0) + values)
    )
    end = header_end + size
    extension = header.get("XTENSION", "IMAGE")
    kind = (
        "random groups"
        if groups
        else {"IMAGE": "image", "IUEIMAGE": "image", "BINTABLE": "table", "TABLE": "table"}.get(
            extension, extension
        )
    )
    if extension == "BINTABLE" and header.get("ZIMAGE") is True:
        kind, bitpix, axes = (
            "compressed",
            _whole(header, "ZBITPIX", where),
            _axes(header, "ZNAXIS", where),
        )
        _check_tiles(header, bitpix, axes, where)
    shape = tuple(reversed(axes)) if kind in ("image", "compressed") and axes and all(axes) else ()
    return Hdu(header, str(kind), shape, bitpix, start, header_end, end, where)


def _check_tiles(header: Header, bitpix: int, axes: list[int], where: str) -> None:
    """The table has a row a tile (section 10.1): where it does not, the size is wrong and might be
    more than there is memory.
    """
    tiles = [
        _whole(header, f"ZTILE{axis}", where, side if axis == 1 else 1)
        for axis, side in enumerate(axes, start=1)
    ]
    rows = math.prod(-(-side // max(tile, 1)) for side, tile in zip(axes, tiles, strict=True))
    if (
        bitpix not in PIXEL_TYPES
        or math.prod(axes) > _MOST_PIXELS
        or (axes and rows != _whole(header, "NAXIS2", where))
    ):
        raise InputError(
            f"{where}: the header says a compressed image of type {bitpix} and size {axes} in"
            f" {rows} tiles, which it cannot be. The header is damaged; copy or download the file"
            " again."
        )


def _whole(header: Header, keyword: str, where: str, default: int | None = None) -> int:
    value = header.get(keyword, default)
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or (value < 0 and not keyword.endswith("BITPIX"))
    ):
        raise InputError(
            f"{where}: {keyword} = {value!r}, expected a whole number. The header is damaged; copy"
            " or download the file again."
        )
    return value


def _axes(header: Header, keyword: str, where: str) -> list[int]:
    number = _whole(header, keyword, where)
    if number > 999:
        raise InputError(
            f"{where}: {keyword} = {number}, the standard allows 999 axes. The header is damaged."
        )
    return [_whole(header, f"{keyword}{axis}", where) for axis in range(1, number + 1)]


def _decompressed(hdu: Hdu, data: bytes | mmap.mmap) -> NDArray[Any]:
    unpacked = by_astropy(hdu, data)
    if unpacked is None or unpacked.shape != hdu.shape:
        raise InputError(
            f"{hdu.where}: the compressed image is not {hdu.shape} when unpacked. Copy or download"
            " the file again."
        )
    return np.asarray(unpacked)
