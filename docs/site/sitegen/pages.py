"""Writes generated pages, and turns links between files of the repository into links between
pages.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GENERATED", "Pages", "table"]

GENERATED = ("gallery", "methods", "project", "reference", "results", "tutorial")
"""Folders that hold generated pages and nothing else; git ignores them."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_PAGE_OF = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changes.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "docs/architecture.md": "project/architecture.md",
    "docs/commands.md": "howto/commands.md",
    "docs/decisions.md": "project/decisions.md",
    "docs/formats.md": "reference/run-folder.md",
    "docs/lessons.md": "project/lessons.md",
    "docs/results/README.md": "results/index.md",
    "docs/screens.md": "gallery/index.md",
    "docs/results": "results/index.md",
    "notebooks/README.md": "tutorial/index.md",
}


class Pages:
    """The generated part of the site.

    Args:
        root: of the repository.
        site: Sphinx's source folder.
    """

    def __init__(self, root: Path, site: Path) -> None:
        self.root, self.site = root, site
        self._written: set[Path] = set()

    def write(self, page: str, text: str) -> None:
        """Write a page, unless it says so already: Sphinx reads again only what changed."""
        path = self.site / page
        self._written.add(path)
        text = text.rstrip() + "\n"
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copy(self, file: Path, page: str) -> None:
        """Put a file beside the pages, to be downloaded from them."""
        path = self.site / page
        self._written.add(path)
        if not path.exists() or path.read_bytes() != file.read_bytes():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)

    def finish(self) -> None:
        """Take away what an earlier build wrote and this one did not."""
        for folder in GENERATED:
            for path in (self.site / folder).rglob("*"):
                if path.is_file() and path not in self._written:
                    path.unlink()

    def read(self, file: str) -> str:
        """A text of the repository."""
        return (self.root / file).read_text(encoding="utf-8")

    def relinked(self, text: str, origin: str, page: str) -> str:
        """Markdown of the file ``origin`` as part of ``page``: links go to pages, pictures stay,
        what has no page loses its link.
        """
        here = (self.site / page).parent

        def changed(match: re.Match[str]) -> str:
            picture, words, target, anchor = match[1], match[2], match[3], match[4] or ""
            file = Path(os.path.normpath(self.root / Path(origin).parent / target))
            to = (
                self.site / found
                if (found := page_of(file.relative_to(self.root).as_posix()))
                else None
            )
            if picture:
                return f"![{words}]({_relative(file, here)})"
            # An anchor names a heading of the file, which may stand on another page by now.
            return (
                f"[{words}]({_relative(to, here)}{anchor if found == page else ''})"
                if to
                else words
            )

        return _LINK.sub(changed, text)


def page_of(file: str) -> str | None:
    """The page that shows a file of the repository."""
    if file in _PAGE_OF:
        return _PAGE_OF[file]
    folder, _, name = file.rpartition("/")
    if folder == "docs/results" and name.endswith((".md", ".csv", ".json")):
        return f"results/{Path(name).stem}.md"
    return f"tutorial/{name}" if folder == "notebooks" and name.endswith(".ipynb") else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar within a cell is escaped, or it would part it."""
    cells = [
        [cell.replace("|", r"\|").replace("\n", " ") for cell in row]
        for row in (head, ["---"] * len(head), *rows)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()
