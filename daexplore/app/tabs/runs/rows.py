"""Rows of the runs table: cells, search and order."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from daexplore.runs import Run
from daexplore.runs.notes import Note

__all__ = ["COLUMNS", "Row", "collect", "in_order", "labels", "matching", "table_row"]

COLUMNS: tuple[dict[str, str], ...] = (
    {
        "key": "run",
        "text": "run",
        "kind": "name",
        "help": "Methods and seed; below, the run's folder.",
    },
    {
        "key": "tags",
        "text": "tags and note",
        "kind": "words",
        "help": "Your note on the run; stored beside it, not in it.",
    },
    {"key": "started", "text": "started [UTC]", "help": "When the run was begun."},
    {
        "key": "status",
        "text": "status",
        "help": "Interrupted: its process has ended; it can be resumed.",
    },
    {
        "key": "epochs",
        "text": "epochs",
        "help": "Evaluated of planned; the selected epoch was chosen without target labels.",
    },
    {
        "key": "source",
        "text": "source accuracy",
        "kind": "number",
        "help": "Share of held-out source galaxies classified rightly.",
    },
    {
        "key": "target",
        "text": "target accuracy",
        "kind": "number",
        "badge": "oracle",
        "help": (
            "Share of held-out target galaxies classified rightly; it takes target labels, which no"
            " training sees."
        ),
    },
    {
        "key": "galaxies",
        "text": "galaxies",
        "help": "How many galaxies of each domain the run was given, held-out ones included.",
    },
)
_SPLIT = "test"
_NOTE_SHOWN = 140


@dataclass(frozen=True, eq=False)
class Row:
    """A run in the folder, readable or not.

    Attributes:
        name: of its folder; what tags, notes and ticks go by.
        path: its folder.
        run: None if it is damaged.
        label: distinguished from all others; the folder's name if it is damaged.
        note: tags and note.
        reason: why it cannot be read.
        beside: whether it is one of those side by side.
    """

    name: str
    path: Path
    run: Run | None
    label: str
    note: Note = field(default_factory=Note)
    problem: str = ""
    beside: bool = False


def labels(runs: Sequence[Run]) -> list[str]:
    """The label of each run; where several have the same, with the time they were started, or the
    id if that is the same too.
    """
    own = [(run.label, str(run.info["created"])) for run in runs]
    alike, started = Counter(label for label, _ in own), Counter(own)
    found = []
    for run, (label, when) in zip(runs, own, strict=True):
        clue = when[5:19].replace("T", " ") if started[label, when] < 2 else run.id
        found.append(label if alike[label] < 2 else f"{label} · {clue}")
    return found


def collect(
    runs: Sequence[Run],
    damaged: Iterable[tuple[Path, str]],
    notes: Mapping[str, Note],
    beside: Collection[str] = (),
) -> list[Row]:
    """One row a run, newest first, then the damaged ones.

    Args:
        runs: newest first.
        damaged: folders, and why they cannot be read.
        notes: by the name of the folder.
        beside: ids of the runs that are side by side.
    """
    rows = [
        Row(
            run.path.name,
            run.path,
            run,
            label,
            notes.get(run.path.name, Note()),
            beside=_id(run) in beside,
        )
        for run, label in zip(runs, labels(runs), strict=True)
    ]
    return rows + [
        Row(path.name, path, None, path.name, notes.get(path.name, Note()), reason)
        for path, reason in damaged
    ]


def matching(rows: Sequence[Row], search: str = "", tags: Collection[str] = ()) -> list[Row]:
    """The rows that hold every word of a search somewhere, and every one of some tags."""
    words = search.casefold().split()
    return [
        row
        for row in rows
        if set(tags) <= set(row.note.tags) and all(word in _text(row) for word in words)
    ]


def in_order(rows: Sequence[Row], key: str, descending: bool = False) -> list[Row]:
    """The rows by a column; those that have nothing there come last either way, and equal ones keep
    their order.
    """
    value = _VALUES[key]
    known = [row for row in rows if value(row) is not None]
    return sorted(known, key=value, reverse=descending) + [
        row for row in rows if value(row) is None
    ]


def table_row(row: Row) -> dict[str, Any]:
    """A row as the table on the page takes it: plain text in every cell, nothing is markup."""
    name = {
        "text": row.label,
        "strong": row.beside,
        "badge": "side by side" if row.beside else "",
        "small": row.name,
    }
    tags = {"chips": list(row.note.tags), "small": _shortened(row.note.text)}
    if row.run is None:
        damage = {"text": row.problem, "span": len(COLUMNS) - 4}
        cells = [name | {"small": ""}, tags, {}, {"text": "damaged", "state": "failed"}, damage]
        return {
            "key": row.name,
            "label": f"damaged run {row.name}",
            "damaged": True,
            "cells": cells,
        }
    run, info = row.run, row.run.info
    planned = info.get("progress", {}).get("epochs") or "?"
    selected = run.selected_epoch
    cells = [
        name,
        tags,
        {"text": str(info["created"])[:16].replace("T", " ")},
        {"text": run.status, "state": run.status, "small": str(info.get("error") or "")},
        {
            "text": f"{len(run.evaluated)} of {planned}",
            "small": "" if selected is None else f"selected {selected}",
        },
        _accuracy(run, "source"),
        _accuracy(run, "target"),
        {
            "text": " + ".join(
                f"{told.get('n', '?')} {told.get('name', domain)}"
                for domain, told in info["data"].items()
            )
        },
    ]
    return {"key": row.name, "label": f"{row.label}, {row.name}", "damaged": False, "cells": cells}


def _id(run: Run) -> str:
    # Its id follows links part by part, which takes too long for hundreds of runs.
    return run.id if run.path.is_symlink() else run.path.name


def _metric(run: Run, domain: str) -> dict[str, Any]:
    entry: dict[str, Any] = (
        run.info.get("metrics", {}).get(domain, {}).get(_SPLIT, {}).get("accuracy", {})
    )
    return entry


def _value(run: Run | None, domain: str) -> float | None:
    value = None if run is None else _metric(run, domain).get("value")
    return float(value) if value is not None and isfinite(value) else None


def _accuracy(run: Run, domain: str) -> dict[str, str]:
    value, entry = _value(run, domain), _metric(run, domain)
    if value is None:
        return {"text": "–"}
    low, high = entry.get("low"), entry.get("high")
    interval = (
        f"[{low:.3f}, {high:.3f}] " if low is not None and high is not None else "no interval, "
    )
    return {"text": f"{value:.3f}", "small": f"{interval}{_SPLIT}, n = {entry.get('n', '?')}"}


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _NOTE_SHOWN else f"{text[:_NOTE_SHOWN]}…"


def _text(row: Row) -> str:
    parts = [row.name, row.label, *row.note.tags, row.note.text, row.problem]
    if row.run is None:
        parts.append("damaged")
    else:
        parts += [row.run.status, row.run.method, str(row.run.info.get("error") or "")]
        parts += [str(told.get("name", domain)) for domain, told in row.run.info["data"].items()]
    return "\n".join(parts).casefold()


_VALUES: dict[str, Callable[[Row], Any]] = {
    "run": lambda row: (
        row.run is None,
        row.run.method if row.run else "",
        row.run.seed if row.run else 0,
        row.name,
    ),
    "tags": lambda row: row.note.tags or None,
    "started": lambda row: None if row.run is None else str(row.run.info["created"]),
    "status": lambda row: "damaged" if row.run is None else row.run.status,
    "epochs": lambda row: None if row.run is None else len(row.run.evaluated),
    "source": lambda row: _value(row.run, "source"),
    "target": lambda row: _value(row.run, "target"),
    "galaxies": lambda row: (
        None
        if row.run is None
        else sum(told.get("n") or 0 for told in row.run.info["data"].values())
    ),
}
