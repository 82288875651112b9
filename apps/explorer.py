"""The explorer, for `panel serve apps/explorer.py`; the runs folder is DAEXPLORE_RUNS, or
./runs.
"""

from daexplore.app.page import page

page().servable()
