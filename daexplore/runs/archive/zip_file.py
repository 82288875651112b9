"""Zip archive of a run with its tags and note: export and import."""

import json
import os
import re
import shutil
import stat
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daexplore.errors import InputError
from daexplore.runs.archive.verify import verify_run
from daexplore.runs.notes import Note, RunNotes, note_json, parse_note
from daexplore.runs.run import Run
from daexplore.runs.writer import check_root
from daexplore.utils.files import atomic_write, to_json

__all__ = [
    "MAX_IMPORT",
    "NOTES",
    "RUN_FILE",
    "RUN_NAME",
    "ArchiveMembers",
    "Exported",
    "Imported",
    "export_run",
    "import_run",
    "members_of",
    "run_size",
]


NOTES = "notes.json"
"""Beside the run's folder: its tags and its note."""
RUN_FILE = re.compile(
    r"run\.json|history\.jsonl|samples\.parquet|log\.txt"
    r"|evaluations/epoch=\d{4,9}/outputs\.parquet|saliency/epoch=\d{4,9}/gradcam\.parquet|weights/epoch-\d{4,9}\.safetensors"
    r"|resume/epoch-\d{4,9}\.(json|safetensors)|derived/[A-Za-z0-9_][A-Za-z0-9_+=,@"
    r" .-]{0,120}\.(json|parquet|csv)"
)
"""Paths of the files of a run, within its folder."""
RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+=.-]{0,149}")
"""Names of folders of runs."""
_MAX_FILES = 20_000
_MAX_JSON = {"run.json": 16 * 2**20, NOTES: 2**20}
_LITTER = re.compile(r"__MACOSX/.*|(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini)")
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ArchiveMembers:
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


def members_of(archive: zipfile.ZipFile, limit: int) -> ArchiveMembers:
    """The files of the one run in an archive.

    Args:
        archive: open for reading.
        limit: what they may take unpacked at most [byte].

    Raises:
        InputError: an entry that would be elsewhere, a link, an encrypted or twofold one, one that
            is no file of a run; several runs or none; too many or too large files.
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
            raise InputError(f"the entry {path!r} occurs in it twice.")
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
        raise InputError(
            f"it holds {f'{len(names)} runs, such as {sorted(names)[:2]}' if names else 'no run'};"
            " expected one folder."
        )
    return ArchiveMembers(names.pop(), files, notes, _size(files, notes, limit))


def _safe(entry: zipfile.ZipInfo) -> str:
    """The path of an entry, if it leads to a plain file or folder below the place of unpacking on
    every system.
    """
    path, told = entry.filename, entry.orig_filename
    parts = path.removesuffix("/").split("/")
    if (
        path != told
        or "\\" in path
        or ":" in path
        or not path.isprintable()
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise InputError(f"the entry {told!r} would be unpacked elsewhere.")
    if any(len(part) > 200 for part in parts) or len(parts) > 8:
        raise InputError(f"the entry {told[:80]!r}… is not a file of a run.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise InputError(f"the entry {told!r} is a link or a device, not a file.")
    if entry.flag_bits & _ENCRYPTED:
        raise InputError(f"the entry {told!r} is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"the entry {told!r} is packed by method {entry.compress_type}; expected 0 (stored) or"
            " 8 (deflate)."
        )
    return path


def _size(files: dict[str, zipfile.ZipInfo], notes: zipfile.ZipInfo | None, limit: int) -> int:
    every = files | ({NOTES: notes} if notes else {})
    for path, entry in every.items():
        if entry.file_size > _MAX_JSON.get(path, limit):
            raise InputError(
                f"{path} would unpack to {entry.file_size} bytes; at most"
                f" {_MAX_JSON.get(path, limit)} are taken."
            )
    size = sum(entry.file_size for entry in every.values())
    if size > limit:
        raise InputError(f"its files would unpack to {size} bytes; at most {limit} are taken.")
    return size


MAX_IMPORT = 8 * 2**30
"""What an imported run may take on disk unless set otherwise [byte]."""
_CHUNK = 2**20
# The same run gives the same archive whenever and wherever it is made.
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX_FILE = 0o100644 << 16
# The tables are compressed already, and weights are noise to a compressor.
_PACKED = (".json", ".jsonl", ".txt", ".csv")


@dataclass(frozen=True)
class Exported:
    """An archive that was written.

    Attributes:
        file: the archive.
        files: how many files of the run are in it.
        left_out: paths in the run's folder that are no files of a run, and are not.
    """

    file: Path
    files: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """A run that was unpacked.

    Attributes:
        path: its folder.
        name: what the folder was called where it comes from; another run of this name was here
            already if it differs.
        missing: folders of images, as run.json has them, that are not on this machine.
    """

    path: Path
    name: str
    missing: tuple[str, ...]


def run_size(path: str | Path) -> int:
    """What an export of a run would hold, unpacked [byte]."""
    return sum((Path(path) / name).stat().st_size for name in _listing(Path(path))[0])


def export_run(path: str | Path, file: str | Path) -> Exported:
    """Write a run to one file, read from disk piece by piece.

    Args:
        path: folder of the run.
        file: the archive, or a folder to put it in, named after the run.

    Raises:
        InputError: the run is damaged, is being written, or changes meanwhile; ``file`` exists or
            cannot be written.
    """
    run, file = Run(path), Path(file)
    name = run.path.resolve().name
    if not RUN_NAME.fullmatch(name):
        raise InputError(
            f"{run.path}: an archive holds the folder of a run, named by letters, digits and _+=.-"
            " only; rename it first."
        )
    if run.alive():
        raise InputError(
            f"Run {name} is being trained; export it when it has ended, or stop it first."
        )
    verify_run(run)
    if file.is_dir():
        file = file / f"{name}.zip"
    if file.exists():
        raise InputError(f"{file} exists; remove it, or give another name.")
    listed, left_out = _listing(run.path)
    note = RunNotes(run.path.resolve().parent).of(name)
    try:
        with atomic_write(file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for each in listed:
                with (
                    (run.path / each).open("rb") as source,
                    archive.open(_entry(f"{name}/{each}"), "w", force_zip64=True) as packed,
                ):
                    shutil.copyfileobj(source, packed, _CHUNK)
            if note:
                archive.writestr(_entry(NOTES), to_json(note_json(note), indent=1) + "\n")
            if run.reload() or _listing(run.path)[0] != listed:
                raise InputError(
                    f"Run {name} was changed while it was exported; export it again when nothing"
                    " writes it."
                )
    except OSError as error:
        raise InputError(
            f"Run {name} cannot be exported to {file}: {error}. Give another file, or make room"
            " there."
        ) from error
    return Exported(file, len(listed), tuple(left_out))


def import_run(file: str | Path, root: str | Path, limit: int = MAX_IMPORT) -> Imported:
    """Unpacks an archive into a folder of runs. The run is read from end to end before it can be
    seen there.

    A run of the same name is kept: the new one gets the next free name, ``<name>-2``, unless it is
    the same run in the same state.

    Args:
        file: an archive made by ``export_run``, or a run's folder packed by anything else.
        root: folder of runs, made if need be.
        limit: what the run may take on disk at most [byte].

    Raises:
        InputError: ``file`` is not such an archive, would write elsewhere, is too large, or does
            not hold a whole run; the same run is there already; ``root`` cannot be written to.
            Nothing is left behind then.
    """
    file, root = Path(file), Path(root)
    with _refusing(file), zipfile.ZipFile(file) as archive:
        members = members_of(archive, limit)
        check_root(root)
        free = shutil.disk_usage(root).free
        if members.size > free:
            raise InputError(
                f"its files take {members.size} bytes, {free} are free in {root}. Make room there."
            )
        draft = root / f".import-{uuid.uuid4().hex}"
        try:
            folder = draft / members.name
            _unpack(archive, members, folder)
            note = _note(archive, members)
            run = _checked(folder)
            _set_times(run)
            missing = tuple(sorted({told for told in _image_paths(run) if not Path(told).exists()}))
            path = _publish(folder, root / members.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    if note:
        RunNotes(root).merge(path.name, note)
    return Imported(path, members.name, missing)


def _listing(folder: Path) -> tuple[list[str], list[str]]:
    """The files of a run, and what else is in its folder; both in the order of their names. A link
    is something else: what it leads to may be outside of the run.
    """
    try:
        found = {
            file.relative_to(folder).as_posix(): file.is_symlink()
            for file in folder.rglob("*")
            if file.is_file()
        }
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error}.") from error
    own = {name for name, link in found.items() if RUN_FILE.fullmatch(name) and not link}
    return sorted(own), sorted(set(found) - own)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED if name.endswith(_PACKED) else zipfile.ZIP_STORED
    entry.external_attr = _UNIX_FILE
    entry.create_system = 3
    return entry


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename or file} is missing. Give the archive of a run, made by: daexplore"
            " runs export RUN FILE"
        ) from error
    except InputError as error:
        raise InputError(f"{file.name} was not imported: {error}") from error
    except OSError as error:
        raise InputError(f"{file.name} was not imported: {error}.") from error
    # A malicious archive can make the readers raise anything.
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        ValueError,
        ArithmeticError,
        LookupError,
        RuntimeError,
    ) as error:
        raise InputError(
            f"{file.name} was not imported: it is damaged, or not a zip file ({error}). Copy it"
            " again."
        ) from error


def _unpack(archive: zipfile.ZipFile, members: ArchiveMembers, folder: Path) -> None:
    for path, entry in sorted(members.files.items()):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        left = entry.file_size
        with archive.open(entry) as packed, place.open("xb") as out:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{path} is larger than it says.")
                out.write(chunk)
        if left:
            raise InputError(f"{path} is cut short.")


def _note(archive: zipfile.ZipFile, members: ArchiveMembers) -> Note:
    return parse_note(json.loads(archive.read(members.notes)), NOTES) if members.notes else Note()


def _checked(folder: Path) -> Run:
    try:
        run = Run(folder)
        verify_run(run)
        return run
    except InputError as error:
        raise InputError(str(error).replace(f"{folder}{os.sep}", f"{folder.name}/")) from error
    except Exception as error:
        raise InputError(
            f"it does not hold a whole run ({type(error).__name__}: {error})."
        ) from error


def _set_times(run: Run) -> None:
    """Make the files as old as the run: one that was interrupted elsewhere must not look as if it
    were being written here.
    """
    try:
        when = datetime.fromisoformat(str(run.info.get("updated", run.info["created"]))).timestamp()
    except ValueError:
        when = 0.0
    for name in ("run.json", "history.jsonl"):
        os.utime(run.path / name, (when, when))


def _image_paths(run: Run) -> Iterator[str]:
    for told in run.info["data"].values():
        path = told.get("path")
        if isinstance(path, str) and path:
            yield path


def _publish(folder: Path, place: Path) -> Path:
    stem, told = place.name, (folder / "run.json").read_bytes()
    for number in range(2, 10_000):
        if not place.exists():
            try:
                folder.rename(place)
                return place
            except OSError:
                # Another process took the name first: a folder with content is never replaced.
                if not place.exists():
                    raise
        existing = place / "run.json"
        if existing.is_file() and existing.read_bytes() == told:
            raise InputError(
                f"the same run, in the same state, is in {place.parent} already as {place.name}."
            )
        place = place.with_name(f"{stem}-{number}")
    raise InputError(f"{place.parent} holds too many runs named {stem}.")
