"""Parts of a prediction that are finished, so that it can be resumed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.runs.parquet import read_table, write_table
from daexplore.utils.files import read_json, write_json

__all__ = ["Parts", "open_parts", "parts_folder", "refuse_existing", "writing"]

_STATE = "state.json"
_LOCK = "lock"


@dataclass(frozen=True)
class Parts:
    """The parts of one prediction.

    Attributes:
        folder: where they are.
        total: galaxies in all.
        rows: galaxies a part; the last one may hold fewer.
    """

    folder: Path
    total: int
    rows: int

    @property
    def count(self) -> int:
        """Number of parts."""
        return -(-self.total // self.rows)

    def range(self, number: int) -> range:
        """Rows of the survey that make up a part."""
        return range(number * self.rows, min((number + 1) * self.rows, self.total))

    def missing(self) -> list[int]:
        """Parts that are still to be computed."""
        return [number for number in range(self.count) if not self._whole(number)]

    def write(self, number: int, columns: dict[str, NDArray[Any]]) -> None:
        """Written aside and renamed: a part that is there is whole."""
        with writing(self.folder):
            write_table(self._path(number), columns)

    def read(self, number: int, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """The columns of a part."""
        table = read_table(self._path(number), names)
        return {name: np.asarray(table[name].to_numpy()) for name in names}

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"

    def _whole(self, number: int) -> bool:
        try:
            return int(pq.read_metadata(self._path(number)).num_rows) == len(self.range(number))
        except (OSError, pa.ArrowException):
            return False


def parts_folder(out: Path) -> Path:
    """Where the parts of a catalogue are until it is complete."""
    return out.with_name(f"{out.name}.parts")


def refuse_existing(out: Path, overwrite: bool) -> None:
    """What can be refused before anything is read.

    Raises:
        InputError: there is a catalogue already, and nothing says that it was written by a
            prediction that could not clear up.
    """
    if out.is_dir():
        raise InputError(
            f"{out} is a folder. Give the catalogue a name, such as {out / 'catalogue.fits'}."
        )
    if out.exists() and not overwrite and not (parts_folder(out) / _STATE).is_file():
        raise InputError(f"{out} exists. Choose another name, or replace it with --overwrite.")


@contextmanager
def open_parts(
    out: Path, identity: dict[str, Any], total: int, rows: int, overwrite: bool
) -> Iterator[Parts | None]:
    """The parts of a prediction, for this process alone; None where the catalogue is complete.
    Deleted when all went well.

    Args:
        out: the catalogue.
        identity: what determines the numbers, as JSON types: parts of another prediction are never
            mixed in.
        total: galaxies in all.
        rows: galaxies a part.
        overwrite: whether a catalogue that is there may be replaced, and parts of another
            prediction deleted.

    Raises:
        InputError: another process is at it, it was started with another input, or the folder
            cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = parts_folder(out)
    lock = FileLock(folder / _LOCK)
    with writing(out):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"Another process is writing {out}. Wait until it has ended, or choose another"
                " name."
            ) from error
    try:
        before = _state(folder)
        if before is not None and before["identity"] != identity:
            if not overwrite:
                raise _another(out, before["identity"], identity)
            _empty(folder)
            before = None
        if before is None:
            with writing(out):
                write_json(folder / _STATE, {"identity": identity, "replaces": overwrite})
        elif before["replaces"] and out.exists() and not overwrite:
            raise InputError(
                f"{out} exists, and replacing it was started with --overwrite. Pass it again, or"
                " choose another name."
            )
        # One that was not there in the beginning was put there complete.
        complete = before is not None and not before["replaces"] and out.exists()
        yield None if complete else Parts(folder, total, rows)
    finally:
        lock.release()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """State in a sentence why something cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error}. Finished parts stay in place: make room or choose"
            " another place for the catalogue, then run the same command again."
        ) from error


def _state(folder: Path) -> dict[str, Any] | None:
    """What the folder was started with; None where there is nothing."""
    if not (folder / _STATE).is_file():
        if any(path.name != _LOCK and not path.name.startswith(".") for path in folder.iterdir()):
            raise InputError(
                f"{folder} is needed for parts of the catalogue but holds something else. Move it"
                " away."
            )
        return None
    state = read_json(folder / _STATE)
    if not isinstance(state.get("identity"), dict) or not isinstance(state.get("replaces"), bool):
        raise InputError(f"{folder / _STATE} is damaged. Delete {folder} to start again.")
    return state


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != _LOCK:
            path.unlink()


def _another(out: Path, before: dict[str, Any], now: dict[str, Any]) -> InputError:
    changes = [
        f"{name} {before.get(name)} -> {now.get(name)}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    return InputError(
        f"{out} was started with another input: {'; '.join(changes)}. Run it as it was begun,"
        " choose another name, or delete what is there with --overwrite."
    )
