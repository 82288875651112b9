"""Markup of the Domain distance tab: captions, verdicts and tables."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from daexplore.app.glossary.markup import explained, term
from daexplore.app.tabs.distance.tables import RunVerdict
from daexplore.app.tabs.distance.tasks import MOST, PERMUTATIONS
from daexplore.utils.html import Cell, html_table
from daexplore.views.comparison.ranking import Ranked, ranking_frames, ranking_lines
from daexplore.views.plots.distance_style import RunColours

__all__ = [
    "caption",
    "judgements_html",
    "legend_html",
    "numbers_html",
    "progress_html",
    "ranking_html",
]

_SHAPES = {
    "circle": "<circle cx='17' cy='6' r='4.5'/>",
    "square": "<path d='M13 2 H21 V10 H13 Z'/>",
    "diamond": "<path d='M17 0.5 L21.5 6 L17 11.5 L12.5 6 Z'/>",
    "inverted_triangle": "<path d='M17 11 L12 1.5 L22 1.5 Z'/>",
}
_DASHES = {"solid": "", "dashed": "6 4", "dotted": "2 3", "dotdash": "2 3 6 3"}
_BAD = ("negative transfer", "warning", "misleading")


def legend_html(runs: Sequence[str]) -> str:
    """Hue, dash and marker of each run, said once for all figures."""
    looks = RunColours(runs)
    parts = [
        f"<span><svg width='34' height='12' aria-hidden='true'><g fill='{looks.hue[run]}'"
        f" stroke='{looks.hue[run]}'>"
        f"<path d='M0 6 H34' stroke-width='2.2' stroke-dasharray='{_DASHES[looks.dash[run]]}'/>"
        f"{_SHAPES[looks.marker[run]]}</g></svg>{escape(run)}</span>"
        for run in runs
    ]
    return f"<div class='legend'>{''.join(parts)}</div>"


def judgements_html(judgements: Sequence[RunVerdict], split: str) -> str:
    """A plain sentence for each run against the first one; what rests on target labels is
    marked.
    """
    if not judgements:
        return "<p class='hint'>Select a second run to compare with the first.</p>"
    return f"<ul class='judgements'>{''.join(_judgement(each, split) for each in judgements)}</ul>"


def _judgement(judgement: RunVerdict, split: str) -> str:
    head = f"<b>{escape(judgement.run)}</b> against {escape(judgement.against)}"
    if not judgement.verdicts:
        return f"<li>{head}: <span class='hint'>{escape(judgement.note)}</span></li>"
    parts = []
    for verdict in judgement.verdicts:
        bad = " bad" if verdict.outcome in _BAD else ""
        mark = "<i>oracle</i> with target labels" if verdict.oracle else "without target labels"
        parts.append(
            f"<br><span class='outcome{bad}'>{escape(verdict.outcome)}</span> {mark}:"
            f" {escape(verdict.sentence)}"
        )
    reasons = "".join(
        f"<li>{escape(reason.text)}</li>"
        for verdict in judgement.verdicts
        for reason in verdict.reasons
    )
    one, other = judgement.seeds
    about = (
        f"Why? Selected epochs, {split} split, {one} + {other}"
        f" training{'s' if one + other > 2 else ''} of these settings"
    )
    details = f"<details><summary>{about}</summary><ul>{reasons}</ul></details>"
    return f"<li>{head}{''.join(parts)}{details}</li>"


def numbers_html(measures: pd.DataFrame, runs: Sequence[str], failures: Sequence[str]) -> str:
    """All measures of the epochs shown, a column a run."""
    told = "".join(f"<p class='hint lost'>{escape(text)}</p>" for text in failures)
    if measures.empty:
        return told or "<p class='hint'>Computing …</p>"
    keys = list(
        dict.fromkeys(zip(measures["name"], measures["kind"], measures["oracle"], strict=True))
    )
    found = measures.set_index(["name", "kind", "oracle", "run"])
    epochs = measures.drop_duplicates("run").set_index("run")["epoch"]
    head = [
        Markup("{}<br>{}").format(
            run, f"epoch {epochs[run]}" if run in epochs.index else "computing …"
        )
        for run in runs
    ]
    rows = [
        [
            Cell(Markup(_title(*key)), head=True),
            *(Markup(_cell(found, (*key, run))) for run in runs),
        ]
        for key in keys
    ]
    split = str(measures["split"].iloc[0])
    about = (
        f"{escape(split)} split; MMD²: 95% of chance, effect in standard deviations of chance,"
        " images of source + target"
    )
    caption = Markup(f"In numbers <small>{about}</small>")
    table = html_table(rows, ["", *head], css_class="numbers-by-run", caption=caption)
    return explained(f"{told}{table}")


def _title(name: str, kind: str, oracle: bool) -> str:
    if name == "class_mmd2":
        of_class = term("class-conditional MMD²", "MMD²")
        return (
            f"{of_class}, true {escape(kind)} <i>oracle</i>"
            if oracle
            else f"{of_class}, predicted {escape(kind)}"
        )
    return (
        f"{term('MMD²')}, all"
        if name == "mmd2"
        else term({"probe_auc": "domain probe AUC", "a_distance": "proxy A-distance"}[name])
    )


def _cell(found: pd.DataFrame, key: tuple[Any, ...]) -> str:
    if key not in found.index:
        return "–"
    row = found.loc[key]
    n = f"n = {row['n_source']} + {row['n_target']}"
    if not np.isfinite(row["value"]):
        return f"–<small>too few: {n}</small>"
    if key[0] in ("probe_auc", "a_distance"):
        return f"{row['value']:.3f}<small>[{row['low']:.3f}, {row['high']:.3f}], {n}</small>"
    chance = f"chance {row['null_low']:.2g} to {row['null_high']:.2g}, p = {row['p_value']:.2g}"
    value, effect = _minus(f"{row['value']:.3g}"), _minus(f"{row['effect']:+.1f}")
    return f"{value}<small>{_minus(chance)}</small><small>{effect} σ, {n}</small>"


def ranking_html(ranking: Ranked | None) -> str:
    """The methods by scores that use no target label, folded up; nothing until it is computed."""
    if ranking is None:
        return ""
    parts = []
    for title, frame in ranking_frames(ranking):
        rows = [[Cell(row[0], head=True), *row[1:]] for row in frame.to_numpy().tolist()]
        names = [str(name).replace("_", " ") for name in frame.columns]
        parts.append(html_table(rows, names, css_class="numbers-by-run", caption=title))
    lines = "".join(f"<p class='caption'>{escape(line)}</p>" for line in ranking_lines(ranking))
    head = "Which method would be chosen without target labels?"
    body = f"<div style='overflow-x: auto'>{''.join(map(str, parts))}</div>"
    return f"<details><summary>{head}</summary>{lines}{body}</details>"


def caption(
    bandwidths: Sequence[float], counts: tuple[int, int] | None, notes: Sequence[str]
) -> str:
    """How the numbers came about, as markup."""
    sizes = (
        ""
        if counts is None or max(counts) <= MOST
        else f" on at most {MOST} of {counts[0]} + {counts[1]} images a domain"
    )
    kernel = ", ".join(f"{value:g}" for value in bandwidths)
    text = (
        "MMD²: unbiased, of the whole latent in units of the source's spread, Gaussian kernels"
        f" with σ² = {kernel} in every run and epoch. Null bands: 95% of {PERMUTATIONS}"
        f" relabellings of galaxies{sizes}; a hollow marker is not significant (p > 0.05), a"
        " large one is the epoch shown. Held-out galaxies only. Accuracy: of the most probable"
        " class. Proxy A-distance: 2 (1 − 2 error) of the cross-validated linear domain probe."
    )
    return "".join(f"<p class='caption'>{escape(line)}</p>" for line in (text, *notes))


def progress_html(done: int, total: int, name: str) -> str:
    """What is being computed, or nothing."""
    if not name:
        return ""
    role = (
        f"role='progressbar' aria-label='domain distance' aria-valuemin='0' aria-valuemax='{total}'"
        f" aria-valuenow='{done}'"
    )
    bar = (
        f"<div class='bar' {role}><div style='width:"
        f" {100 * done / max(total, 1):.0f}%'></div></div>"
    )
    return f"{bar}<p class='caption'>{done} of {total} done · {escape(name)}</p>"


def _minus(text: str) -> str:
    return text.replace("-", "−")
