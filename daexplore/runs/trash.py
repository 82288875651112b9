"""Deleting runs so that they can be had back: they are moved to a folder beside the others."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daexplore.errors import InputError
from daexplore.runs.run import Run

__all__ = ["TrashedRun", "discarded", "move_to_trash", "restore", "trash_folder"]

_STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True)
class TrashedRun:
    """A run in the trash.

    Attributes:
        path: where it is now.
        name: of its folder before.
        when: it was put here (UTC).
    """

    path: Path
    name: str
    when: datetime


def trash_folder(root: str | Path) -> Path:
    """Where deleted runs of a folder are; nothing is ever removed automatically."""
    return Path(root) / ".trash"


def move_to_trash(path: str | Path) -> TrashedRun:
    """Move a run, damaged or not, to the trash of its folder.

    Raises:
        InputError: it is being written, is gone already, is no run, or cannot be moved.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path} is not there any more; somebody else may have deleted it.")
    if path.name.startswith(".") or not any(
        (path / name).exists() for name in ("run.json", "samples.parquet")
    ):
        raise InputError(f"{path} is not a run: it holds neither run.json nor samples.parquet.")
    writer = _writer(path)
    if writer:
        raise InputError(
            f"Run {path.name} was not deleted: {writer} is still writing it. Stop the training"
            " first."
        )
    trash = trash_folder(path.parent)
    while True:
        when = datetime.now(UTC)
        place = trash / f"{when:{_STAMP}}~{path.name}"
        if not place.exists():
            break
    try:
        trash.mkdir(exist_ok=True)
        os.rename(path, place)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is not there any more; somebody else may have deleted it."
        ) from error
    except OSError as error:
        raise InputError(
            f"Run {path.name} cannot be moved to {trash}: {error}. It was left where it is."
        ) from error
    return TrashedRun(place, path.name, when)


def discarded(root: str | Path) -> list[TrashedRun]:
    """The runs in the trash, the one put there last first."""
    trash = trash_folder(root)
    found = _found(trash) if trash.is_dir() else ()
    return sorted(found, key=lambda item: item.when, reverse=True)


def restore(item: TrashedRun) -> Path:
    """Put a run back where it was.

    Returns:
        Its folder.

    Raises:
        InputError: it is not in the trash any more, or there is a run of its name again.
    """
    place = item.path.parent.parent / item.name
    if not item.path.is_dir():
        raise InputError(
            f"Run {item.name} is not in the trash any more; somebody else may have restored it."
        )
    if place.exists():
        # Something that was still being computed when the run was deleted may have made its folder
        # again, for its own results.
        if {entry.name for entry in place.iterdir()} - {"derived"}:
            raise InputError(
                f"Run {item.name} cannot be restored: {place} exists again. Move that one away"
                " first."
            )
        shutil.rmtree(place)
    try:
        os.rename(item.path, place)
    except OSError as error:
        raise InputError(
            f"Run {item.name} cannot be restored: {error}. It stays in {item.path.parent}."
        ) from error
    return place


def _found(trash: Path) -> Iterator[TrashedRun]:
    for folder in trash.iterdir():
        stamp, mark, name = folder.name.partition("~")
        try:
            when = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            continue
        if mark and name and folder.is_dir():
            yield TrashedRun(folder, name, when)


def _writer(path: Path) -> str:
    """Who is writing a run, in words; empty if no process is. A writer replaces run.json whole: one
    that cannot be read has none.
    """
    try:
        run = Run(path)
    except InputError:
        return ""
    mark = run.info.get("process") or {}
    return f"process {mark.get('pid', '?')} on {mark.get('host', '?')}" if run.alive() else ""
