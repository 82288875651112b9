"""Tar files of samples, as WebDataset writes them: members of one key belong to one galaxy."""

import gzip
import io
import json
import mmap
import tarfile
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from daexplore.data.account import PassedOver
from daexplore.data.readers.base import Input, Reader, class_folders
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.data.readers.packed.shards import Shard, Shards, first_channels, packed_listing
from daexplore.data.readers.picture import PICTURE_SUFFIXES, picture_of_bytes
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address, open_binary

__all__ = ["READER", "list_tar"]

_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_IMAGES = (*(suffix[1:] for suffix in PICTURE_SUFFIXES), "npy")
_TEXT = ("cls", "txt", "text", "id")
_MOST_TEXT = 1 << 20


@dataclass(frozen=True)
class _Member:
    """Where an image begins in its file, its length, and its kind."""

    start: int
    size: int
    kind: str


def list_tar(given: Input) -> Listing:
    """The galaxies of all tar files; ``.cls``, ``.txt`` and ``.json`` members are their catalogue.

    Without a ``.cls`` the folder in the tar file is the class, as it is outside of one.

    Raises:
        InputError: a file that is no tar file, or holds no image.
    """
    files = _files(given)
    contents = [_index(Shard.of(given.at(file))) for file in files]
    rows = [row for _, mine, _ in contents for row in mine]
    names = dict.fromkeys(name for row in rows for name in row)
    whole = pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})
    ends = list(accumulate(len(mine) for _, mine, _ in contents))
    frames = [
        whole[end - len(mine) : end] for end, (_, mine, _) in zip(ends, contents, strict=True)
    ]
    listing = packed_listing(given, "tar", files, frames, partial(_Load, bands=given.read.bands))
    others = [name for _, _, rest in contents for name in rest]
    if not others:
        return listing
    passed = PassedOver.of("members that are neither images nor .cls, .txt, .json", others)
    account = {"passed_over": [passed.to_json()]}
    return replace(listing, provenance=listing.provenance | {"account": account})


@dataclass(frozen=True)
class _Load:
    shards: Shards
    bands: tuple[str, ...] | None

    def __call__(self, row: int) -> Cutout:
        file, place = self.shards.place(row)
        member = _index(file)[0][place]
        data = _bytes(file, member)
        where = f"{file}, sample {place + 1}"
        if len(data) != member.size:
            raise InputError(f"{where}: the file ends within its image. Fetch it again.")
        if member.kind != "npy":
            pixels, depth = picture_of_bytes(data, where)
            return Cutout(pixels, ("R", "G", "B") if len(pixels) == 3 else ("grey",), depth=depth)
        try:
            array = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise InputError(f"{where}: {error}. Write it with numpy.save.") from error
        bands = None if self.bands is None else len(self.bands)
        pixels = first_channels(np.asarray(array), where, bands)
        with np.errstate(over="ignore"):
            return Cutout(np.ascontiguousarray(pixels, np.float32))


@lru_cache(maxsize=64)
def _index(shard: Shard) -> tuple[list[_Member], list[dict[str, Any]], list[str]]:
    """Images, what is known of each, and the members that are neither."""
    images: dict[str, _Member] = {}
    known: dict[str, dict[str, Any]] = {}
    rest: list[str] = []
    where = shard.where
    try:
        with tarfile.open(fileobj=_stream(shard), mode="r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                folder, _, name = member.name.rpartition("/")
                key, _, suffix = name.partition(".")
                key, kind = f"{folder}/{key}".lstrip("/"), suffix.lower()
                last = kind.rpartition(".")[2]
                if last in _IMAGES and key not in images:
                    images[key] = _Member(member.offset_data, member.size, last)
                elif last in (*_TEXT, "json") and member.size <= _MOST_TEXT:
                    content = archive.extractfile(member)
                    text = b"" if content is None else content.read()
                    known.setdefault(key, {}).update(_told(kind, text, f"{where}, {member.name}"))
                else:
                    rest.append(member.name)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{where} is no whole tar file ({error}). Fetch it again.") from error
    keys = list(images)
    if not keys:
        raise InputError(f"{where} holds no images ({', '.join(_IMAGES)}).")
    folders, _ = class_folders(keys)
    with_folder = len(set(folders)) > 1 and all(folders)
    rows = [
        known.get(key, {}) | ({"folder": folder} if with_folder else {}) | {"__key__": key}
        for key, folder in zip(keys, folders, strict=True)
    ]
    if with_folder and not any("label" in row for row in rows):
        rows = [{"label": row["folder"]} | row for row in rows]
    rest += [key for key in known if key not in images]
    return [images[key] for key in keys], rows, rest


def _told(kind: str, text: bytes, where: str) -> dict[str, Any]:
    """Columns of a member of text: a number where it is one, those of JSON by their names."""
    try:
        told = text.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not text in UTF-8. Write it again.") from error
    if not kind.endswith("json"):
        name = "label" if kind == "cls" else kind
        return {name: int(told) if told.lstrip("-").isdigit() and len(told) < 19 else told}
    try:
        found = json.loads(told)
    except ValueError as error:
        raise InputError(f"{where} is not JSON ({error}). Write it again.") from error
    if not isinstance(found, dict):
        return {"json": str(found)}
    return {name: value for name, value in found.items() if not isinstance(value, dict | list)}


def _column(values: list[Any]) -> Any:
    """Whole numbers keep their digits where others are missing; mixed kinds are text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and max(abs(value) for value in values if value is not None) < 2**63:
        return pd.array(values, dtype="Int64") if None in values else values
    if kinds <= {bool} or (kinds <= {int, float} and float in kinds):
        return pd.array(values, dtype="boolean" if kinds <= {bool} else "Float64")
    return [None if value is None else str(value) for value in values]


def _bytes(file: Shard, member: _Member) -> bytes:
    stream = _stream(file)
    if isinstance(stream, mmap.mmap):
        return stream[member.start : member.start + member.size]
    stream.seek(member.start)
    return bytes(stream.read(member.size))


@lru_cache(maxsize=8)
def _stream(file: Shard) -> Any:
    """The file as a stream, unpacked where it is packed; mapped, and so closed with the last one
    who uses it, where it is here.
    """
    if is_address(file.where):
        stream: Any = open_binary(file.where)
    elif not file.stamp[1]:
        return io.BytesIO()
    else:
        with open(file.where, "rb") as opened:
            stream = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream) if packed else stream


def _files(given: Input) -> list[str]:
    return [file for file in given.files if file.lower().endswith(_SUFFIXES)]


def _recognises(given: Input) -> bool:
    return bool(_files(given))


READER = Reader(
    "tar",
    "tar files of samples, as WebDataset writes them: images, with .cls or .json of the same name",
    _recognises,
    list_tar,
    elsewhere=True,
)
