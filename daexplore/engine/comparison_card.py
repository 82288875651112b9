"""A comparison as a notebook shows it: did it help, and by how much."""

from typing import TYPE_CHECKING

import pandas as pd

from daexplore.notebook_html import card, interval_text, table

if TYPE_CHECKING:
    from daexplore.engine.comparison import Comparison

__all__ = ["comparison_card"]

_SHOWN = {"accuracy": "accuracy", "auc": "AUC", "brier": "Brier"}


def comparison_card(comparison: "Comparison") -> str:
    """HTML with the verdicts and each method's difference from the baseline; with the methods' own numbers where there is no baseline."""
    about, base = comparison.to_dict(), comparison.baseline
    methods = ", ".join(f"{method.name} × {len(method.runs)}" for method in comparison.methods if method is not base)
    against = f"{base.name} × {len(base.runs)}" if base else ""
    counts = "; ".join(f"{domain}: {found['n']} images of {found['galaxies']} galaxies" for domain, found in about["counts"].items())
    verdicts = table(
        ("method", "target labels", "did it help?", ""),
        [(each.method, "oracle" if each.oracle else "not used", each.outcome, each.sentence) for each in comparison.verdicts],
    )
    differs = base is not None and len(comparison.differences) > 0
    what = f"Method minus {base.name}, on the same galaxies" if base and differs else "Mean over seeds"
    note = f"{what}; {comparison.level:.0%} intervals over galaxies and, from two seeds on, over seeds. oracle: target labels were used."
    lines = [f"{about['split']} split, {counts}", *comparison.notes]
    title = f"{methods} against {against}" if methods and against else methods or against
    return card(
        title,
        lines,
        verdicts,
        _numbers(comparison.differences if differs else comparison.metrics, "+" if differs else ""),
        card("", [note]),
    )


def _numbers(found: pd.DataFrame, sign: str) -> str:
    rows = []
    for (method, domain), part in found[found["name"].isin(list(_SHOWN)) & (found["domain"] != "both")].groupby(
        ["method", "domain"], sort=False
    ):
        its = {row["name"]: interval_text(row["value"], row["low"], row["high"], sign=sign) for row in part.to_dict("records")}
        labels = "oracle" if part["oracle"].any() else "known"
        rows.append((str(method), str(domain), str(part["n"].max()), labels, *(its.get(name, "–") for name in _SHOWN)))
    return table(("method", "domain", "n", "labels", *_SHOWN.values()), rows)
