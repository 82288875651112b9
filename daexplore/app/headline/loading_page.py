"""Overlay shown until the page has rendered: the headline in plain HTML."""

import re
from html import escape

from markupsafe import Markup
from panel_material_ui.base import BASE_TEMPLATE

from daexplore.utils.files import static_text

__all__ = ["TEMPLATE", "loading_html"]

# It covers the page until that is drawn: nothing moves when it goes, and clicks are blocked
# than the page. Scripts in the head would hold back its painting.
TEMPLATE = BASE_TEMPLATE.environment.from_string(static_text("app", "loading_page.html"))


def loading_html(sentence: str, runs: list[str]) -> Markup:
    """The page's first words.

    Args:
        sentence: the comparison as markup, if it is known already; it is made of escaped parts.
        runs: names of the runs on screen, which are in its place otherwise.
    """
    # Words that explain themselves cannot yet.
    plain = re.sub(r"</?button[^>]*>", "", sentence)
    told = plain or (f"Comparing {escape(', '.join(runs))} …" if runs else "Opening …")
    return Markup(f"<header>daexplore</header><p class='headline'>{told}</p>")
