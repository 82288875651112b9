"""The command lines that the page runs, and how a reader would type them."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from daexplore.errors import InputError
from daexplore.methods import ALIGNMENTS

__all__ = [
    "command_line",
    "data_arguments",
    "parse_epochs",
    "parse_seeds",
    "parse_together",
    "resume_command",
    "train_command",
]

_MOST_SEEDS = 20


def train_command(
    root: str | Path,
    method: str,
    *,
    seed: int = 0,
    epochs: int | None = None,
    data: Sequence[str] = ("--data", "demo"),
    settings: Sequence[str] = (),
) -> list[str]:
    """The command that trains one run.

    Args:
        root: folder of runs.
        method: e.g. "mmd".
        seed: random seed.
        epochs: None takes what fits the data.
        data: ("--data", preset) or ("--source", path, "--target", path).
        settings: any others, each as "path=value".
    """
    further = [] if epochs is None else ["--epochs", str(epochs)]
    for setting in settings:
        further += ["--set", setting]
    return [
        sys.executable,
        "-m",
        "daexplore",
        "train",
        *data,
        "--method",
        method,
        "--seed",
        str(seed),
        *further,
        "--runs",
        str(root),
    ]


def resume_command(run: Path) -> list[str]:
    """The command that resumes a stopped run."""
    return [sys.executable, "-m", "daexplore", "train", "--resume", str(run)]


def command_line(command: Sequence[str]) -> str:
    """A command of this module as one would type it."""
    return shlex.join(
        ["daexplore", *command[3:]] if list(command[1:3]) == ["-m", "daexplore"] else command
    )


def parse_seeds(text: str) -> list[int]:
    """Random seeds as one writes them: "0", "0, 3, 5" or "0..2".

    Raises:
        InputError: anything else, or none at all.

    >>> parse_seeds("0..2, 7")
    [0, 1, 2, 7]
    """
    seeds: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dots, last = part.partition("..")
        if not first.strip().isdecimal() or (dots and not last.strip().isdecimal()):
            raise InputError(
                "Seeds: expected whole numbers such as 0, 3, 5 or a range such as 0..2, got"
                f" {text!r}."
            )
        seeds += range(int(first), int(last if dots else first) + 1)
    if not 0 < len(seeds) <= _MOST_SEEDS:
        raise InputError(
            f"Seeds: expected 1 to {_MOST_SEEDS} of them, got {len(seeds)} from {text!r}."
        )
    return list(dict.fromkeys(seeds))


def parse_together(text: str) -> list[str]:
    """Alignments that make one run each, as one writes them: "mmd+fisher, package.module:Class".

    Raises:
        InputError: a name that is none, or one alignment twice in a run.

    >>> parse_together("MMD + fisher, dann")
    ['mmd+fisher', 'dann']
    """
    found = []
    for run in filter(None, (part.strip() for part in text.split(","))):
        names = [name.strip() if ":" in name else name.strip().lower() for name in run.split("+")]
        for name in names:
            if name not in ALIGNMENTS and not re.fullmatch(r"[\w.]+:\w+", name):
                known = ", ".join(sorted(ALIGNMENTS))
                raise InputError(
                    f"Combined losses: there is no method {name!r}; there are {known}, and your"
                    " own as package.module:Class."
                )
        if len(set(names)) < len(names):
            raise InputError(f"Combined losses: {run!r} names one method twice.")
        found.append("+".join(names))
    return list(dict.fromkeys(found))


def parse_epochs(text: str) -> int | None:
    """A number of epochs, or None for an empty field: what is advised for the galaxies.

    Raises:
        InputError: not a whole number from 1.
    """
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise InputError(
            f"Epochs: expected a whole number of at least 1, or nothing, got {text!r}."
        )
    return int(text)


def data_arguments(preset: str | None, source: str = "", target: str = "") -> tuple[str, ...]:
    """The part of a command that says which galaxies.

    Args:
        preset: a simulator preset; None takes the two paths.
        source: of the labelled images.
        target: of the survey's images.

    Raises:
        InputError: a path that is missing or does not exist.
    """
    if preset is not None:
        return ("--data", preset)
    for domain, path in (("source", source), ("target", target)):
        if not path.strip():
            raise InputError(
                f"Give the path of the {domain} images: a galaxy set, an .npy file, or a folder"
                " with catalogue.csv."
            )
        if not Path(path.strip()).expanduser().exists():
            raise InputError(
                f"The {domain} images {path.strip()} do not exist on the machine that serves this"
                " page; give another path."
            )
    return (
        "--source",
        str(Path(source.strip()).expanduser()),
        "--target",
        str(Path(target.strip()).expanduser()),
    )
