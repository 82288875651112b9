"""Results that can be computed again, kept in a run's derived/ folder as JSON."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from daexplore.runs import Run

__all__ = ["Rows", "cached", "load_cached", "save_cached"]

Rows = list[dict[str, Any]]
_FORMAT = 1


def load_cached(run: Run, name: str, key: Mapping[str, Any]) -> Rows | None:
    """What ``save_cached`` kept under this name for exactly this key and this state of the run; None otherwise."""
    try:
        found = json.loads(_path(run, name, key).read_text(encoding="utf-8"))
        usable = found["key"] == _full(run, key)
        return (
            [{name: _number(value) for name, value in row.items()} for row in found["rows"]]
            if usable
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_cached(run: Run, name: str, key: Mapping[str, Any], rows: Rows) -> None:
    """Writes rows of JSON types aside and renames them. A run that cannot be written to is left as it is: the rows can be had again."""
    path = _path(run, name, key)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    try:
        path.parent.mkdir(exist_ok=True)
        aside.write_text(
            json.dumps({"key": _full(run, key), "rows": plain}, allow_nan=False), encoding="utf-8"
        )
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)


def cached(run: Run, name: str, key: Mapping[str, Any], make: Callable[[], Rows]) -> Rows:
    """The kept rows, or those that ``make`` gives, kept."""
    rows = load_cached(run, name, key)
    if rows is None:
        rows = make()
        save_cached(run, name, key, rows)
    return rows


def _full(run: Run, key: Mapping[str, Any]) -> dict[str, Any]:
    state = {
        "format": _FORMAT,
        "config_hash": run.info.get("config_hash"),
        "updated": run.info.get("updated"),
    }
    full: dict[str, Any] = json.loads(json.dumps({**key, **state}))
    return full


def _path(run: Run, name: str, key: Mapping[str, Any]) -> Any:
    digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()[:8]
    return run.derived(f"{name}-{digest}.json")


def _plain(value: Any) -> Any:
    """JSON has no NaN: undefined is null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _number(value: Any) -> Any:
    return float("nan") if value is None else value
