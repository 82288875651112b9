"""Atomic writing of files, and strict JSON."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from daexplore.errors import InputError

__all__ = [
    "atomic_write",
    "cache_folder",
    "read_json",
    "static_text",
    "to_json",
    "write_if_possible",
    "write_json",
]

_INDENTED = 50_000  # characters


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` at the end.

    No reader sees half a file, and a block that fails leaves the old file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def cache_folder(name: str) -> Path:
    """Where something that can be made again is kept: below the environment variable
    DAEXPLORE_CACHE, or the user's cache folder of the platform.
    """
    from platformdirs import user_cache_dir

    chosen = os.environ.get("DAEXPLORE_CACHE")
    return (Path(chosen).expanduser() if chosen else Path(user_cache_dir("daexplore"))) / name


@contextmanager
def write_if_possible(path: Path) -> Iterator[Path]:
    """Like ``atomic_write``, for results that can be computed again.

    A folder that cannot be written to, such as a shared archive, is left as it is.
    """
    with suppress(OSError), atomic_write(path) as temporary:
        yield temporary


def to_jsonable(value: Any) -> Any:
    """Numbers, arrays, paths and containers as JSON types; NaN and infinities, which JSON lacks,
    become None.
    """
    if isinstance(value, dict):
        return {str(key): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """``value`` as strict JSON."""
    return json.dumps(to_jsonable(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Rewrite a JSON file in one step.

    A large object has one line for each of its keys: to indent all of it takes ten times as long,
    and run.json is rewritten several times per epoch.
    """
    plain = to_jsonable(value)
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    if len(text) < _INDENTED:
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1)
    elif isinstance(plain, dict):
        lines = (
            f" {json.dumps(key, ensure_ascii=False)}: "
            f"{json.dumps(item, ensure_ascii=False, allow_nan=False)}"
            for key, item in plain.items()
        )
        text = "{\n" + ",\n".join(lines) + "\n}"
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def static_text(layer: str, name: str) -> str:
    """Return a text file that the package ships, such as ``("views", "report.css")``."""
    return (Path(__file__).parents[1] / layer / "static" / name).read_text(encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: the file is missing or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing. Give the folder of a run, the one that holds run.json."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not readable JSON ({error}). Restore it from a copy, or remove the run's"
            " folder."
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            f"{path}: expected a JSON object, got {type(value).__name__}. Restore it from a copy,"
            " or remove the run's folder."
        )
    return value
