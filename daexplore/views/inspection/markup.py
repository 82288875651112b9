"""Markup of an inspection for the explorer and the HTML report."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from daexplore.domains import DOMAINS
from daexplore.utils.files import static_text
from daexplore.utils.html import Cell, html_table
from daexplore.views.inspection.pixels import DOMAIN_DASHES
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.style import DOMAIN_COLORS

__all__ = [
    "INSPECT_STYLE",
    "account_html",
    "checks_html",
    "differences_html",
    "domains_html",
    "galleries_html",
    "legend_html",
    "list_html",
    "pairs_html",
]

INSPECT_STYLE = static_text("views", "inspect.css")
"""Style sheet of this markup; the page around it sets ``--quiet`` and ``--line``."""

_ORACLE = " <i>oracle</i>"


def legend_html() -> str:
    """Which hue and which dash is which domain."""
    lines = {"solid": "", "dashed": " stroke-dasharray='6 4'"}
    signs = "".join(
        "<span><svg width='30' height='10' aria-hidden='true'><path d='M0 5H30'"
        f" stroke='{DOMAIN_COLORS[domain]}'"
        f" stroke-width='2.5'{lines[DOMAIN_DASHES[domain]]}/></svg>{domain},"
        f" {DOMAIN_DASHES[domain]}</span>"
        for domain in DOMAINS
    )
    return f"<div class='key'>{signs}<span>▲ △ medians</span></div>"


def account_html(numbers: Mapping[str, Any]) -> str:
    """What was read of each domain; empty for inspections of earlier versions."""
    from daexplore.data.account import Account

    parts = []
    for domain in DOMAINS:
        told = (numbers.get(domain) or {}).get("account")
        if told:
            lines = "".join(f"<li>{escape(line)}</li>" for line in Account.from_json(told).lines())
            parts.append(f"<h3>{domain}</h3><ul class='account'>{lines}</ul>")
    return "".join(parts)


def list_html(sentences: Iterable[str], kind: str = "found") -> str:
    """Sentences as a list; nothing if there are none."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul class='{kind}'>{items}</ul>" if items else ""


def domains_html(domains: pd.DataFrame) -> str:
    """What the two sets are: sizes, bands, scales.

    Args:
        domains: columns domain, name, images, used, galaxies, groups_known, bands, height, width,
            pixel_scale, nanojansky.
    """
    head = ("", "name", "images", "measured", "galaxies", "bands", "pixels", "scale")
    rows = [_domain_row(row) for row in domains.to_dict("records")]
    return html_table(rows, head, css_class="numbers")


def galleries_html(
    galleries: Iterable[Mapping[str, Any]], about: Mapping[str, str] | None = None
) -> str:
    """Galaxies of each domain side by side, class by class.

    Args:
        galleries: domain, label, n, total, png (data URI), oracle; as in an inspection's JSON.
        about: what is beside each domain's name.
    """
    galleries = list(galleries)
    sections = []
    for domain in DOMAINS:
        figures = "".join(_gallery(gallery) for gallery in galleries if gallery["domain"] == domain)
        mark = (
            f"<span style='color:{DOMAIN_COLORS[domain]}'"
            f" aria-hidden='true'>{'■' if domain == 'source' else '□'}</span>"
        )
        words = f" <small>{escape(about[domain])}</small>" if about else ""
        sections.append(
            f"<section aria-label='{domain} galaxies'><h3>{mark}"
            f" {domain.capitalize()}{words}</h3>{figures}</section>"
        )
    return f"<div class='domains'>{''.join(sections)}</div>"


def pairs_html(
    pairs: Iterable[Mapping[str, Any]], duplicates: pd.DataFrame, leak: bool | None = None
) -> str:
    """Near-duplicates as pairs of images, and the second once more, turned so that it is oriented
    like the first.

    Args:
        pairs: sample_id_a, sample_id_b, png_a, png_b (data URIs).
        duplicates: columns sample_id_a, sample_id_b, domain_a, domain_b, split_a, split_b,
            similarity, angle, mirrored, leak.
        leak: only those in different splits, or only the others; None takes all.
    """
    known = {(row["sample_id_a"], row["sample_id_b"]): row for row in duplicates.to_dict("records")}
    found = [(pair, known[pair["sample_id_a"], pair["sample_id_b"]]) for pair in pairs]
    figures = "".join(
        _pair(pair, row) for pair, row in found if leak is None or bool(row["leak"]) == leak
    )
    return f"<div class='pairs'>{figures}</div>" if figures else ""


def differences_html(distances: pd.DataFrame) -> str:
    """Every measured quantity with its medians, the change and the distance, most different first.

    Args:
        distances: columns label, band, unit, scale, source, target, change, change_low,
            change_high, ks, ks_low, ks_high, chance.
    """
    names = (
        "quantity",
        "band",
        "source median",
        "target median",
        "change",
        "KS distance",
        "by chance",
    )
    rows = [_difference_row(row) for row in distances.to_dict("records")]
    return html_table(rows, names, css_class="numbers")


def checks_html(leakage: pd.DataFrame) -> str:
    """What was checked about splits and copies, and what came of it.

    Args:
        leakage: columns count, problem, words.
    """
    rows = leakage.to_dict("records")
    items = "".join(
        f"<li class='{'bad' if row['problem'] else 'good'}'>{escape(str(row['words']))}</li>"
        for row in rows
    )
    return f"<ul class='checks'>{items}</ul>" if items else ""


def _domain_row(row: Mapping[Any, Any]) -> list[Any]:
    domain = str(row["domain"])
    scale = f"{float(row['pixel_scale']):.3g}″ a pixel" if _known(row["pixel_scale"]) else "unknown"
    galaxies = (
        f"{int(row['galaxies'])}"
        if row["groups_known"]
        else f"{int(row['galaxies'])}, if no two images show the same"
    )
    cells = (
        str(row["name"]),
        f"{int(row['images'])}",
        f"{int(row['used'])}",
        galaxies,
        str(row["bands"]),
        f"{int(row['height'])} × {int(row['width'])}",
        scale + (", fluxes in nJy" if row["nanojansky"] else ""),
    )
    mark = (
        f"<span style='color:{DOMAIN_COLORS[domain]}'"
        f" aria-hidden='true'>{'■' if domain == 'source' else '□'}</span>"
    )
    return [Cell(Markup(f"{mark} {domain}"), head=True), *cells]


def _gallery(gallery: Mapping[str, Any]) -> str:
    label, n, total = escape(str(gallery["label"])), int(gallery["n"]), gallery["total"]
    alt = f"{n} images of the class {label} in the {gallery['domain']} domain"
    caption = (
        f"{label}{_ORACLE if gallery.get('oracle') else ''}"
        f" <span>{f'{n} of {total}' if total else f'{n} shown'}</span>"
    )
    image = f"<img src='{gallery['png']}' alt='{alt}'>"
    return f"<figure><figcaption>{caption}</figcaption>{image}</figure>"


def _pair(pair: Mapping[str, Any], row: Mapping[Any, Any]) -> str:
    angle, mirrored = round(row["angle"] or 0), bool(row["mirrored"])
    # CSS turns clockwise, and applies the last transform first.
    turn = f"rotate({-angle}deg){' scaleX(-1)' if mirrored else ''}"
    turned = (
        " and ".join(
            [*(["mirrored"] if mirrored else []), *([f"turned by {angle}°"] if angle else [])]
        )
        or "as it is"
    )
    images = "".join(_tile(pair, row, side) for side in "ab")
    again = (
        f"<figure><span><img src='{pair['png_b']}' alt='the second image {turned}'"
        f" style='transform: {turn}'></span><figcaption>the second, {turned}</figcaption></figure>"
    )
    kind = (
        "<i class='bad'>leak?</i> alike in different splits" if row["leak"] else "near-duplicates"
    )
    where = f"{kind}, similarity {float(row['similarity']):.3f}"
    return (
        "<div"
        f" class='pair'><p>{where}</p><div>{images}{again if angle or mirrored else ''}</div></div>"
    )


def _tile(pair: Mapping[str, Any], row: Mapping[Any, Any], side: str) -> str:
    name = escape(str(pair[f"sample_id_{side}"]))
    place = ", ".join(
        str(value) for value in (row[f"domain_{side}"], row[f"split_{side}"]) if value
    )
    return (
        f"<figure><img src='{pair[f'png_{side}']}' alt='galaxy"
        f" {name}'><figcaption><b>{name}</b><br>{escape(place)}</figcaption></figure>"
    )


def _difference_row(row: Mapping[Any, Any]) -> list[Any]:
    unit = f" [{row['unit']}]" if row["unit"] else ""
    beyond = _known(row["ks"]) and _known(row["chance"]) and float(row["ks"]) > float(row["chance"])
    sign = "×" if row["scale"] == "log" else ""
    change = [
        float(row[name]) if _known(row[name]) else None
        for name in ("change", "change_low", "change_high")
    ]
    texts = [f"{value:.3g}" if value is not None else "–" for value in change]
    ks, low, high = (
        float(row[name]) if _known(row[name]) else None for name in ("ks", "ks_low", "ks_high")
    )
    distance = interval_text(ks, low, high, digits=2)
    cells = (
        str(row["band"]),
        *(f"{float(row[name]):.3g}" if _known(row[name]) else "–" for name in DOMAINS),
        Markup(f"{sign}{texts[0]} <small>[{texts[1]}, {texts[2]}]</small>"),
        Markup(f"<b>{distance}</b>") if beyond else distance,
        f"{float(row['chance']):.2f}" if _known(row["chance"]) else "–",
    )
    return [Cell(f"{row['label']}{unit}", head=True), *cells]


def _known(value: Any) -> bool:
    return value is not None and bool(np.isfinite(float(value)))
