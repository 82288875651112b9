"""What all exports share: the run, the library that may be missing, and a place to write to that is never half written."""

import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["evaluated_run", "needed", "new_file", "new_folder", "quiet"]


def evaluated_run(run: Run | str | Path) -> Run:
    """The run, which has at least one evaluated epoch.

    Raises:
        InputError: it cannot be read, or has none.
    """
    run = run if isinstance(run, Run) else Run(run)
    if run.selected_epoch is None:
        raise InputError(f"The run {run.id} ({run.status}) has no evaluated epoch yet. Wait for its first, or export another run.")
    run.check()
    return run


def needed(module: str, package: str, purpose: str) -> Any:
    """A module of a library that daexplore itself does without.

    Args:
        module: its name.
        package: what to install.
        purpose: what it is for, as in "An export to ONNX".

    Raises:
        InputError: the library is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{purpose} needs the package {package}, which is not installed here ({error}). "
            f'Install it with: pip install {package}, or all that exports need with: pip install "daexplore[exports]"'
        ) from error


@contextmanager
def new_file(out: str | Path, overwrite: bool) -> Iterator[Path]:
    """Gives a path beside ``out`` to write to, then puts that file in its place.

    Raises:
        InputError: ``out`` exists and may not be replaced, is a folder, or cannot be written.
    """
    out = Path(out)
    if out.is_dir():
        raise InputError(f"{out} is a folder; give the name of a file in it.")
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists. Choose another name, or replace it with --overwrite.")
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, out)
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error}. Choose another place with --out.") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(out: Path, overwrite: bool, mark: str) -> Iterator[Path]:
    """Gives a folder beside ``out`` to write to, then puts it in its place.

    Args:
        out: the folder to make.
        overwrite: whether one that is there may be replaced.
        mark: pattern of a file that tells a folder of ours; no other folder is ever deleted.

    Raises:
        InputError: ``out`` exists and may not be replaced, or cannot be written.
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists. Choose another name, or replace it with --overwrite.")
    if out.exists() and not (out.is_dir() and any(out.glob(mark))):
        raise InputError(f"{out} exists and was not written by this export (it has no {mark}), so it is not replaced. Choose another name.")
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error}. Choose another place with --out.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def quiet(level: int, *loggers: str) -> Iterator[None]:
    """Keeps to itself what other libraries tell of their own workings and of coming changes: nothing that a user could mend.

    Args:
        level: of messages that are still told.
        loggers: names of those libraries' loggers.
    """
    found = [logging.getLogger(name) for name in loggers]
    before = [logger.level for logger in found]
    for logger in found:
        logger.setLevel(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for logger, own in zip(found, before, strict=True):
            logger.setLevel(own)
