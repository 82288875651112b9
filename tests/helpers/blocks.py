"""Blocks of code in a page of Markdown, and the environment of a reader who types them."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_KNOWN = "sh|python|bash|console|shell|text|ini|json|dockerfile|nginx|yaml"
_BLOCK = re.compile(rf"^(`{{3,}}|:{{3,}})({_KNOWN})\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```\{?(\w+)", re.MULTILINE)
_FILE = re.compile(r"<!-- file: (\S+) -->\s*\Z")
_REASON = re.compile(r"^\*Not run by the tests:\* ((?:.+\n)+)\s*\Z", re.MULTILINE)
_NO_CODE = ("toctree", "list")
PATIENCE = 600  # [s] a block, on a busy machine


@dataclass(frozen=True)
class Block:
    """What stands between two fences, the file it is to be saved as, and why it is not run, where
    the page says so.
    """

    language: str
    text: str
    file: str | None
    reason: str | None


def blocks(page: Path) -> list[Block]:
    """Blocks of a known language, from the top of the page to its end."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _BLOCK.finditer(text):
        before = text[: match.start()]
        file, reason = _FILE.search(before), _REASON.search(before)
        found.append(
            Block(
                match[2],
                match[3],
                file[1] if file else None,
                " ".join(reason[1].split()) if reason else None,
            )
        )
    return found


def languages(page: Path) -> list[str]:
    """What all fences of the page open with, known or not."""
    return [
        name for name in _FENCE.findall(page.read_text(encoding="utf-8")) if name not in _NO_CODE
    ]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def environment(cache: Path) -> dict[str, str]:
    """The commands of this environment come first, simulated galaxies are kept in ``cache``, and
    warnings are shown.
    """
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DAEXPLORE_CACHE": str(cache),
        "DAEXPLORE_CONFIG": str(cache / "config"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "default",
    }
