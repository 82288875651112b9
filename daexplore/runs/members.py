"""Which files an archive of a run may hold: judged by name, kind and size before anything is unpacked."""

import re
import stat
import zipfile
from dataclasses import dataclass

from daexplore.errors import InputError

__all__ = ["NOTES", "RUN_FILE", "RUN_NAME", "Members", "members_of"]

NOTES = "notes.json"
"""Beside the run's folder: its tags and its note."""

RUN_FILE = re.compile(
    r"run\.json|history\.jsonl|samples\.parquet|log\.txt"
    r"|evaluations/epoch=\d{4,9}/outputs\.parquet|saliency/epoch=\d{4,9}/gradcam\.parquet|weights/epoch-\d{4,9}\.safetensors"
    r"|resume/epoch-\d{4,9}\.(json|safetensors)|derived/[A-Za-z0-9_][A-Za-z0-9_+=,@ .-]{0,120}\.(json|parquet|csv)"
)
"""Paths of the files of a run, within its folder."""

RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+=.-]{0,149}")
"""Names of folders of runs."""

_MAX_FILES = 20_000
_MAX_JSON = {"run.json": 16 * 2**20, NOTES: 2**20}
_LITTER = re.compile(r"__MACOSX/.*|(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini)")
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Members:
    """What is to be unpacked.

    Attributes:
        name: of the run's folder.
        files: path within the folder -> entry of the archive.
        notes: the entry with tags and note, if there is one.
        size: of all files together, unpacked [byte].
    """

    name: str
    files: dict[str, zipfile.ZipInfo]
    notes: zipfile.ZipInfo | None
    size: int


def members_of(archive: zipfile.ZipFile, limit: int) -> Members:
    """The files of the one run in an archive.

    Args:
        archive: open for reading.
        limit: what they may take unpacked at most [byte].

    Raises:
        InputError: an entry that would lie elsewhere, a link, an encrypted or twofold one, one that is no file of a run; several runs or
            none; too many or too large files.
    """
    entries = archive.infolist()
    if len(entries) > _MAX_FILES:
        raise InputError(f"it has {len(entries)} entries; a run has at most {_MAX_FILES}.")
    files: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    names: set[str] = set()
    notes = None
    for entry in entries:
        path = _safe(entry)
        if path.casefold() in seen:
            raise InputError(f"the entry {path!r} stands in it twice.")
        seen.add(path.casefold())
        if entry.is_dir() or _LITTER.fullmatch(path):
            continue
        if path == NOTES:
            notes = entry
            continue
        folder, _, inside = path.partition("/")
        if not RUN_NAME.fullmatch(folder) or not RUN_FILE.fullmatch(inside):
            raise InputError(f"the entry {path!r} is not a file of a run.")
        names.add(folder)
        files[inside] = entry
    if len(names) != 1:
        raise InputError(f"it holds {f'{len(names)} runs, such as {sorted(names)[:2]}' if names else 'no run'}; expected one folder.")
    return Members(names.pop(), files, notes, _size(files, notes, limit))


def _safe(entry: zipfile.ZipInfo) -> str:
    """The path of an entry, if it leads to a plain file or folder beneath the place of unpacking on every system."""
    path, told = entry.filename, entry.orig_filename
    parts = path.removesuffix("/").split("/")
    if path != told or "\\" in path or ":" in path or not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"the entry {told!r} would be unpacked elsewhere.")
    if any(len(part) > 200 for part in parts) or len(parts) > 8:
        raise InputError(f"the entry {told[:80]!r}… is not a file of a run.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise InputError(f"the entry {told!r} is a link or a device, not a file.")
    if entry.flag_bits & _ENCRYPTED:
        raise InputError(f"the entry {told!r} is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"the entry {told!r} is packed by method {entry.compress_type}; expected 0 (stored) or 8 (deflate).")
    return path


def _size(files: dict[str, zipfile.ZipInfo], notes: zipfile.ZipInfo | None, limit: int) -> int:
    every = files | ({NOTES: notes} if notes else {})
    for path, entry in every.items():
        if entry.file_size > _MAX_JSON.get(path, limit):
            raise InputError(f"{path} would unpack to {entry.file_size} bytes; at most {_MAX_JSON.get(path, limit)} are taken.")
    size = sum(entry.file_size for entry in every.values())
    if size > limit:
        raise InputError(f"its files would unpack to {size} bytes; at most {limit} are taken.")
    return size
