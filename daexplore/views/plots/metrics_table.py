"""Metrics and settings of several runs as tables to read."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daexplore.config import RunConfig, differences
from daexplore.domains import DOMAINS
from daexplore.notebook_html import interval_text
from daexplore.utils.text import capitalise, count_range
from daexplore.views.style import QUANTITIES, domain_title

__all__ = [
    "METRICS",
    "config_differences",
    "interval_text",
    "metrics_rows",
    "metrics_table",
    "summary_metrics",
]


METRICS = ("accuracy", "auc", "precision", "recall", "f1", "brier")


def metrics_rows(
    metrics: Mapping[str, Mapping[str, Any]], splits: Sequence[str] = ("test",)
) -> pd.DataFrame:
    """Numbers in long form, for plots and calculations.

    Args:
        metrics: for each run its ``run.json`` "metrics": domain -> split -> name -> {"value",
            "low", "high", "n"}.
        splits: which to keep.

    Returns:
        Columns run, domain, split, name, value, low, high, n, oracle; float columns are NaN where
        nothing is known.
    """
    rows = [
        {
            "run": run,
            "domain": domain,
            "split": split,
            "name": name,
            **{key: _number(entry.get(key)) for key in ("value", "low", "high")},
            "n": int(entry.get("n") or 0),
            "oracle": bool(entry.get("oracle", domain == "target")),
        }
        for run, domains in metrics.items()
        for domain in (*DOMAINS, *sorted(set(domains) - set(DOMAINS)))
        for split in splits
        for name, entry in domains.get(domain, {}).get(split, {}).items()
    ]
    return pd.DataFrame(
        rows, columns=["run", "domain", "split", "name", "value", "low", "high", "n", "oracle"]
    )


def metrics_table(
    metrics: Mapping[str, Mapping[str, Any]],
    splits: Sequence[str] = ("test",),
    names: Sequence[str] = METRICS,
    digits: int = 3,
) -> pd.DataFrame:
    """One line for each run, domain and split, with intervals; metrics that were not computed have
    no column.

    Arguments as in :func:`metrics_rows`.

    Returns:
        Columns run, domain, split, n, labels ("oracle" where target labels were used), then the
        metrics as text.
    """
    lines: list[dict[str, Any]] = []
    for (run, domain, split), rows in metrics_rows(metrics, splits).groupby(
        ["run", "domain", "split"], sort=False
    ):
        labels = "oracle" if rows["oracle"].any() else "known"
        line = {
            "run": run,
            "domain": domain,
            "split": split,
            "n": int(rows["n"].max()),
            "labels": labels,
        }
        texts = {
            row["name"]: interval_text(row["value"], row["low"], row["high"], digits)
            for row in rows.to_dict("records")
        }
        lines.append(line | {name: texts[name] for name in names if name in texts})
    columns = [
        "run",
        "domain",
        "split",
        "n",
        "labels",
        *(name for name in names if any(name in line for line in lines)),
    ]
    return pd.DataFrame(lines, columns=columns).fillna(dict.fromkeys(columns[5:], "–"))


def config_differences(configs: Mapping[str, RunConfig]) -> pd.DataFrame:
    """The settings in which the runs differ: one line a setting, one column a run, "–" where a run
    has no such setting.
    """
    table = differences(list(configs.values()))
    lines = [
        {"setting": name} | dict(zip(configs, map(_text, values), strict=True))
        for name, values in table.items()
    ]
    return pd.DataFrame(lines, columns=["setting", *configs])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _text(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def summary_metrics(
    metrics: Mapping[str, Mapping[str, Any]],
    name: str = "accuracy",
    domain: str = "target",
    split: str = "test",
) -> str:
    """One metric of all runs on one domain, each with its interval, and how many galaxies it rests
    on.

    Args:
        metrics: for each run its ``run.json`` "metrics".
        name: which metric.
        domain: on which domain.
        split: on which split.
    """
    rows = metrics_rows(metrics, (split,))
    rows = rows[(rows["name"] == name) & (rows["domain"] == domain)]
    if rows.empty:
        return f"No {QUANTITIES.get(name, name)} of the {domain} {split} galaxies is known yet."
    values = "; ".join(
        f"{row['run']} {interval_text(row['value'], row['low'], row['high'])}"
        for row in rows.to_dict("records")
    )
    return (
        f"{capitalise(QUANTITIES.get(name, name))} on {count_range(rows['n'])} {split} galaxies of"
        f" the {domain_title(domain)}: {values}."
    )
