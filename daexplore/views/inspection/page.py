"""HTML report of an inspection: offline, light and dark, printable."""

from collections.abc import Mapping
from html import escape
from typing import Any

from daexplore.domains import DOMAINS
from daexplore.utils.files import static_text
from daexplore.views.inspection.cards import Card, fluid_figure, inspection_cards
from daexplore.views.inspection.markup import (
    INSPECT_STYLE,
    account_html,
    checks_html,
    differences_html,
    domains_html,
    galleries_html,
    legend_html,
    list_html,
    pairs_html,
)
from daexplore.views.inspection.pixels import inspection_tables

__all__ = ["inspection_html"]


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
{library}
</head>
<body>
<main>
<header>
<p class="kicker">How far apart are these domains, and in what?</p>
<h1>{headline}</h1>
{found}
{domains}
</header>
{warnings}
{account}
<section><h2>The galaxies</h2>
<p class="hint">Drawn at random from each class, each image on its own scale.</p>
{galleries}</section>
<section><h2>How they differ</h2>
{key}
<div class="cards">{cards}</div></section>
<section><h2>Every measured quantity</h2>
<div class="wide">{differences}</div>
<p class="hint">Intervals are 95%, over galaxies.
Distances in bold exceed what two samples of one population show by chance.</p>
</section>
<section><h2>Copies and splits</h2>
{checks}
{pairs}</section>
{advice}
<footer>{footer}</footer>
</main>
{script}
<script>{behaviour}</script>
</body>
</html>
"""


def inspection_html(inspection: Mapping[str, Any]) -> str:
    """The whole inspection as a page that loads nothing from anywhere.

    Args:
        inspection: what ``daexplore inspect --json`` wrote.
    """
    from bokeh.embed import components

    tables = inspection_tables(inspection)
    cards = inspection_cards(tables)
    panels = [fluid_figure(panel) for card in cards for panel in card.panels]
    script, places = components(tuple(panels)) if panels else ("", ())
    waiting = iter(places)
    sentences = [str(sentence) for sentence in inspection["sentences"]]
    headline = sentences[0] if sentences else str(inspection["verdict"])
    return _PAGE.format(
        title=escape(_title(inspection)),
        style=static_text("views", "report.css") + INSPECT_STYLE,
        library=_library() if panels else "",
        headline=escape(headline),
        found=list_html(sentences[1:]),
        domains=f"<div class='wide'>{domains_html(tables['domains'])}</div>",
        warnings=_section(
            "What may spoil the result", list_html(inspection["warnings"], "warnings")
        ),
        account=_section("What was read", account_html(inspection["numbers"])),
        galleries=galleries_html(inspection["walls"]),
        key=legend_html(),
        cards="".join(
            _card(card, "".join(f"<div>{next(waiting)}</div>" for _ in card.panels))
            for card in cards
        ),
        differences=differences_html(tables["distances"]),
        checks=checks_html(tables["leakage"]),
        pairs=pairs_html(inspection["pairs"], tables["duplicates"]),
        advice=_section("What to do next", list_html(inspection["advice"], "advice")),
        footer=_footer(inspection),
        script=script,
        behaviour=static_text("views", "report.js"),
    )


def _library() -> str:
    """Bokeh's core: widgets, tables and formulas are not used, and weigh as much again."""
    from bokeh.resources import Resources

    # Not ``render``: once Panel is imported, that also names files which only its server has.
    return "".join(
        f"<script>{code}</script>" for code in Resources(mode="inline", components=["bokeh"]).js_raw
    )


def _card(card: Card, drawings: str) -> str:
    oracle = " <i>oracle</i>" if card.oracle else ""
    name = escape(card.title)
    picture = (
        "<div class='panels' role='img'"
        f" aria-label='{escape(card.summary, quote=True)}'>{drawings}</div>"
        if drawings
        else ""
    )
    head = (
        f"<article style='--columns: {card.columns}; --rows: {card.rows}'><h3>{name}{oracle}</h3>"
    )
    return f"{head}{picture}<p class='summary'>{escape(card.summary)}</p></article>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _title(inspection: Mapping[str, Any]) -> str:
    names = [str(inspection["numbers"][domain]["name"]) for domain in DOMAINS]
    return f"{names[0]} and {names[1]}: {inspection['verdict']}"


def _footer(inspection: Mapping[str, Any]) -> str:
    numbers = inspection["numbers"]
    parts = []
    for domain in DOMAINS:
        about = numbers[domain]
        where = f" in {escape(str(about['path']))}" if about.get("path") else ""
        parts.append(
            f"{domain} {escape(str(about['name']))}{where}, fingerprint"
            f" {escape(str(about['fingerprint']))}"
        )
    return (
        f"<p>Made by <code>daexplore inspect</code>. {'; '.join(parts)}; seed"
        f" {numbers.get('seed')}.</p>"
    )
