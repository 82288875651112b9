"""The notebooks as pages, executed once and kept until they or the package change."""

import copy
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from logging import getLogger
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sphinx.errors import ExtensionError
from sphinx.util import logging

from sitegen.bokeh_plots import plain
from sitegen.pages import Pages

__all__ = ["MODES", "executed", "kept_file", "write"]

MODES = ("run", "kept", "off")
"""What is done with notebooks: executed where they or the package changed; shown with what they
last gave; shown without outputs.
"""

_LOG = logging.getLogger(__name__)
_PATIENCE = 900  # [s] for one cell


def write(pages: Pages, mode: str, kept: Path) -> None:
    """Write tutorial/: a page a notebook, and one that leads to them.

    Args:
        pages: to write to.
        mode: one of ``MODES``.
        kept: folder of executed notebooks.
    """
    if mode not in MODES:
        raise ExtensionError(f"DOCS_NOTEBOOKS is one of {', '.join(MODES)}; got {mode!r}.")
    files = sorted((pages.root / "notebooks").glob("*.ipynb"))
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
        done = list(pool.map(lambda file: executed(file, mode, kept, pages.root), files))
    for file, notebook in zip(files, done, strict=True):
        page, origin = f"tutorial/{file.name}", f"notebooks/{file.name}"
        shown = copy.deepcopy(notebook)
        for cell in shown.cells:
            if cell.cell_type == "markdown":
                cell.source = pages.relinked(cell.source, origin, page)
            else:
                cell.outputs = [nbformat.from_dict(output) for output in plain(cell.outputs)]
        pages.write(page, json.dumps(shown, indent=1, ensure_ascii=False))
    pages.write(
        "tutorial/index.md",
        _index(
            [
                f"{_titled(file, notebook)} <{file.stem}>"
                for file, notebook in zip(files, done, strict=True)
            ]
        ),
    )


def kept_file(kept: Path, file: Path, root: Path) -> Path:
    """Where a notebook is kept with its outputs: under a name that says which notebook, and which
    state of the package, it is of.
    """
    return kept / f"{_written(file)}-{_package(root)}.ipynb"


def executed(file: Path, mode: str, kept: Path, root: Path) -> NotebookNode:
    """A notebook with outputs, or without where there are none to be had."""
    notebook = nbformat.read(file, as_version=4)
    if mode == "off":
        return notebook
    path = kept_file(kept, file, root)
    found = (
        path
        if path.exists()
        else max(
            kept.glob(f"{_written(file)}-*.ipynb"),
            key=lambda each: each.stat().st_mtime,
            default=None,
        )
    )
    if found == path or (found and mode == "kept"):
        return nbformat.read(found, as_version=4)
    if mode == "kept":
        return notebook
    _LOG.info("executing %s", file.name)
    where = {"metadata": {"path": str(file.parent)}}
    try:
        NotebookClient(
            notebook,
            timeout=_PATIENCE,
            kernel_name="python3",
            resources=where,
            log=getLogger("nbclient"),
        ).execute()
    except CellExecutionError as error:
        # The page shows how far it came; a warning is an error of the build, and nothing is kept.
        _LOG.warning("%s does not run: %s: %s", file.name, error.ename, error.evalue)
        return notebook
    kept.mkdir(parents=True, exist_ok=True)
    for old in kept.glob(f"{file.stem}-*.ipynb"):
        old.unlink()
    nbformat.write(notebook, path)
    return notebook


def _written(file: Path) -> str:
    return f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


@cache
def _package(root: Path) -> str:
    """Digest of the package's code: what a notebook shows is true of one state of it only."""
    digest = hashlib.sha256()
    for file in sorted((root / "daexplore").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _titled(file: Path, notebook: NotebookNode) -> str:
    """Its number and its title."""
    return (
        f"{file.stem.partition('_')[0]} · {notebook.cells[0].source.splitlines()[0].lstrip('# ')}"
    )


def _index(entries: list[str]) -> str:
    listed = "\n".join(entries)
    return f"""# Tutorials

Notebooks that run on a laptop in a few minutes each, without a network and without data of yours: what they need is simulated or comes
with the package. Each begins with a few numbers to change and ends in exercises with answers. Read them here with their outputs, or run
them yourself:

```sh
make notebooks
```

Whatever a page shows under a cell was computed when this documentation was built.

```{{toctree}}
:maxdepth: 1

{listed}
```
"""
