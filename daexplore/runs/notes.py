"""Tags and notes of runs, in one file beside them."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daexplore.errors import InputError
from daexplore.utils.files import read_json, write_json

__all__ = ["MAX_NOTE", "MAX_TAG", "Note", "RunNotes", "clean_note", "clean_tag"]

MAX_TAG = 40
MAX_NOTE = 10_000
_FILE, _LOCK = ".notes.json", ".notes.lock"
_WAIT = 10.0  # [s]


@dataclass(frozen=True)
class Note:
    """A user's note about a run.

    Attributes:
        tags: short words to find it by, in alphabetical order, each once.
        text: free text.
    """

    tags: tuple[str, ...] = ()
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.tags or self.text)


def clean_tag(tag: str) -> str:
    """A tag with single spaces and composed letters, so that what looks the same is the same.

    Raises:
        InputError: it is empty, longer than ``MAX_TAG`` characters, or holds a comma or a character
            that cannot be seen.

    >>> clean_tag("  to   publish ")
    'to publish'
    """
    cleaned = unicodedata.normalize("NFC", " ".join(tag.split()))
    if not 0 < len(cleaned) <= MAX_TAG or "," in cleaned or not cleaned.isprintable():
        raise InputError(
            f"A tag has 1 to {MAX_TAG} visible characters and no comma; got {tag[: 2 * MAX_TAG]!r}."
        )
    return cleaned


def clean_note(text: str) -> str:
    """A note without space around it.

    Raises:
        InputError: it is longer than ``MAX_NOTE`` characters.
    """
    if len(text.strip()) > MAX_NOTE:
        raise InputError(
            f"A note has at most {MAX_NOTE} characters, this one has {len(text.strip())};"
            " shorten it."
        )
    return text.strip()


class RunNotes:
    """The tags and notes of the runs in one folder. What others add at the same time is kept: every
    change is made under a lock.

    Args:
        root: folder of runs.
    """

    def __init__(self, root: str | Path) -> None:
        self.file = Path(root) / _FILE

    def read(self) -> dict[str, Note]:
        """All runs that have a tag or a note, by the name of their folder.

        Raises:
            InputError: the file is damaged.
        """
        if not self.file.is_file():
            return {}
        told = read_json(self.file).get("runs")
        if not isinstance(told, dict):
            raise InputError(
                f'{self.file}: expected "runs" to hold an object for each run; move the file away,'
                " or restore it from a copy."
            )
        return {
            run_id: parse_note(entry, f"{self.file}: {run_id}") for run_id, entry in told.items()
        }

    def of(self, run_id: str) -> Note:
        """What is written about one run."""
        return self.read().get(run_id, Note())

    def add_tag(self, run_ids: Iterable[str], tag: str) -> None:
        """Return runs a tag they may have already.

        Raises:
            InputError: it is no tag (see ``clean_tag``), or the folder cannot be written to.
        """
        tag = clean_tag(tag)
        self._change(run_ids, lambda note: replace(note, tags=tuple(sorted({*note.tags, tag}))))

    def remove_tag(self, run_ids: Iterable[str], tag: str) -> None:
        """Take a tag from the runs that have it."""
        self._change(
            run_ids,
            lambda note: replace(note, tags=tuple(each for each in note.tags if each != tag)),
        )

    def write(self, run_id: str, text: str, instead_of: str) -> None:
        """Put a text in the place of another, if it still is the one that was read.

        Args:
            run_id: name of the run's folder.
            text: the new one.
            instead_of: the one that the writer knows of.

        Raises:
            InputError: another user has changed it since; nothing is written then.
        """
        text = clean_note(text)

        def change(note: Note) -> Note:
            if note.text not in (instead_of, text):
                raise InputError(
                    f"The note of {run_id} was changed meanwhile; it now says: {note.text!r}."
                    " Nothing was written over it."
                )
            return replace(note, text=text)

        self._change([run_id], change)

    def merge(self, run_id: str, note: Note) -> None:
        """Add the tags of a note, and its text where there is none yet."""
        self._change(
            [run_id],
            lambda known: Note(tuple(sorted({*known.tags, *note.tags})), known.text or note.text),
        )

    def _change(self, run_ids: Iterable[str], change: Callable[[Note], Note]) -> None:
        with self._locked():
            notes = self.read()
            notes |= {run_id: change(notes.get(run_id, Note())) for run_id in run_ids}
            write_json(
                self.file,
                {
                    "format": 1,
                    "runs": {
                        run_id: note_json(notes[run_id])
                        for run_id in sorted(notes)
                        if notes[run_id]
                    },
                },
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.file.with_name(_LOCK), timeout=_WAIT):
                yield
        except Timeout as error:
            raise InputError(
                f"{self.file} has been locked by another process for {_WAIT:g} s; try again."
            ) from error
        except OSError as error:
            raise InputError(
                f"{self.file} cannot be written: {error}. Make room or permission in the folder of"
                " the runs."
            ) from error


def note_json(note: Note) -> dict[str, Any]:
    """A note as JSON."""
    return {"tags": list(note.tags), "note": note.text}


def parse_note(told: Any, where: str) -> Note:
    """A note from JSON.

    Raises:
        InputError: it is not one.
    """
    if not isinstance(told, Mapping):
        raise InputError(
            f"{where}: expected an object with tags and note, got {type(told).__name__}."
        )
    tags, text = told.get("tags", []), told.get("note", "")
    if (
        not isinstance(text, str)
        or not isinstance(tags, list)
        or not all(isinstance(tag, str) for tag in tags)
    ):
        raise InputError(f"{where}: expected tags to be a list of text and note to be text.")
    return Note(tuple(sorted(set(map(clean_tag, tags)))), clean_note(text))
