"""The ranking without target labels, as tables and sentences."""

import json
from typing import Any, Protocol

import numpy as np
import pandas as pd

__all__ = ["Ranked", "ranking_frames", "ranking_json", "ranking_lines"]


class Ranked(Protocol):
    """What ``engine.comparison.ranking.Ranking`` has, which explains each."""

    @property
    def methods(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def epochs(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def order(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def agreement(self) -> float: ...  # noqa: D102
    @property
    def failures(self) -> dict[str, str]: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102


def ranking_frames(ranking: Ranked) -> list[tuple[str, pd.DataFrame]]:
    """Titles and tables: methods by score with their ranks, when scores mislead, and the epochs."""
    about = ranking.methods.drop_duplicates("method").set_index("method")
    first = about.iloc[0]
    on = f"{int(first['n'])} validation images of {int(first['galaxies'])} galaxies"
    return [
        (f"Methods by scores without target labels, on {on}: value (rank)", _methods(ranking)),
        (
            "When each score misleads",
            pd.DataFrame({"score": list(ranking.failures), "": list(ranking.failures.values())}),
        ),
        ("Epochs that each score would choose, in the mean over seeds", _epochs(ranking)),
    ]


def ranking_lines(ranking: Ranked) -> list[str]:
    """What follows: the order, how far the scores agree, and notes."""
    failed = list(dict.fromkeys(ranking.methods.loc[~ranking.methods["passes"], "method"]))
    passed = [name for name in ranking.order if name not in failed]
    lines = [f"By the mean rank over all scores: {', '.join(passed) or 'no method'}."]
    if failed:
        lines.append(
            f"Not ranked: {', '.join(failed)}. A network of each calls the target one class, or is"
            " no better than a constant on the source."
        )
    if np.isfinite(ranking.agreement):
        lines.append(
            f"Agreement of the scores: Kendall's W = {ranking.agreement:.2f} (1: all give this"
            " order; 0: none agree)."
        )
    lines.append("No target label was used. Only target labels can prove that a method helps.")
    return [*lines, *ranking.notes]


def ranking_json(ranking: Ranked) -> str:
    """Everything as JSON."""
    return json.dumps(
        {
            "order": list(ranking.order),
            "agreement": ranking.agreement if np.isfinite(ranking.agreement) else None,
            "failures": ranking.failures,
            "notes": list(ranking.notes),
            "methods": _records(ranking.methods),
            "epochs": _records(ranking.epochs),
        },
        indent=1,
    )


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _methods(ranking: Ranked) -> pd.DataFrame:
    rows = []
    for method in ranking.order:
        its = ranking.methods[ranking.methods["method"] == method]
        row: dict[str, str] = {"method": method, "seeds": str(int(its["seeds"].iloc[0]))}
        row["guard"] = "passes" if its["passes"].iloc[0] else "fails"
        for each in its.to_dict("records"):
            rank = f" ({each['rank']:g})" if np.isfinite(each["rank"]) else ""
            row[each["score"]] = f"{each['value']:.3f}{rank}" if np.isfinite(each["value"]) else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def _epochs(ranking: Ranked) -> pd.DataFrame:
    if ranking.epochs.empty:
        return pd.DataFrame(columns=["method"])
    table = ranking.epochs.pivot_table("epoch", "method", "score", sort=False)
    table.insert(0, "selected", ranking.epochs.groupby("method")["selected"].mean())
    return table.map(lambda value: f"{value:.0f}").reset_index()
