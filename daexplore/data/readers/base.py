"""Input and reader: the interface of every kind of input."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daexplore.config import ReadConfig
from daexplore.data.catalogues.match import catalogue_of
from daexplore.data.catalogues.read import TableFile
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.listing import Listing
from daexplore.utils.addresses import file_at, files_at, names_file

__all__ = ["Input", "Reader", "class_folders"]

_SPLITS = {"train", "training", "valid", "validation", "val", "dev", "test", "testing", "eval"}


@dataclass(frozen=True, eq=False)
class Input:
    """A file or folder to read. Its folder is walked, and its catalogue parsed, once at most.

    Attributes:
        path: the file or folder; where it is elsewhere, no more than its name.
        read: what is declared of it.
        address: of a file or folder that is elsewhere, such as https://… or s3://…
    """

    path: Path
    read: ReadConfig
    address: str | None = None

    @property
    def where(self) -> str:
        """The input as errors and the provenance name it."""
        return self.address or str(self.path.resolve())

    def at(self, file: str) -> str:
        """What ``open_binary`` opens one of ``files`` by."""
        if self.address is None:
            return str(self.folder / file)
        base = self.address.partition("*")[0].rpartition("/")[0] if self._of_files else ""
        return file_at(base or self.address, file)

    @property
    def _of_files(self) -> bool:
        """Whether the address names a file, or several by a pattern, and not their folder."""
        return self.address is not None and ("*" in self.address or names_file(self.address))

    @property
    def folder(self) -> Path:
        """The folder itself, or the folder of the file."""
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Files in the folder and below, relative and sorted, without hidden ones; of a file, its
        name.
        """
        if self.address is not None:
            return files_at(self.address)
        if not self.path.is_dir():
            return (self.path.name,)
        found = []
        for parent, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith((".", "__"))]
            inside = Path(parent).relative_to(self.path)
            found += [(inside / name).as_posix() for name in files if not name.startswith(".")]
        return tuple(sorted(found))

    @cached_property
    def table(self) -> TableFile | None:
        """The catalogue; None where there is none.

        Raises:
            InputError: a declared catalogue that is missing, or one that cannot be read.
        """
        return catalogue_of(self.folder, self.read)

    def images(self, suffixes: tuple[str, ...]) -> list[str]:
        """Return the files with one of the suffixes, in any case of letters, but not the
        catalogue.
        """
        own = None if self.table is None else self.table.path.resolve()
        names = set() if own is None or self.table is None else {own.name, self.table.path.name}

        def is_catalogue(file: str) -> bool:
            # Resolving every path of a large survey takes minutes: only equal names can be it.
            return file.rpartition("/")[2] in names and (self.folder / file).resolve() == own

        return [
            file
            for file in self.files
            if file.lower().endswith(suffixes) and not is_catalogue(file)
        ]


@dataclass(frozen=True)
class Reader:
    """One kind of input.

    Attributes:
        name: short name.
        understood: how the kind is described to users, in one line.
        recognises: whether an input is of this kind.
        list: the galaxies of such an input, to be read one by one.
        open: opens a set that is arrays on disk without reading its pixels; None where every galaxy
            has to be read.
        elsewhere: whether it reads files at an address, too.
    """

    name: str
    understood: str
    recognises: Callable[[Input], bool]
    list: Callable[[Input], Listing]
    open: Callable[[Input], GalaxySet] | None = None
    elsewhere: bool = False


def class_folders(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The folder of each file that may be its class, "" where there is none; and the folders above
    that are splits (train, test, …), which are never classes.
    """
    parts = [name.split("/")[:-1] for name in names]
    tops = {those[0] if those else "" for those in parts}
    splits = tuple(sorted(tops)) if tops and {top.lower() for top in tops} <= _SPLITS else ()
    parts = [those[1:] for those in parts] if splits else parts
    return [those[0] if those else "" for those in parts], splits
