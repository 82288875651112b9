"""Export format: the interface of every export."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daexplore.errors import InputError

if TYPE_CHECKING:
    from daexplore.runs import Run

__all__ = ["Export", "ExportOptions"]


@dataclass(frozen=True)
class ExportOptions:
    """What an export may be asked for.

    Attributes:
        epoch: None takes the selected one of each run.
        overwrite: whether an earlier export is replaced.
        flat: one column per logit and latent component, no lists.
        images: whether a picture of each galaxy is added.
        domain: whose preprocessing is exported, "source" or "target"; None takes the target's.
    """

    epoch: int | None = None
    overwrite: bool = False
    flat: bool = False
    images: bool = False
    domain: str | None = None


@dataclass(frozen=True)
class Export:
    """One format.

    Attributes:
        name: on the command line.
        write: writes runs to a place, and gives the lines to print.
        options: names of those ``ExportOptions`` beyond epoch and overwrite that it knows.
        suffix: of the file that each run becomes; empty where it is none.
    """

    name: str
    write: Callable[["Export", "Sequence[Run]", str, ExportOptions], Iterator[str]]
    options: tuple[str, ...] = ()
    suffix: str = ""

    def file(self, run: "Run", runs: "Sequence[Run]", out: Path) -> Path:
        """Return the named file, or in the named folder a file named after the run.

        Raises:
            InputError: one file for several runs, or a file of another kind.
        """
        if len(runs) == 1 and out.suffix.lower() == self.suffix:
            return out
        if out.suffix.lower() == self.suffix:
            raise InputError(
                f"{out} is one file, but there are {len(runs)} runs: give a folder with --out."
            )
        if out.exists() and not out.is_dir():
            raise InputError(
                f"{out} is a file; for --to {self.name} give one that ends with {self.suffix}, or a"
                " folder."
            )
        return out / f"{run.id}{self.suffix}"
