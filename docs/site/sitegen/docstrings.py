"""What docstrings need on their way to Sphinx: they are written to be read in the code, and RST
takes some signs for its own.
"""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

__all__ = ["escaped", "setup"]

_CODE = re.compile(r"(``.+?``)", flags=re.DOTALL)
_SIGNS = re.compile(r"([*|])|(?<=\w)(_)(?=\W|$)")
_DOCTEST = re.compile(r"^\s*>>>.*(?:\n.*\S.*)*", flags=re.MULTILINE)


def escaped(text: str) -> str:
    r"""Stars, bars and trailing underscores outside of code and doctests as plain signs; code
    without spaces at its ends.

    >>> escaped("(n, *shape) |w| and ``a * b ``")
    '(n, \\*shape) \\|w\\| and ``a * b``'
    """
    doctests = _DOCTEST.findall(text)
    parts = _CODE.split(_DOCTEST.sub("\0", text))
    for place, part in enumerate(parts):
        parts[place] = f"``{part[2:-2].strip()}``" if place % 2 else _SIGNS.sub(r"\\\g<0>", part)
    left = iter(doctests)
    return re.sub("\0", lambda _: next(left), "".join(parts))


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    text = "\n".join(lines)
    # A constant or a bare class without words of its own would be shown with those of its type.
    borrowed = inspect.getdoc(type(obj)) if what in ("data", "attribute") else None
    if borrowed and text.strip().startswith(borrowed.strip()[:60]):
        lines.clear()
        return
    lines[:] = escaped(text).splitlines()


def setup(app: Sphinx) -> None:
    """Connects to autodoc, before napoleon."""
    app.connect("autodoc-process-docstring", _process, priority=100)
