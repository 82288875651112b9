"""Output folder of an ingest: ownership, identity and clean-up."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daexplore.config import ReadConfig, from_dict, to_dict
from daexplore.data.ingest.chunk import RECORDS
from daexplore.data.readers.listing import Listing
from daexplore.data.readers.load import ImageFormat
from daexplore.errors import InputError
from daexplore.utils.files import atomic_write

__all__ = [
    "begun_with",
    "check_same",
    "empty",
    "frame_of",
    "identity",
    "is_complete",
    "locked",
    "outside",
    "record",
]

_STATE = "state.json"
_LOCK = "ingest.lock"
_FORMAT = 1


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made if need be, for this process alone.

    Raises:
        InputError: it cannot be written, or another process is ingesting into it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"Another process is ingesting into {folder}. Wait until it has ended, or choose"
            " another folder."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error}. Choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def outside(source: Path, folder: Path) -> None:
    """Make sure that what is written cannot become input.

    Raises:
        InputError: the one folder is in the other.
    """
    one, other = source.expanduser().resolve(), folder.resolve()
    if other.is_relative_to(one) or one.is_relative_to(other):
        raise InputError(
            f"{folder} and the input {source} contain each other. Choose a folder beside the input."
        )


def identity(listing: Listing, read: ReadConfig, chunk: int) -> dict[str, Any]:
    """What an ingest is started with, as JSON types: equal only for the same galaxies read in the
    same way into the same chunks.
    """
    digest = hashlib.sha256(listing.catalogue.to_csv(index=False).encode())
    digest.update(
        json.dumps(
            # Files that are passed over do not make it another input.
            [listing.name, listing.classes, listing.provenance | {"account": None}],
            sort_keys=True,
            default=str,
        ).encode()
    )
    digest.update(repr(listing.aside).encode())
    return {
        "format": _FORMAT,
        "galaxies": len(listing),
        "listing": digest.hexdigest(),
        "read": to_dict(read),
        "chunk": chunk,
    }


def begun_with(folder: Path) -> dict[str, Any] | None:
    """The identity of the ingest that the folder holds, finished or not; None where the folder is
    empty.

    Raises:
        InputError: it holds something else.
    """
    for path, where in (
        (folder / "galaxies.json", ("provenance", "ingest")),
        (folder / RECORDS / _STATE, ("identity",)),
    ):
        if path.is_file():
            return _at(path, where)
    others = sorted(
        path.name
        for path in folder.iterdir()
        if path.name != _LOCK and not path.name.startswith(".")
    )
    if others:
        raise InputError(
            f"{folder} holds something else ({', '.join(others[:3])}{', …' * (len(others) > 3)})."
            " Choose a new or empty folder."
        )
    return None


def _at(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
        for key in keys:
            found = found[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.parent} holds another galaxy set, or one that is damaged. Choose a new or empty"
            " folder."
        ) from error
    return dict(found)


def check_same(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Make sure that what is there goes with what is asked for.

    Raises:
        InputError: it was started with other galaxies or settings; which.
    """
    if before == now:
        return
    old, new = before.get("read", {}), now["read"]
    # What an earlier version did not know was not declared.
    if before | {"read": to_dict(ReadConfig()) | old} == now:
        return
    changes = [
        f"{name} {old.get(name)} -> {value}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    if before.get("galaxies") != now["galaxies"]:
        changes.append(f"{before.get('galaxies')} galaxies -> {now['galaxies']}")
    elif before.get("listing") != now["listing"]:
        changes.append("other galaxies, or another catalogue")
    changes += [
        f"{name} {before.get(name)} -> {now[name]}"
        for name in ("chunk", "format")
        if before.get(name) != now[name]
    ]
    raise InputError(
        f"{folder} was started with another input: {'; '.join(changes)}. Choose another folder, or"
        " start again there with --restart."
    )


def is_complete(folder: Path) -> bool:
    """Whether the galaxy set is finished; clears away what was only needed until then."""
    if not (folder / "galaxies.json").is_file():
        return False
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    return True


def record(folder: Path, about: dict[str, Any], frame: ImageFormat) -> None:
    """Write down what the ingest is started with, so that it can continue after anything."""
    for place in (folder / RECORDS, folder / "images"):
        place.mkdir(exist_ok=True)
    with atomic_write(folder / RECORDS / _STATE) as part, part.open("wb") as file:
        file.write(json.dumps({"identity": about, "frame": to_dict(frame)}, indent=1).encode())


def frame_of(folder: Path) -> ImageFormat:
    """The frame that ``record`` wrote."""
    return from_dict(ImageFormat, _at(folder / RECORDS / _STATE, ("frame",)), "frame")


def empty(folder: Path) -> None:
    """Delete what an ingest wrote, and nothing else."""
    (folder / "galaxies.json").unlink(missing_ok=True)
    for path in [
        *(folder / "images").glob("[0-9]*.npy*"),
        *(folder / name for name in ("catalogue.parquet", "aside.csv", "contact-sheet.png")),
    ]:
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / "images").rmdir()
