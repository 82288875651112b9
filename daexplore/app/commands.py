"""The command lines that the page runs, and how a reader would type them."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["command_line", "resume_command", "train_command"]


def train_command(
    root: str | Path, method: str, *, seed: int = 0, epochs: int | None = None, data: Sequence[str] = ("--data", "demo")
) -> list[str]:
    """The command that trains one run.

    Args:
        root: folder of runs.
        method: e.g. "mmd".
        seed: random seed.
        epochs: None takes what fits the data.
        data: ("--data", preset) or ("--source", path, "--target", path).
    """
    length = [] if epochs is None else ["--epochs", str(epochs)]
    return [sys.executable, "-m", "daexplore", "train", *data, "--method", method, "--seed", str(seed), *length, "--runs", str(root)]


def resume_command(run: Path) -> list[str]:
    """The command that goes on with a stopped run."""
    return [sys.executable, "-m", "daexplore", "train", "--resume", str(run)]


def command_line(command: Sequence[str]) -> str:
    """A command of this module as one would type it."""
    return shlex.join(["daexplore", *command[3:]] if list(command[1:3]) == ["-m", "daexplore"] else command)
