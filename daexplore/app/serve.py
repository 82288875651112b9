"""The script that `daexplore explore` serves; the same as apps/explorer.py, but installed with the package."""

from daexplore.app.page import page

# Panel runs a served script under a name of its own; anybody else who imports this wants no page.
if __name__.startswith("bokeh_app"):
    page().servable()
