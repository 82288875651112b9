"""Markup of the Flips tab: outcome groups, flip rates and a page of the table."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd
from markupsafe import Markup

from daexplore.app.components.clickable import click_payload
from daexplore.app.glossary.markup import explained, term
from daexplore.app.results.outcomes import PAGE as PILE
from daexplore.app.results.outcomes import OutcomeGroup, PredictionChanges
from daexplore.app.results.seed_variability import FlipRate, verdict
from daexplore.app.tabs.flips.table import PAGE
from daexplore.app.theme import STYLE
from daexplore.utils.files import static_text
from daexplore.utils.html import Cell, html_table

__all__ = ["FLIPS_STYLES", "pile_html", "rates_html", "table_html"]

FLIPS_STYLES = [STYLE, static_text("app", "flips.css")]


def pile_html(
    found: PredictionChanges,
    pile: OutcomeGroup,
    place: int,
    page: int,
    picture: Callable[[str], str | None],
    problem: str = "",
) -> str:
    """A page of a pile: images with id, true class and what each run says.

    Args:
        found: the galaxies.
        pile: of them.
        place: of the pile among the piles.
        page: number, from 0.
        picture: a galaxy's image as a data URI, None if there is none yet.
        problem: why there are no images, if so.
    """
    page, rows = pile.page(page)
    total = len(pile.rows)
    start = page * PILE
    count = f"{len(rows)} shown of {total}" + (
        f", {start + 1} to {start + len(rows)}" if total > len(rows) else ""
    )
    oracle = " <i>oracle</i>" if found.oracle else ""
    name = escape(pile.name)
    turn = "".join(
        f"<button class='turn' {click_payload('page', place, page + step)} data-key='{word}'"
        f" aria-label='{name}: {word} galaxies'{'' if possible else ' disabled'}>{sign}</button>"
        for step, word, sign, possible in (
            (-1, "previous", "‹", page > 0),
            (1, "next", "›", start + len(rows) < total),
        )
    )
    cells = "".join(_cell(found, int(row), picture, problem) for row in rows)
    body = f"<div class='cells'>{cells}</div>" if cells else "<p class='hint'>None.</p>"
    return (
        f"<section aria-label='{name}'><div class='pile-head'><h3>{name} <b"
        f" class='pile-count'>{total}</b></h3><span>{escape(pile.meaning)}{oracle}</span><span"
        f" class='shown'>{count}</span>{turn}</div>{body}</section>"
    )


def rates_html(found: PredictionChanges, rates: Sequence[FlipRate] | None) -> str:
    """How many change between runs, and beside it how many between seeds, as markup; None while
    that is computed.
    """
    what = "change between right and wrong" if found.by == "truth" else "change class"
    oracle = " <i>oracle</i>" if found.oracle else ""
    share = (
        f"Share of {found.split} {found.domain} galaxies that {what}{oracle}, 95% interval over"
        " galaxies."
    )
    head = f"<h3>More than {term('seed noise')}?</h3><p class='hint'>{share}</p>"
    if rates is None:
        return explained(f"{head}<p class='hint'>computing …</p>")
    most = max((rate.high for rate in rates if math.isfinite(rate.high)), default=1.0) or 1.0
    runs = [_rate(rate, found, most) for rate in rates if not rate.seeds]
    seeds = [_rate(rate, found, most) for rate in rates if rate.seeds]
    between_runs = Markup("Between runs <small>what adaptation moves</small>")
    between_seeds = Markup("Between seeds <small>the control: what another training moves</small>")
    return explained(
        f"{head}{html_table(runs or [_ALONE], css_class='rates', caption=between_runs)}"
        f"{html_table(seeds, css_class='rates', caption=between_seeds)}"
        f"<p class='told'>{escape(verdict(rates))}</p>"
    )


def table_html(
    table: pd.DataFrame,
    page: int,
    pages: int,
    total: int,
    order: str,
    descending: bool,
    oracle: bool,
) -> str:
    """A page of the table. Its headings are buttons that sort it; a galaxy's id is a button that
    chooses it.

    Args:
        table: the lines shown.
        page: number, from 0.
        pages: how many there are.
        total: lines of the whole table.
        order: column it is sorted by, if any.
        descending: whether the largest comes first.
        oracle: whether the true classes are the oracle's.
    """
    if not total:
        return "<p class='hint'>No galaxy flips between the runs on screen.</p>"
    heads = [
        _head(str(column), i, order, descending, oracle) for i, column in enumerate(table.columns)
    ]
    lines = [
        [_field(value, i == 0) for i, value in enumerate(line)]
        for line in table.itertuples(index=False)
    ]
    first = page * PAGE
    turn = "".join(
        f"<button class='turn' {click_payload('table', number)} data-key='{word}'"
        f" aria-label='table: {word} page'{'' if possible else ' disabled'}>{sign}</button>"
        for number, word, sign, possible in (
            (0, "first", "«", page > 0),
            (page - 1, "previous", "‹", page > 0),
            (page + 1, "next", "›", page + 1 < pages),
            (pages - 1, "last", "»", page + 1 < pages),
        )
    )
    return (
        "<div class='wide' tabindex='0' role='region' aria-label='table of flipped"
        f" galaxies'>{html_table(lines, heads, css_class='flips')}</div><div"
        f" class='pile-head'><span class='shown'>{len(table)} shown of {total}, {first + 1} to"
        f" {first + len(table)}</span>{turn}</div>"
    )


_ALONE = [Cell("Select a second run above to see which predictions change.", "hint")]


def _cell(
    found: PredictionChanges, row: int, picture: Callable[[str], str | None], problem: str
) -> str:
    sample_id, label = str(found.sample_ids[row]), int(found.labels[row])
    shown = escape(sample_id, quote=True)
    image = picture(sample_id)
    seen = (
        f"<img alt='{shown}, {found.domain}' src='{image}'>"
        if image
        else f"<span class='blank'>{'no image' if problem else '…'}</span>"
    )
    oracle = " <i>oracle</i>" if found.domain == "target" else ""
    truth = f"is {escape(found.classes[label])}{oracle}" if label >= 0 else "unlabelled"
    lines = "".join(
        "<span"
        f" class='p'><span>{escape(name)}</span><b>{found.probability[place, row]:.2f}</b></span>"
        for place, name in enumerate(found.names)
    )
    return (
        f"<button class='cell' {click_payload('galaxy', sample_id)} data-galaxy='{shown}'"
        f" data-key='{shown}' aria-pressed='false' title='{shown}'>{seen}<span"
        f" class='id'><bdi>{shown}</bdi></span><span class='truth'>{truth}</span>{lines}</button>"
    )


def _rate(rate: FlipRate, found: PredictionChanges, most: float) -> list[Any]:
    name = escape(rate.name)
    if not rate.pairs:
        lone = (
            f"<details><summary><b>{name}</b> has no second seed here. Train one to know what"
            " chance alone moves</summary><code"
            f" class='command'>{escape(rate.command)}</code></details>"
        )
        return [Cell(Markup(lone), "lone", span=2)]
    if not math.isfinite(rate.value):
        return [rate.name, "no galaxy in common"]
    bar = (
        f"<div class='rate-bar {'seeds' if rate.seeds else 'runs'}' style='width:"
        f" {100 * rate.value / most:.1f}%'></div>"
    )
    number = f"<b>{rate.value:.1%}</b> <small>[{rate.low:.1%}, {rate.high:.1%}]</small>"
    if rate.seeds:
        spread = f", {rate.least:.1%} to {rate.most:.1%}" if rate.pairs > 1 else ""
        note = f"{rate.pairs} seed pair{'s' if rate.pairs > 1 else ''}{spread}, n = {rate.n}"
    elif found.by == "truth":
        note = (
            f"{rate.up} fixed, {rate.down} broken, n = {rate.n}<br>McNemar over galaxies:"
            f" {_p(rate.p)}"
        )
    else:
        note = f"{round(rate.value * rate.n)} of n = {rate.n}"
    return [Markup(f"{name}{bar}"), Markup(f"{number}<small>{note}</small>")]


def _p(value: float) -> str:
    return "p &lt; 0.001" if value < 0.001 else f"p = {value:.3f}"


def _head(column: str, place: int, order: str, descending: bool, oracle: bool) -> Cell:
    sorted_by = column == order
    state = "descending" if sorted_by and descending else "ascending" if sorted_by else "none"
    sign = {
        "ascending": "<span aria-hidden='true'> ▲</span>",
        "descending": "<span aria-hidden='true'> ▼</span>",
        "none": "",
    }[state]
    mark = " <i>oracle</i>" if oracle and column == "true class" else ""
    title = f"sort by {escape(column, quote=True)}"
    button = f"<button {click_payload('sort', column)} data-key='sort-{place}' title='{title}'>"
    return Cell(Markup(f"{button}{escape(column)}{mark}{sign}</button>"), sort=state)


def _field(value: Any, is_id: bool) -> Any:
    if is_id:
        shown = escape(str(value), quote=True)
        about = f"data-galaxy='{shown}' data-key='row-{shown}' aria-pressed='false'"
        return Markup(f"<button {click_payload('galaxy', str(value))} {about}>{shown}</button>")
    return _text(value)


def _text(value: Any) -> str:
    if pd.isna(value):
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"
