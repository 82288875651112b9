"""The Sphinx extension that writes the generated pages before Sphinx reads them, from the package,
the notebooks and docs/.
"""

import os
from pathlib import Path

from sphinx.application import Sphinx

from sitegen import (
    bokeh_plots,
    command_line,
    docstrings,
    gallery,
    mathml,
    methods,
    project,
    reference,
    results,
    run_folder,
    tutorials,
)
from sitegen.pages import Pages

__all__ = ["setup"]

_ROOT = Path(__file__).parents[3]


def _generate(app: Sphinx) -> None:
    pages = Pages(_ROOT, Path(app.srcdir))
    for part in (methods, reference, command_line, run_folder, gallery, results, project):
        part.write(pages)
    tutorials.write(
        pages, os.environ.get("DOCS_NOTEBOOKS", "kept"), Path(app.outdir).parent / "notebooks"
    )
    pages.finish()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    mathml.setup(app)
    docstrings.setup(app)
    bokeh_plots.setup(app)
    app.connect("builder-inited", _generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
