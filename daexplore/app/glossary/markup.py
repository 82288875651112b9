"""Glossary as popovers on the page and as a page of Markdown."""

import re
from collections.abc import Sequence
from html import escape

from daexplore.app.glossary.imaging import METHOD_CHAPTERS, METHOD_TERMS
from daexplore.app.glossary.statistics import STATISTIC_CHAPTERS, STATISTIC_TERMS
from daexplore.app.glossary.terms import CHAPTERS, TERMS, Term

__all__ = ["GLOSSARY", "explained", "glossary_markdown", "term", "words"]

GLOSSARY: dict[str, Term] = {
    entry.name: entry for entry in (*TERMS, *STATISTIC_TERMS, *METHOD_TERMS)
}
"""By name, in the order of the glossary."""


def term(name: str, shown: str = "") -> str:
    """A word as markup: a button that opens its meaning, which ``explained`` adds to the pane.

    The mouse opens it by resting on it, the keyboard by Enter or Space; Escape closes it.

    Args:
        name: of an entry of ``GLOSSARY``.
        shown: what is written, if not the name.
    """
    key = _key(GLOSSARY[name])
    # Of role link, so that it is not taken for a control of the same name. Browsers that do not
    # know ``interestfor`` open it by a click.
    refers = f"popovertarget='{key}' interestfor='{key}' aria-describedby='{key}'"
    return (
        f"<button type='button' role='link' class='term' {refers}>{escape(shown or name)}</button>"
    )


def explained(markup: str) -> str:
    """A pane's markup with the meaning of each word that ``term`` marks in it, out of sight at its
    end. Needs the page's style sheet.
    """
    keys = dict.fromkeys(re.findall(r"popovertarget='(term-[^']*)'", markup))
    return markup + "".join(_meaning(_BY_KEY[key]) for key in keys if f" id='{key}'" not in markup)


def words(names: Sequence[str]) -> str:
    """The line of terms below a tab, each explained; empty for a tab without any.

    Args:
        names: of entries of ``GLOSSARY``.
    """
    if not names:
        return ""
    return explained(f"<p class='spoken'>Glossary: {' · '.join(map(term, names))}</p>")


def glossary_markdown() -> str:
    """The glossary as a page of Markdown, chapter by chapter."""
    lines = [
        "# Glossary",
        "",
        "Terms of the explorer and of the reports; the explorer explains each where it is used.",
    ]
    for chapter in (*CHAPTERS, *STATISTIC_CHAPTERS, *METHOD_CHAPTERS):
        lines += ["", f"## {chapter}", ""]
        for entry in GLOSSARY.values():
            if entry.chapter == chapter:
                lines.append(_line(entry))
    return "\n".join(lines) + "\n"


def _key(entry: Term) -> str:
    return "term-" + re.sub(r"\W+", "-", entry.name.lower())


_BY_KEY = {_key(entry): entry for entry in GLOSSARY.values()}


def _meaning(entry: Term) -> str:
    formula = f"<span class='formula'>{escape(entry.formula)}</span>" if entry.formula else ""
    origin = f"<small>{escape(entry.origin)}</small>" if entry.origin else ""
    inside = f"<b>{escape(entry.name)}</b> <span>{escape(entry.meaning)}</span>{formula}{origin}"
    return f"<span popover id='{_key(entry)}' class='meaning'>{inside}</span>"


def _line(entry: Term) -> str:
    # Stars and underscores set type in Markdown: formulas are code.
    formula = f" `{entry.formula}`" if entry.formula else ""
    origin = f" ({entry.origin})" if entry.origin else ""
    return f"- **{entry.name}**: {entry.meaning}{formula}{origin}"
