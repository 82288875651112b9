"""Plots of executed notebooks on a page: BokehJS from this site, loaded once, where Jupyter would
keep a copy in each notebook.
"""

import shutil
from pathlib import Path
from typing import Any

import bokeh
from sphinx.application import Sphinx

__all__ = ["plain", "setup"]

_LOAD, _EXEC, _SCRIPT = (
    "application/vnd.bokehjs_load.v0+json",
    "application/vnd.bokehjs_exec.v0+json",
    "application/javascript",
)
# The server behind it ended with the notebook's kernel.
_EXPLORER = (
    "<p><em>Here stands the explorer while the notebook runs: <a href='../gallery/index.html'>its"
    " rooms in pictures</a>.</em></p>"
)
_FILES = ("bokeh.min.js", "bokeh-widgets.min.js", "bokeh-tables.min.js")


def plain(outputs: list[Any]) -> list[Any]:
    """Outputs of a cell as a page shows them: the loading of BokehJS left out, the script of a plot
    as HTML.

    >>> plain([{"output_type": "display_data", "data": {_EXEC: "", _SCRIPT: "f()"}, "metadata": {}}])
    [{'output_type': 'display_data', 'data': {'text/html': '<script>f()</script>'}, 'metadata': {}}]
    """
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if _LOAD in data or output.get("name") == "stderr":
            continue
        if "<iframe src='http://127.0.0.1" in "".join(data.get("text/html", "")):
            output = output | {"data": {"text/html": _EXPLORER}, "metadata": {}}
        if _EXEC in data:
            output = output | {
                "data": {"text/html": f"<script>{data[_SCRIPT]}</script>"},
                "metadata": {},
            }
        kept.append(output)
    return kept


def _static(app: Sphinx) -> None:
    if app.builder.format == "html":
        source = Path(bokeh.__file__).parent / "server" / "static" / "js"
        to = Path(app.outdir) / "_static" / "bokeh"
        to.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(source / name, to / name)


def _scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:  # noqa: ARG001
    if page.startswith("tutorial/") and page != "tutorial/index":
        # In the head: the theme puts scripts at the end of the body, where a plot begins as soon as
        # the first of them is there.
        tags = (
            f'<script src="{context["pathto"](f"_static/bokeh/{name}", resource=True)}"></script>'
            for name in _FILES
        )
        context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def setup(app: Sphinx) -> None:
    """Return the pages of notebooks BokehJS."""
    app.connect("builder-inited", _static)
    app.connect("html-page-context", _scripts)
