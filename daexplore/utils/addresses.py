"""Files at an address (https, s3, hf and others), read through fsspec as if they were here."""

import contextlib
import hashlib
import io
import re
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from daexplore.errors import InputError
from daexplore.utils.files import atomic_write, cache_folder

__all__ = [
    "Unreachable",
    "file_at",
    "files_at",
    "is_address",
    "names_file",
    "open_binary",
    "unreachable",
]

SCHEMES = ("https", "http", "s3", "gs", "gcs", "az", "abfs", "hf", "memory")
"""What an address may begin with. Chained addresses of fsspec are not followed."""

_BLOCK = 1 << 22
_ATTEMPTS = 4
_EXTRA = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


class Unreachable(InputError):
    """A server that does not answer: no galaxy is at fault, and the same command may go on."""


def is_address(path: str | Path) -> bool:
    """Whether it names something elsewhere; a ``Path`` has lost one of the slashes."""
    return re.match(r"[a-z][a-z0-9+.-]+:/{1,2}[^/]", str(path)) is not None


def files_at(address: str) -> tuple[str, ...]:
    """Files at an address and below, relative to it and sorted, without hidden ones; of a file, its
    name. ``*`` stands for any part of a name.

    Raises:
        InputError: nothing is there, or the scheme is none of ``SCHEMES``.
        Unreachable: the server does not answer.
    """
    filesystem, path = _filesystem(address)
    with _reached(address):
        if "*" in path:
            found = filesystem.glob(path)
            base = path.partition("*")[0].rpartition("/")[0]
        elif names_file(address):
            filesystem.info(path)
            return (urllib.parse.unquote(path.rpartition("/")[2]),)
        else:
            found, base = filesystem.find(path.rstrip("/") + "/"), path
    base = base.rstrip("/") + "/"
    names = [each.removeprefix(base) for each in map(str, found) if each.startswith(base)]
    if _is_web(address):
        # A listing also links to itself, sorted otherwise.
        names = [urllib.parse.unquote(name) for name in names if "?" not in name]
    kept = [
        name
        for name in names
        if not any(part.startswith((".", "__")) or not part for part in name.split("/"))
    ]
    if not kept:
        raise InputError(
            f"There is nothing at {address}: no files are listed there. Name a file, or a folder"
            " whose files the server lists."
        )
    return tuple(sorted(kept))


def names_file(address: str) -> bool:
    """Whether it ends like a file, and not like a folder: asking a web server whether something is
    a folder would fetch all of it.
    """
    return re.search(r"\.(parquet|pq|h5|hdf5?|he5|npz|tar|tgz|gz)$", address.lower()) is not None


def file_at(folder: str, name: str) -> str:
    """The address of one of the files in a folder."""
    return f"{folder.rstrip('/')}/{urllib.parse.quote(name) if _is_web(folder) else name}"


def open_binary(where: str) -> BinaryIO:
    """A seekable stream over a file here, or at an address.

    A server that gives files only whole is asked once: the copy stays in the cache folder.

    Raises:
        OSError: no such file here.
        InputError: no such file there.
        Unreachable: the server does not answer.
    """
    if not is_address(where):
        return open(where, "rb")
    filesystem, path = _filesystem(where)
    with _reached(where):
        file = filesystem.open(path, "rb", block_size=_BLOCK)
        if file.seekable() and _in_parts(file):
            return io.BufferedReader(_Patient(file, where), 1 << 16)
        return io.BufferedReader(_Patient(_Copy(_whole(filesystem, path, where)), where), 1 << 16)


class _Patient(io.RawIOBase):
    """A file elsewhere whose reads are tried again where the connection is lost."""

    def __init__(self, file: Any, where: str) -> None:
        self._file, self._where, self._at = file, where, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._file.size - self._at))
        with _reached(self._where):
            data = _again(lambda: self._read(count))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, count: int) -> bytes:
        self._file.seek(self._at)
        found: bytes = self._file.read(count)
        if len(found) != count:
            raise ConnectionError(f"{len(found)} of {count} bytes came")
        return found


class _Copy:
    """A file here that is open only while it is read."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self.size = path, 0, path.stat().st_size

    def seek(self, offset: int) -> None:
        self._at = offset

    def read(self, count: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._at)
            return file.read(count)


def _is_web(address: str) -> bool:
    return address.startswith(("http:", "https:"))


def _again(read: Any) -> bytes:
    for attempt in range(_ATTEMPTS):
        try:
            found: bytes = read()
            return found
        except Exception:  # What a lost connection raises is each library's own.
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.5 * 2**attempt)
    raise AssertionError


def _in_parts(file: Any) -> bool:
    """Whether the server gives parts of a file: some answer with all of it."""
    try:
        file.seek(max(0, file.size - 1))
        last = file.read(1)
        file.seek(0)
    except ValueError:
        return False
    return bool(len(last) == min(1, file.size))


def _whole(filesystem: Any, path: str, where: str) -> Path:
    key = hashlib.sha256(f"{where} {filesystem.info(path)}".encode()).hexdigest()[:24]
    copy = cache_folder("remote") / key
    if not copy.is_file():
        with atomic_write(copy) as part:
            filesystem.get_file(path, str(part))
    return copy


def _filesystem(address: str) -> tuple[Any, str]:
    scheme = address.partition(":")[0]
    if scheme not in SCHEMES or "::" in address:
        raise InputError(
            f"Cannot open {address}: expected an address that begins with one of"
            f" {', '.join(f'{each}://' for each in SCHEMES[:-1])}, or a path."
        )
    try:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        name = getattr(error, "name", None) or _EXTRA.get(scheme, "fsspec")
        raise InputError(
            f"{address} needs {name}, which is not installed: pip install 'daexplore[remote]'"
            f"{f' {_EXTRA[scheme]}' if scheme in _EXTRA and scheme != 's3' else ''}."
        ) from error
    return filesystem, str(path)


@contextlib.contextmanager
def _reached(address: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        # What fsspec says of a server that refuses the connection, too.
        if not isinstance(error.__cause__, OSError):
            raise InputError(f"There is nothing at {address}.") from error
        raise unreachable(address, error.__cause__) from error
    except Exception as error:  # Each library has errors of its own for a server that is silent.
        raise unreachable(address, error) from error


def unreachable(address: str, error: BaseException) -> Unreachable:
    """What to say of a server that does not answer."""
    return Unreachable(
        f"{address} cannot be reached ({str(error) or type(error).__name__}). Run the same command"
        " again when it can: what is done stays."
    )
