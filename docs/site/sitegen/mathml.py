"""Formulas as MathML, written when the pages are made: browsers draw it without a script or a font
from elsewhere.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

__all__ = ["mathml", "setup"]

_LOG = logging.getLogger(__name__)


def mathml(formula: str, block: bool) -> str:
    """A LaTeX formula as a ``<math>`` element.

    Raises:
        MathError: a macro that docutils does not know.

    >>> mathml("x^2", block=False).startswith("<math")
    True
    """
    return str(latex2mathml.tex2mathml(formula, as_block=block))


def _visit(translator: Any, node: nodes.Element, block: bool) -> None:
    try:
        drawn = mathml(node.astext(), block)
    except MathError as error:
        _LOG.warning("The formula %s cannot be drawn: %s", node.astext(), error, location=node)
        drawn = translator.encode(node.astext())
    tag = "div" if block else "span"
    translator.body.append(f'<{tag} class="math">{drawn}</{tag}>')
    raise nodes.SkipNode


def _inline(translator: Any, node: nodes.Element) -> None:
    _visit(translator, node, block=False)


def _display(translator: Any, node: nodes.Element) -> None:
    _visit(translator, node, block=True)


def setup(app: Sphinx) -> None:
    """Register the renderer that conf.py names."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
