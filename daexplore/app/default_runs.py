"""Runs that the explorer opens with."""

from collections.abc import Sequence
from typing import Any

from daexplore.config import DEFAULT_METHODS
from daexplore.runs import Run

__all__ = ["default_runs", "fingerprints"]


def default_runs(runs: Sequence[Run]) -> list[str]:
    """The ids to open with: the latest noDA, MMD and DANN that saw the newest run's galaxies; if
    there is none of them, the latest three.

    Args:
        runs: newest first.
    """
    usable = [run for run in runs if run.evaluated]
    if not usable:
        return []
    same_data = [run for run in usable if fingerprints(run) == fingerprints(usable[0])]
    trio = [
        next((run for run in same_data if run.method == method), None) for method in DEFAULT_METHODS
    ]
    chosen = [run for run in trio if run is not None]
    if len(chosen) < len(DEFAULT_METHODS):
        others = [run for run in same_data if run.method not in DEFAULT_METHODS]
        chosen += others[: len(DEFAULT_METHODS) - len(chosen)]
    return [run.id for run in chosen]


def fingerprints(run: Run) -> tuple[Any, Any]:
    """Which galaxies a run saw, source and target."""
    data = run.info.get("data", {})
    return data.get("source", {}).get("fingerprint"), data.get("target", {}).get("fingerprint")
