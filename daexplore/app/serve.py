"""The explorer, for `panel serve apps/explorer.py`; the runs folder is DAEXPLORE_RUNS, or ./runs."""

from daexplore.app.explorer import page

page().servable()
