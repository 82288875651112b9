"""A page with one line on it. Served by the benchmark: no page of this server can be there
sooner.
"""

import panel as pn

pn.extension()
pn.pane.HTML("<b>Nothing</b>", css_classes=["empty"]).servable()
