"""history.jsonl: one JSON object a line, appended while the run trains and read meanwhile."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from daexplore.errors import InputError
from daexplore.utils.files import atomic_write, to_json

__all__ = ["append", "history_frame", "read_new_lines", "truncate"]

_COLUMNS = ("epoch", "step", "split", "domain", "name", "value", "oracle")


def append(file: Path, rows: list[dict[str, Any]]) -> None:
    """Add lines with a single write, so that a reader sees at most the last one torn."""
    text = "".join(to_json(row) + "\n" for row in rows)
    with file.open("ab", buffering=0) as stream:
        stream.write(text.encode())


def read_new_lines(file: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The complete lines from byte ``offset`` on and the offset behind them; a torn last line is
    left for the next call.

    An offset that is not at a line's start belongs to a file that was shortened since: then reading
    starts again, and the offset returned may be smaller than the one given.

    Raises:
        InputError: a complete line that is not a JSON object.
    """
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            if offset and (offset > size or _byte_before(stream, offset) != b"\n"):
                offset = 0
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], 0
    complete = data[: data.rfind(b"\n") + 1]
    return [_parsed(line, file) for line in complete.splitlines() if line.strip()], offset + len(
        complete
    )


def truncate(file: Path, epoch: int | None = None) -> None:
    """Drops a torn last line and, if ``epoch`` is given, all lines of later epochs."""
    rows, offset = read_new_lines(file)
    kept = rows if epoch is None else [row for row in rows if row.get("epoch", 0) <= epoch]
    if len(kept) == len(rows) and file.is_file() and file.stat().st_size == offset:
        return
    with atomic_write(file) as temporary:
        temporary.write_text("".join(to_json(row) + "\n" for row in kept), encoding="utf-8")


def history_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Lines as a table; see ``Run.history``."""
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame["value"] = frame["value"].astype(float)
    frame["oracle"] = frame["oracle"].eq(True)
    frame[["epoch", "step"]] = frame[["epoch", "step"]].fillna(0).astype("int64")
    return frame


def _byte_before(stream: Any, offset: int) -> bytes:
    stream.seek(offset - 1)
    return bytes(stream.read(1))


def _parsed(line: bytes, file: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(
            f"{file}: the line {line[:80]!r} is not JSON ({error}). Remove that line, or restore"
            " the file from a copy."
        ) from error
    if not isinstance(row, dict):
        raise InputError(f"{file}: expected a JSON object in each line, got {line[:80]!r}.")
    return row
