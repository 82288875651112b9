"""Comparison tables for reading, with captions, and as CSV and JSON."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from daexplore.views.plots.metrics_table import interval_text

__all__ = [
    "TABLES",
    "TEXT_COLUMNS",
    "ShownTable",
    "comparison_csv",
    "comparison_json",
    "display_tables",
    "plain_rows",
    "verdict_table",
]

TEXT_COLUMNS = {
    "method",
    "domain",
    "labels",
    "class",
    "setting",
    "without target labels",
    "oracle",
    "only shares differ",
    "classes",
}
"""Columns of words, set to the left; all others hold numbers."""

TABLES = ("metrics", "differences", "flips", "drift", "shares", "gap", "settings")
"""The tables of a comparison, in the order in which they are read."""

_SHOWN = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "brier": "Brier",
}


@dataclass(frozen=True, eq=False)
class ShownTable:
    """A table to read.

    Attributes:
        name: one of ``TABLES``, or "verdicts" or "distances".
        title: for a heading.
        caption: what its numbers are, and on what they rest.
        frame: text in every cell.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame


def display_tables(
    tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]
) -> list[ShownTable]:
    """The tables that have something to say, as text.

    Args:
        tables: those of a ``Comparison``, by name.
        about: its ``to_dict()``.
    """
    split, level, base = about["split"], f"{about['level']:.0%}", about["baseline"]
    counts = "; ".join(
        f"{name}: {found['n']} images of {found['galaxies']} galaxies"
        for name, found in about["counts"].items()
    )
    where = f"{split.capitalize()} split, {counts}."
    sure = (
        f"{level} intervals over galaxies (the same for all methods) and, from two seeds on, over"
        " seeds; not widened for many methods."
    )
    oracle = 'Rows marked "oracle" used target labels.'
    every = (
        (
            "verdicts",
            "Did it help?",
            f"Against {base}. The first verdict uses no target label, the second is the oracle's.",
            verdict_table(about),
        ),
        (
            "metrics",
            "Methods",
            f"Mean over seeds at each run's selected epoch. {where} {sure} {oracle}",
            _numbers(tables["metrics"]),
        ),
        (
            "differences",
            f"Difference from {base}",
            f"Method minus {base} on the same galaxies. {where} {sure} {oracle}",
            _numbers(tables["differences"], signed=True),
        ),
        (
            "distances",
            "Distance between the domains",
            (
                "Unbiased MMD² of the latents, of all galaxies and class by class, as predicted"
                " without labels or as labelled (oracle); AUC of a linear domain probe (0.5: cannot"
                " be separated). {where} {sure}"
            ),
            _distances(tables["metrics"]),
        ),
        (
            "flips",
            f"Fixed and broken since {base}",
            (
                f"Images, in the mean over pairs of networks. {where} p of McNemar's test with"
                " galaxies as units, for these networks: exact on the sign of each galaxy, and"
                f" cluster-adjusted (Durkalski et al. 2003). {oracle}"
            ),
            _flips(tables["flips"]),
        ),
        (
            "drift",
            "Images that change class",
            (
                f"Share predicted differently than by {base}, compared with two seeds of one"
                " method; excess is beyond the mean of both methods' seeds. Kappa: Fleiss (1971),"
                f" seeds as raters. Ranks: Spearman correlation of probabilities. {where} No class"
                " labels are used."
            ),
            _drift(tables["drift"]),
        ),
        (
            "shares",
            "Classes in the target",
            (
                "Share predicted, and share estimated without target labels by BBSE (Lipton et al."
                " 2018) and EM (Saerens et al. 2002) from source validation: right if only the"
                f" shares differ between the domains. {where} {oracle}"
            ),
            _shares(tables["shares"]),
        ),
        (
            "gap",
            "Share of the oracle gap closed",
            (
                f"(method − {base}) / (oracle − {base}) on the target. {where} {sure} All of it is"
                " oracle."
            ),
            _gap(tables["gap"]),
        ),
        (
            "settings",
            "What differs between their settings",
            "Apart from the seed.",
            _settings(tables["settings"]),
        ),
    )
    return [ShownTable(*each) for each in every if len(each[3])]


def verdict_table(about: Mapping[str, Any]) -> pd.DataFrame:
    """One line a method: what can be said without target labels, and what the oracle says."""
    lines: dict[str, dict[str, str]] = {}
    for verdict in about["verdicts"]:
        line = lines.setdefault(
            verdict["method"],
            {"method": verdict["method"], "without target labels": "–", "oracle": "–"},
        )
        line["oracle" if verdict["oracle"] else "without target labels"] = verdict["outcome"]
    return pd.DataFrame(list(lines.values()), columns=["method", "without target labels", "oracle"])


def comparison_csv(tables: Mapping[str, pd.DataFrame], name: str) -> str:
    """One table in full precision, one line a number."""
    return str(tables[name].to_csv(index=False))


def comparison_json(
    tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any], names: Iterable[str] = TABLES
) -> str:
    """The comparison with its tables as lists of records; what is undefined is null."""
    whole = {**about, **{name: plain_rows(tables[name]) for name in names}}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of a table as JSON types."""
    return [
        {str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")
    ]


def _numbers(table: pd.DataFrame, signed: bool = False) -> pd.DataFrame:
    """One line a method and domain, the quantities side by side."""
    lines = []
    for (method, domain), rows in table.groupby(["method", "domain"], sort=False):
        rows = rows[rows["name"].isin(list(_SHOWN)) & (rows["domain"] != "both")]
        if rows.empty:
            continue
        line = {
            "method": method,
            "domain": domain,
            "seeds": str(rows["seeds"].max()),
            "n": str(rows["n"].max()),
            "labels": _labels(rows, domain),
        }
        found = {row["name"]: _interval(row, signed) for row in rows.to_dict("records")}
        lines.append(line | {title: found.get(name, "–") for name, title in _SHOWN.items()})
    frame = pd.DataFrame(
        lines, columns=["method", "domain", "seeds", "n", "labels", *_SHOWN.values()]
    )
    return frame[
        [name for name in frame if name not in _SHOWN.values() or (frame[name] != "–").any()]
    ]


def _distances(table: pd.DataFrame) -> pd.DataFrame:
    """Two lines a method: classes as predicted, and classes as labelled."""
    lines = []
    for method, rows in table[table["domain"] == "both"].groupby("method", sort=False):
        found = {row["name"]: row for row in rows.to_dict("records")}
        kinds = list(dict.fromkeys(name.partition("/")[2] for name in found if "/" in name))
        for way in ("predicted", "true"):
            its = {kind: found.get(f"mmd2_{way}/{kind}") for kind in kinds}
            known = [row for row in its.values() if row is not None]
            if not known:
                continue
            labels = "oracle" if any(row["oracle"] for row in known) else "none"
            line = {
                "method": method,
                "classes": "as predicted" if way == "predicted" else "as labelled",
                "labels": labels,
            }
            line |= {
                "n": str(max(row["n"] for row in known)),
                "MMD²": _interval(found["mmd2"], signed=False),
            }
            line |= {
                f"MMD² {kind}": "–" if row is None else _interval(row, signed=False)
                for kind, row in its.items()
            }
            lines.append(line | {"domain probe AUC": _interval(found["domain_auc"], signed=False)})
    return pd.DataFrame(lines).fillna("–")


def _labels(rows: pd.DataFrame, domain: Any) -> str:
    return "oracle" if rows["oracle"].any() else "known" if domain == "source" else "none"


def _flips(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "method": row["method"],
                "domain": row["domain"],
                "n": str(row["n"]),
                "labels": "oracle" if row["oracle"] else "known",
                **{name: f"{row[name]:.0f}" for name in ("fixed", "broken", "right", "wrong")},
                "p (exact)": _p(row["p_exact"]),
                "p (grouped)": _p(row["p_grouped"]),
            }
            for row in table.to_dict("records")
        ]
    )


def _drift(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "method": row["method"],
                "domain": row["domain"],
                "n": str(row["n"]),
                "labels": "oracle" if row["oracle"] else "none",
                "changed": _share(row, "changed"),
                "between seeds": _percent(row["seeds_changed"]),
                "excess": _share(row, "excess"),
                "kappa between seeds": interval_text(
                    row["seeds_kappa"], row["seeds_kappa_low"], row["seeds_kappa_high"], digits=2
                ),
                "ranks": interval_text(row["rank"], digits=2),
                "ranks between seeds": interval_text(row["seeds_rank"], digits=2),
            }
            for row in table.to_dict("records")
        ]
    )


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    labelled = {
        row["class"]: row for row in table[table["estimate"] == "labels"].to_dict("records")
    }
    for (method, kind), rows in table[table["estimate"] != "labels"].groupby(
        ["method", "class"], sort=False
    ):
        found = {
            row["estimate"]: _share(row, "value", "low", "high") for row in rows.to_dict("records")
        }
        line = {
            "method": method,
            "class": kind,
            "n": str(rows["n"].max()),
            "labels": "oracle" if rows["oracle"].any() else "none",
        }
        line |= {
            "called": found.get("predicted", "–"),
            "BBSE": found.get("bbse", "–"),
            "EM": found.get("em", "–"),
        }
        line["only shares differ"] = "possible" if rows["possible"].all() else "impossible"
        if labelled:
            line["labels (oracle)"] = _percent(labelled[kind]["value"])
        lines.append(line)
    return pd.DataFrame(lines)


def _gap(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for method, rows in table.groupby("method", sort=False):
        found = {
            row["name"]: _share(row, "value", "low", "high") for row in rows.to_dict("records")
        }
        line = {
            "method": method,
            "seeds": str(rows["seeds"].max()),
            "n": str(rows["n"].max()),
            "labels": "oracle",
        }
        lines.append(
            line
            | {
                _SHOWN[name]: found.get(name, "–")
                for name in ("accuracy", "balanced_accuracy", "auc")
            }
        )
    return pd.DataFrame(lines)


def _settings(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.astype(object)
    for name in shown:
        shown[name] = [_setting(value) for value in shown[name]]
    return shown


def _setting(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _interval(row: Mapping[Any, Any], signed: bool) -> str:
    digits = 4 if row["name"].startswith("mmd2") else 3
    return interval_text(row["value"], row["low"], row["high"], digits, sign="+" if signed else "")


def _share(row: Mapping[Any, Any], value: str, low: str = "", high: str = "") -> str:
    middle, ends = row[value], (row[low or f"{value}_low"], row[high or f"{value}_high"])
    if not np.isfinite(middle):
        return "–"
    return _percent(middle) + (
        f" [{_percent(ends[0])}, {_percent(ends[1])}]" if np.isfinite(ends).all() else ""
    )


def _percent(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "–"


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
