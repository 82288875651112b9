"""The same job by HoloViews alone: Points with Selection1D, a halo in every panel, image and
Grad-CAM of what was tapped.
"""

import os

import holoviews as hv
import pandas as pd
import panel as pn

from daexplore.app.components.galaxy_images import cached_gradcam, galaxy_image
from daexplore.app.latents.embeddings import coordinates
from daexplore.runs import Run, RunStore
from daexplore.views.images import common_scale, data_uri, galaxy_png, overlay_png
from daexplore.views.style import DOMAIN_COLORS

hv.extension("bokeh")
pn.extension()

runs = sorted(RunStore(os.environ["DAEXPLORE_RUNS"]).runs(), key=lambda run: run.id)
picked = hv.streams.Stream.define("Picked", at=-1)()
about = pn.pane.HTML("<b>Tap a galaxy</b>", css_classes=["about"])


def frame(run: Run) -> pd.DataFrame:
    """The test galaxies, in the same order in every run."""
    found = run.evaluation()
    here = found.mask(None, "test")
    place = coordinates(run, found.epoch, "plane", (0, 1))
    return pd.DataFrame(
        {"x": place.x, "y": place.y, "domain": found.domain, "id": found.sample_ids}
    )[here].reset_index(drop=True)


def show(index: list[int]) -> None:
    """Everything that a tap changes."""
    if not index:
        return
    picked.event(at=index[0])
    sample_id, domain = frames[0].loc[index[0], ["id", "domain"]]
    image = galaxy_image(runs[0], domain, sample_id)
    maps = [cached_gradcam(run, run.evaluation().epoch, sample_id) for run in runs]
    scale = common_scale(each for each in maps if each is not None)
    pictures = [
        galaxy_png(image),
        *(overlay_png(image, each, scale) for each in maps if each is not None),
    ]
    about.object = f"<b>{sample_id}</b>" + "".join(
        f"<img src='{data_uri(each)}'>" for each in pictures
    )


def panel(table: pd.DataFrame) -> hv.Overlay:
    """One run's points, with the halo on top."""
    points = hv.Points(table, ["x", "y"], ["domain", "id"]).opts(
        color="domain",
        cmap=DOMAIN_COLORS,
        tools=["tap", "lasso_select"],
        size=4,
        width=400,
        height=360,
        show_legend=False,
    )
    hv.streams.Selection1D(source=points).param.watch(lambda event: show(event.new), "index")
    halo = hv.DynamicMap(
        lambda at: hv.Points(table.iloc[[at]] if at >= 0 else table.iloc[:0], ["x", "y"]),
        streams=[picked],
    )
    return points * halo.opts(size=17, fill_color=None, line_color="black")


frames = [frame(run) for run in runs]
pn.Column(pn.Row(*map(panel, frames)), about).servable()
