"""Shared parts of exports: the run, optional libraries, and safe files and folders."""

import logging
import math
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.utils.files import atomic_write

__all__ = [
    "ORACLE",
    "Scalar",
    "evaluated_run",
    "history_scalars",
    "needed",
    "new_file",
    "new_folder",
    "quiet",
    "selected_scalars",
]


ORACLE = "oracle/"
"""Every name begins so whose value used labels of the target."""


class Scalar(NamedTuple):
    """One point of one series.

    Attributes:
        name: such as "test/source/accuracy", "oracle/test/target/accuracy", "train/both/loss/mmd".
        step: the epoch; of names that begin with "windows/", the training step.
        value: finite.
    """

    name: str
    step: int
    value: float


def history_scalars(run: Run) -> list[Scalar]:
    """All of history.jsonl: one value an epoch, the mean where there are several; these, of losses,
    by training step under "windows/".

    Undefined values (null in the file) are left out.
    """
    frame = run.history()
    frame = frame[frame["value"].map(math.isfinite)]
    prefix = frame["oracle"].map({True: ORACLE, False: ""})
    frame = frame.assign(
        title=prefix + frame["split"] + "/" + frame["domain"] + "/" + frame["name"]
    )
    counts = frame.groupby(["title", "epoch"])["value"].agg(["mean", "size"])
    once = counts.reset_index()
    found = [
        Scalar(str(title), int(epoch), float(mean))
        for title, epoch, mean in once[["title", "epoch", "mean"]].to_numpy(object)
    ]
    several = set(once.loc[once["size"] > 1, "title"])
    windows = frame[frame["title"].isin(several)]
    found += [
        Scalar(f"windows/{title}", int(step), float(value))
        for title, step, value in zip(
            windows["title"], windows["step"], windows["value"], strict=True
        )
    ]
    return found


def selected_scalars(run: Run) -> list[Scalar]:
    """The metrics of run.json at the run's selected epoch, with their intervals:
    "selected/test/source/accuracy", "…_low", "…_high".
    """
    found = []
    for domain, splits in (run.info.get("metrics") or {}).items():
        for split, entries in splits.items():
            for name, entry in entries.items():
                title = f"{ORACLE if entry.get('oracle') else ''}selected/{split}/{domain}/{name}"
                for key, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                    value = entry.get(key)
                    if value is not None and math.isfinite(value):
                        found.append(Scalar(title + suffix, run.selected_epoch or 0, float(value)))
    return found


def evaluated_run(run: Run | str | Path) -> Run:
    """The run, which has at least one evaluated epoch.

    Raises:
        InputError: it cannot be read, or has none.
    """
    run = run if isinstance(run, Run) else Run(run)
    if run.selected_epoch is None:
        raise InputError(
            f"The run {run.id} ({run.status}) has no evaluated epoch yet. Wait for its first, or"
            " export another run."
        )
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
            f"Install it with: pip install {package}, or all that exports need with: pip install"
            ' "daexplore[exports]"'
        ) from error


@contextmanager
def new_file(out: str | Path, overwrite: bool) -> Iterator[Path]:
    """Return a path beside ``out`` to write to, then puts that file in its place.

    Raises:
        InputError: ``out`` exists and may not be replaced, is a folder, or cannot be written.
    """
    out = Path(out)
    if out.is_dir():
        raise InputError(f"{out} is a folder; give the name of a file in it.")
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists. Choose another name, or replace it with --overwrite.")
    try:
        with atomic_write(out) as temporary:
            yield temporary
    except OSError as error:
        raise InputError(
            f"Cannot write to {out}: {error}. Choose another place with --out."
        ) from error


@contextmanager
def new_folder(out: Path, overwrite: bool, mark: str) -> Iterator[Path]:
    """Return a folder beside ``out`` to write to, then puts it in its place.

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
        raise InputError(
            f"{out} exists and was not written by this export (it has no {mark}), so it is not"
            " replaced. Choose another name."
        )
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    except OSError as error:
        raise InputError(
            f"Cannot write to {out}: {error}. Choose another place with --out."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def quiet(level: int, *loggers: str) -> Iterator[None]:
    """Silence other libraries' messages about their own workings and coming changes: nothing
    that a user could fix.

    Args:
        level: of messages that are still shown.
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
