"""The explorer's rooms in pictures, from docs/screens.md: the picture of the reader's colour
scheme, not both.
"""

import re

from sitegen.pages import Pages

__all__ = ["write"]

_PICTURE = re.compile(r"^!\[([^\]]*)\]\(([^)]*)-(light|dark)\.png\)$", flags=re.MULTILINE)


def write(pages: Pages) -> None:
    """Write gallery/index.md."""
    text = pages.relinked(pages.read("docs/screens.md"), "docs/screens.md", "gallery/index.md")

    def shown(match: re.Match[str]) -> str:
        words, path, scheme = match[1], match[2], match[3]
        return f":::{{image}} {path}-{scheme}.png\n:alt: {words}\n:class: only-{scheme} screen\n:::"

    pages.write("gallery/index.md", _PICTURE.sub(shown, text))
