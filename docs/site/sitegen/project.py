"""Pages that are files of the repository: the architecture, what changed, how to contribute."""

from sitegen.pages import Pages

__all__ = ["write"]

_FILES = {
    "docs/architecture.md": "project/architecture.md",
    "docs/decisions.md": "project/decisions.md",
    "docs/lessons.md": "project/lessons.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changes.md",
}


def write(pages: Pages) -> None:
    """Write project/."""
    for file, page in _FILES.items():
        pages.write(page, pages.relinked(pages.read(file), file, page))
