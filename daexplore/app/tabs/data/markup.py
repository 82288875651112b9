"""Markup of the Data tab: findings, galleries, duplicates and plot cards."""

from collections.abc import Mapping
from html import escape
from typing import Any

import panel as pn

from daexplore.app.components.training.card import STYLES
from daexplore.app.core.layout import html_pane
from daexplore.app.tabs.data.preview import DomainPreview
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

__all__ = ["DATA_STYLES", "findings", "head_html", "look_html"]

DATA_STYLES = [*STYLES, INSPECT_STYLE]
"""Style sheets of the tab's panes."""

# A grid, whose columns no figure can push apart.
_CARDS = {
    "display": "grid",
    "grid-template-columns": "repeat(6, minmax(0, 1fr))",
    "grid-auto-rows": "max-content",
    "gap": "12px",
}
_PANELS = {
    "display": "grid",
    "grid-template-columns": "repeat(auto-fit, minmax(min(240px, 100%), 1fr))",
    "gap": "0 8px",
}


def head_html(inspection: Mapping[str, Any]) -> str:
    """The verdict, what else was found, and what may spoil a training; copies across splits are
    right here.
    """
    tables = inspection_tables(inspection)
    sentences = [str(sentence) for sentence in inspection["sentences"]]
    verdict = escape(sentences[0] if sentences else str(inspection["verdict"]))
    parts = [f"<p class='verdict'>{verdict}</p>", list_html(sentences[1:])]
    if inspection["warnings"]:
        parts.append(f"<div role='alert'>{list_html(inspection['warnings'], 'warnings')}</div>")
    parts.append(pairs_html(inspection["pairs"], tables["duplicates"], leak=True))
    return f"<div class='findings'>{''.join(parts)}</div>"


def look_html(look: DomainPreview | None) -> str:
    """Galleries of both domains by class, and under each name what the set is; nothing before they
    are there.
    """
    return "" if look is None else galleries_html(look.galleries, about=look.words)


def findings(inspection: Mapping[str, Any]) -> list[pn.viewable.Viewable]:
    """Plots in cards, numbers, checks and advice. Takes a second: some twenty figures are made."""
    tables = inspection_tables(inspection)
    advice = list_html(inspection["advice"], "advice")
    others = pairs_html(inspection["pairs"], tables["duplicates"], leak=False)
    account = account_html(inspection["numbers"])
    parts = [
        html_pane(
            f"<div class='section'><h2>How they differ</h2>{legend_html()}</div>", DATA_STYLES
        ),
        # A plain row: the page's theme does not reach figures that are put into a FlexBox later on.
        pn.Row(
            *map(_card, inspection_cards(tables)),
            sizing_mode="stretch_width",
            margin=0,
            styles=_CARDS,
        ),
        html_pane(
            "<div class='section'><h2>Every measured quantity</h2><div"
            f" class='wide'>{differences_html(tables['distances'])}</div></div>",
            DATA_STYLES,
        ),
        html_pane(
            "<div class='section'><h2>Copies and"
            f" splits</h2>{checks_html(tables['leakage'])}{others}</div>",
            DATA_STYLES,
        ),
        html_pane(
            "<div class='section'><h2>What was inspected</h2><div"
            f" class='wide'>{domains_html(tables['domains'])}</div></div>",
            DATA_STYLES,
        ),
    ]
    first = [
        html_pane(f"<div class='section'><h2>{title}</h2>{text}</div>", DATA_STYLES)
        for title, text in (("What to do next", advice), ("What was read", account))
        if text
    ]
    return [*first, *parts]


def _card(card: Card) -> pn.viewable.Viewable:
    oracle = " <i>oracle</i>" if card.oracle else ""
    figures = [
        pn.pane.Bokeh(fluid_figure(panel), sizing_mode="stretch_width", margin=0)
        for panel in card.panels
    ]
    return pn.Column(
        html_pane(f"<h3>{escape(card.title)}{oracle}</h3>", DATA_STYLES),
        pn.Row(*figures, sizing_mode="stretch_width", margin=0, styles=_PANELS),
        html_pane(f"<p class='summary'>{escape(card.summary)}</p>", DATA_STYLES),
        css_classes=["live-card"],
        stylesheets=DATA_STYLES,
        styles={"grid-column": f"span {card.columns}", "grid-row": f"span {card.rows}"},
        sizing_mode="stretch_width",
        margin=0,
    )
