"""Cache of results that can be computed again, in the folder derived/ of a run."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from daexplore.runs import Evaluation, Run
from daexplore.utils.files import to_json, write_if_possible

__all__ = ["Rows", "cached", "load_cached", "outputs_digest", "save_cached"]

Rows = list[dict[str, Any]]
_FORMAT = 1


def load_cached(run: Run, name: str, key: Mapping[str, Any]) -> Rows | None:
    """Return the rows saved under this name for this key and this state of the run, or None."""
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
    """Write rows of JSON types into the run, if its folder can be written to."""
    with write_if_possible(_path(run, name, key)) as temporary:
        temporary.write_text(to_json({"key": _full(run, key), "rows": rows}), encoding="utf-8")


def cached(run: Run, name: str, key: Mapping[str, Any], make: Callable[[], Rows]) -> Rows:
    """Return the cached rows, or compute them with ``make`` and save them."""
    rows = load_cached(run, name, key)
    if rows is None:
        rows = make()
        save_cached(run, name, key, rows)
    return rows


def outputs_digest(settings: Any, evaluations: Sequence[Evaluation]) -> str:
    """Return a digest of settings and of all outputs: a result under it is never out of date.

    Args:
        settings: anything with a stable ``repr``.
        evaluations: the outputs that the result depends on.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for found in evaluations:
        for values in (found.latents, found.logits, found.labels):
            digest.update(np.ascontiguousarray(values).tobytes())
        for names in (found.sample_ids, found.domain, found.split, found.group_ids):
            digest.update("\0".join(map(str, names)).encode())
    return digest.hexdigest()[:16]


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


def _number(value: Any) -> Any:
    return float("nan") if value is None else value
