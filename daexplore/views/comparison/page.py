"""HTML page of a comparison: offline, light and dark, printable."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from daexplore.utils.files import static_text
from daexplore.utils.html import Cell, html_table
from daexplore.views.comparison.tables import TEXT_COLUMNS, ShownTable
from daexplore.views.style import NEUTRAL

__all__ = ["comparison_html"]

_SIGNS = {
    "for": ("+", "good", "speaks for it"),
    "against": ("−", "bad", "speaks against it"),
    "warning": ("!", "doubt", "warning"),
}
_OUTCOMES = {
    "helped": "good",
    "may have helped": "good",
    "negative transfer": "bad",
    "misleading": "bad",
    "warning": "doubt",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<header>
<p class="kicker">Did it help?</p>
<h1>{title}</h1>
<p class="hint">{counts}</p>
{notes}
</header>
{verdicts}
{tables}
<footer><p>Made by <code>daexplore compare</code> from {runs}.</p></footer>
</main>
</body>
</html>
"""


def comparison_html(
    shown: Iterable[ShownTable], tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]
) -> str:
    """The comparison as a page that loads nothing from anywhere.

    Args:
        shown: from ``views.comparison.display_tables``.
        tables: those of the ``Comparison``.
        about: its ``to_dict()``.
    """
    names = [method["name"] for method in about["methods"]]
    against = f", against {about['baseline']}" if about["baseline"] and len(names) > 1 else ""
    counts = "; ".join(
        f"{n['n']} {domain} images of {n['galaxies']} galaxies"
        for domain, n in about["counts"].items()
    )
    compared = [name for name in names if not against or name != about["baseline"]]
    return _PAGE.format(
        title=escape(f"{', '.join(compared)}{against}"),
        style="".join(
            static_text("views", name) for name in ("report.css", "inspect.css", "comparison.css")
        ),
        counts=escape(
            f"{about['split'].capitalize()} split: {counts}. What used target labels is marked"
            " oracle."
        ),
        notes="".join(
            f"<ul class='warnings'><li>{escape(note)}</li></ul>" for note in about["notes"]
        ),
        verdicts=_verdicts(about["verdicts"]),
        tables="".join(_section(each, tables) for each in shown if each.name != "verdicts"),
        runs=escape(", ".join(run for method in about["methods"] for run in method["runs"])),
    )


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> str:
    methods = list(dict.fromkeys(verdict["method"] for verdict in verdicts))
    cards = []
    for method in methods:
        parts = "".join(_verdict(verdict) for verdict in verdicts if verdict["method"] == method)
        cards.append(f"<article><h3>{escape(method)}</h3>{parts}</article>")
    return (
        f"<section><h2>Verdicts</h2><div class='verdicts'>{''.join(cards)}</div></section>"
        if cards
        else ""
    )


def _verdict(verdict: Mapping[str, Any]) -> str:
    kind = "With target labels <i>oracle</i>" if verdict["oracle"] else "Without target labels"
    outcome = (
        "<span class='outcome"
        f" {_OUTCOMES.get(verdict['outcome'], 'plain')}'>{escape(verdict['outcome'])}</span>"
    )
    reasons = []
    for reason in verdict["reasons"]:
        sign, colour, words = _SIGNS.get(reason["sign"], ("·", "plain", "does not decide"))
        reasons.append(
            f"<li><b class='{colour}' title='{words}'>{sign}</b>{escape(reason['text'])}</li>"
        )
    return (
        f"<h4>{kind}</h4><p>{outcome} {escape(verdict['sentence'])}</p><ul>{''.join(reasons)}</ul>"
    )


def _section(shown: ShownTable, tables: Mapping[str, pd.DataFrame]) -> str:
    drawings = _drawings(tables["differences"]) if shown.name == "differences" else {}
    words = {*TEXT_COLUMNS, *(shown.frame.columns if shown.name == "settings" else ())}
    head = [Cell(str(name), _word(name, words)) for name in shown.frame.columns]
    rows = []
    for row in shown.frame.to_dict("records"):
        cells = []
        for name, value in row.items():
            oracle = name == "labels" and value == "oracle"
            text = Markup("<i>oracle</i>") if oracle else str(value)
            drawing = drawings.get((str(row.get("method")), str(row.get("domain")), str(name)), "")
            content = Markup("{}{}").format(text, Markup(drawing))
            cells.append(Cell(content, _word(name, words)))
        rows.append(cells)
    table = html_table(rows, head, css_class="numbers")
    return (
        f"<section><h2>{escape(shown.title)}</h2><div class='wide'>{table}</div><p"
        f" class='hint'>{escape(shown.caption)}</p></section>"
    )


def _word(name: Any, words: set[str]) -> str:
    return "word" if name in words else ""


def _drawings(differences: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """A small interval with its zero line for accuracy and AUC, all on one scale."""
    titles = {"accuracy": "accuracy", "auc": "AUC"}
    rows = differences[differences["name"].isin(list(titles)) & np.isfinite(differences["low"])]
    reach = max(float(rows[["low", "high"]].abs().to_numpy().max()), 1e-9) if len(rows) else 1.0
    return {
        (row["method"], row["domain"], titles[row["name"]]): _drawing(row, reach)
        for row in rows.to_dict("records")
    }


def _drawing(row: Mapping[Any, Any], reach: float) -> str:
    low, middle, high = (32 + 30 * float(row[name]) / reach for name in ("low", "value", "high"))
    return (
        "<svg width='64' height='14' aria-hidden='true'>"
        f"<path d='M32 0V14' stroke='{NEUTRAL}' stroke-dasharray='2 2'/>"
        f"<path d='M{low:.1f} 7H{high:.1f}' stroke='currentColor' stroke-width='1.5'/>"
        f"<circle cx='{middle:.1f}' cy='7' r='3' fill='currentColor'/></svg>"
    )
