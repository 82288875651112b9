"""Named selections of galaxies, one JSON file each beside the runs."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daexplore.errors import InputError
from daexplore.utils.files import to_jsonable, write_json

__all__ = ["Selection", "Selections", "selection_name"]

_FORMAT = 1
_NAME = re.compile(r"[^\W_][\w .+()=-]{0,62}[\w)]|[^\W_]")
_HOW = "letters, digits, spaces and . _ + - = ( ), at most 64, starting with a letter or digit"


@dataclass(frozen=True)
class Selection:
    """A named set of galaxies.

    Attributes:
        name: also that of its file.
        sample_ids: sorted, each once.
        note: the user's own words.
        created: when, in UTC, ISO 8601.
        provenance: JSON types that say where it came from: runs, epoch, view, threshold, filter.
    """

    name: str
    sample_ids: tuple[str, ...]
    note: str = ""
    created: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample_ids)


def selection_name(text: str) -> str:
    """``text`` as the name of a selection, which is also the name of a file.

    Raises:
        InputError: it has other letters, or too many.

    >>> selection_name("  broken by MMD ")
    'broken by MMD'
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not _NAME.fullmatch(name):
        raise InputError(f"A selection cannot be called {text!r}; expected {_HOW}.")
    return name


class Selections:
    """The selections in ``<runs>/selections``. What another session saves or deletes is seen at the
    next look.

    Args:
        root: the folder of runs; it need not exist yet.
    """

    def __init__(self, root: str | Path) -> None:
        self.folder = Path(root) / "selections"

    def save(
        self,
        name: str,
        sample_ids: Iterable[str],
        note: str = "",
        provenance: Mapping[str, Any] | None = None,
    ) -> Selection:
        """Write a new selection. An older one of this name is never written over: two sessions may
        choose the same name.

        Args:
            name: see :func:`selection_name`.
            sample_ids: the galaxies, in any order.
            note: kept with them.
            provenance: JSON types.

        Raises:
            InputError: a name that cannot be, or is taken; no galaxies; or the folder cannot be
                written to.
        """
        name, ids = selection_name(name), tuple(sorted({str(each) for each in sample_ids}))
        if not ids:
            raise InputError("There are no galaxies to save: select some first.")
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return self._write(
            Selection(name, ids, note.strip(), created, to_jsonable(dict(provenance or {})))
        )

    def restore(self, selection: Selection) -> Selection:
        """Put back what ``delete`` returned; errors as of ``save``."""
        return self._write(selection)

    def load(self, name: str) -> Selection:
        """The selection of this name.

        Raises:
            InputError: there is none, or its file is damaged.
        """
        return _read(self._file(selection_name(name)))

    def delete(self, name: str) -> Selection:
        """Remove the selection of this name and return it, so that it can be put back.

        Raises:
            InputError: there is none, it is damaged, or cannot be removed.
        """
        found = self.load(name)
        try:
            self._file(found.name).unlink()
        except OSError as error:
            raise InputError(f"{self._file(found.name)} cannot be removed: {error}.") from error
        return found

    def all(self) -> tuple[list[Selection], list[tuple[Path, str]]]:
        """Those that can be read, by name, and the damaged files, each with the reason."""
        found, damaged = [], []
        for file in sorted(self.folder.glob("[!.]*.json")):
            try:
                found.append(_read(file))
            except InputError as error:
                damaged.append((file, str(error)))
        return sorted(found, key=lambda selection: selection.name.casefold()), damaged

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _write(self, selection: Selection) -> Selection:
        from filelock import FileLock

        file = self._file(selection.name)
        record = {
            "format": _FORMAT,
            "name": selection.name,
            "note": selection.note,
            "created": selection.created,
            "provenance": dict(selection.provenance),
            "n": len(selection),
            "sample_ids": list(selection.sample_ids),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Whether the name is free and the writing are one step for all sessions, also those of
            # other servers.
            with FileLock(self.folder / ".lock"):
                taken = {other.stem.casefold() for other in self.folder.glob("[!.]*.json")}
                if selection.name.casefold() in taken:
                    raise InputError(
                        f"There is a selection called {selection.name!r} already. Choose another"
                        " name, or delete that one first."
                    )
                write_json(file, record)
        except OSError as error:
            raise InputError(f"The selection cannot be written to {file}: {error}.") from error
        return selection


def _read(file: Path) -> Selection:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"There is no selection {file.stem!r} in {file.parent}; it may have been deleted."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file} is not readable JSON ({error}). Remove it, or restore it from a copy."
        ) from error
    version = record.get("format") if isinstance(record, dict) else None
    if version != _FORMAT:
        raise InputError(
            f'{file}: expected a JSON object with "format": {_FORMAT}, got {version!r}; this is no'
            " selection of daexplore."
        )
    ids, note, created, provenance = (
        record.get(name) for name in ("sample_ids", "note", "created", "provenance")
    )
    if record.get("name") != file.stem:
        raise InputError(
            f"{file}: expected the name {file.stem!r}, got {record.get('name')!r}. Give the file"
            " the name of its selection."
        )
    if (
        not isinstance(ids, list)
        or not ids
        or not all(isinstance(each, str) for each in ids)
        or record.get("n") != len(set(ids))
    ):
        raise InputError(
            f'{file}: expected "sample_ids", {record.get("n")!r} different texts. Remove it, or'
            " restore it from a copy."
        )
    if not (isinstance(note, str) and isinstance(created, str) and isinstance(provenance, dict)):
        raise InputError(
            f'{file}: expected texts "note" and "created" and an object "provenance". Remove it, or'
            " restore it from a copy."
        )
    return Selection(file.stem, tuple(sorted(set(ids))), note, created, provenance)
