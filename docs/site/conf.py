"""How Sphinx makes the pages: `make docs`."""

import sys
from pathlib import Path

import daexplore

# What is generated comes from a package beside this file.
sys.path.insert(0, str(Path(__file__).parent))

project = "daexplore"
author = "The daexplore developers"
project_copyright = "The daexplore developers, BSD-3-Clause"
release = version = daexplore.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sitegen",
]
exclude_patterns = ["sitegen", "_static"]
# Nothing may point nowhere; what types in signatures point to (torch, numpy) is documented
# elsewhere, and this site asks no other host.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = "daexplore"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
# MathML is drawn by the browser itself: no script, no font, no other host.
html_math_renderer = "mathml"
COLOURED = ("color-brand-primary", "color-brand-content", "color-api-name", "color-api-pre-name")
html_theme_options = {
    "sidebar_hide_name": False,
    # The explorer's own accent, which is neither domain's hue.
    "light_css_variables": dict.fromkeys(COLOURED, "#274b6d") | {"color-brand-content": "#1f5f99"},
    "dark_css_variables": dict.fromkeys(COLOURED, "#9cc4e4"),
}

myst_enable_extensions = [
    "colon_fence",
    "deflist",
    "dollarmath",
    "amsmath",
    "attrs_inline",
    "attrs_block",
]
myst_heading_anchors = 4
# Notebooks are executed and kept by sitegen.tutorials, so that the page can be built without them.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# As a list: autodoc itself shows the members that have words of their own, and each may be there
# once.
napoleon_custom_sections = [("Attributes", "params_style")]
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go"
