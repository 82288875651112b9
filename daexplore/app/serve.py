"""Script that `daexplore explore` serves; apps/explorer.py is the same."""

from daexplore.app.page import page

# Panel runs a served script under a name of its own; anybody else who imports this wants no page.
if __name__.startswith("bokeh_app"):
    page().servable()
