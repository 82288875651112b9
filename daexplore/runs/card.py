"""A run as a notebook shows it: what it is, how far it came, and its numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daexplore.notebook_html import card, interval_text, table

if TYPE_CHECKING:
    from daexplore.runs.read import Run

__all__ = ["run_card"]

_SHOWN = {"accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall"}


def run_card(run: "Run") -> str:
    """HTML with the metrics of run.json on the test split, or on validation where nothing was tested."""
    data = run.info.get("data") or {}
    sets = [
        f"{' '.join(dict.fromkeys((domain, str(about.get('name', '?')))))}, {about.get('n', '?')} images" for domain, about in data.items()
    ]
    rule = str((run.info.get("selection") or {}).get("rule", "")).replace("_", " ")
    selected = f", epoch {run.selected_epoch} selected{f' by {rule}' if rule else ''}" if run.selected_epoch else ""
    lines = (f"{run.status}, {len(run.evaluated)} epochs evaluated{selected}", "; ".join(sets), f"run {run.id}")
    rows = [_row(domain, split, found) for domain, split, found in _measured(run.info.get("metrics") or {})]
    note = ["Metrics with intervals over galaxies; oracle: target labels were used."] if rows else ["No metrics yet."]
    numbers = table(("domain", "split", "n", "labels", *_SHOWN.values()), rows)
    return card(run.label, filter(None, lines), numbers, card("", note))


def _measured(metrics: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    split = "test" if any(found.get("test") for found in metrics.values()) else "validation"
    return [(domain, split, found[split]) for domain, found in metrics.items() if found.get(split)]


def _row(domain: str, split: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    n = max(int(entry.get("n") or 0) for entry in found.values())
    oracle = any(entry.get("oracle", domain == "target") for entry in found.values())
    numbers = (found.get(name, {}) for name in _SHOWN)
    return (
        domain,
        split,
        str(n),
        "oracle" if oracle else "known",
        *(interval_text(*map(each.get, ("value", "low", "high"))) for each in numbers),
    )
