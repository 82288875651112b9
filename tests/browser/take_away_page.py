"""A page with the parts that a room can hold: taking away, and saved selections. Served by the
tests.
"""

import os

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.export_menu import export_menu
from daexplore.app.components.saved_selections import selections_bar
from daexplore.app.core.session import Session
from daexplore.app.page import _alert, _share_address
from daexplore.app.state import ExplorerState
from daexplore.app.theme import THEME

pn.extension(respect_explicit_sizing=True)
state = ExplorerState(os.environ["DAEXPLORE_RUNS"])
_share_address(state)
picked = pn.pane.HTML("", css_classes=["picked"])


def _tell(*_):
    picked.object = f"{len(state.selection or ())} picked"


def _pick(_):
    found = state.runs[0].evaluation()
    state.select(frozenset(found.sample_ids[found.mask("target", "test")][:7].tolist()))


state.param.watch(_tell, "selection")
pick = pmui.Button(label="Pick seven")
pick.on_click(_pick)
clear = pmui.Button(label="Pick none")
clear.on_click(lambda _: state.select(None))
umap = pmui.Button(label="UMAP")
umap.on_click(lambda _: state.show(view="umap"))
pmui.Page(
    title="parts",
    theme_config=THEME,
    main=[
        pn.Column(
            _alert(state),
            export_menu(state, Session()),
            pn.Row(pick, clear, umap, picked),
            selections_bar(state),
            margin=(8, 20),
        )
    ],
).servable()
