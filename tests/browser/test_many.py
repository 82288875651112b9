"""Many galaxies are painted into one image: it shows each where it is, in its hue, and follows zoom
and selection.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from factories import make_run
from playwright.sync_api import Page
from scipy.spatial import KDTree
from screen import eventually, galaxy_in_strip, panels, settled, wait_for_panels
from server import Served

from daexplore.app.latents.raster import MANY
from daexplore.runs import Run
from daexplore.views.style import DOMAIN_COLORS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

IMAGE = """() => JSON.stringify(Bokeh.documents.flatMap(document => [...document._all_models.values()])
  .filter(model => model.name === 'raster' && model.visible).map(({data_source: {data}}) => ({
    shape: data.image[0].shape, bytes: Array.from(new Uint8Array(data.image[0].buffer)),
    at: [data.x[0], data.y[0], data.dw[0], data.dh[0]]})))"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Run]]:
    root = tmp_path_factory.mktemp("many")
    run = make_run(
        root / "runs", n=MANY * 2, epochs=2, data_path=root / "data", size=8, saliency=10
    )
    served = Served(root / "runs", root / "server.log")
    yield served, run
    served.stop()


def picture(page: Page) -> tuple[np.ndarray, np.ndarray]:
    """The one image, (rows, columns, RGBA) from the top, and left, bottom, width and height in data
    units.
    """
    [found] = json.loads(page.evaluate(IMAGE))
    return np.array(found["bytes"], np.uint8).reshape(*found["shape"], 4), np.array(found["at"])


def check(page: Page, run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each point is on the picture and nothing else is; the lone ones' pixels, hues by domain, and
    numbers among the points.
    """
    [panel] = panels(page)
    image, (left, low, width, height) = picture(page)
    assert (left, left + width) == pytest.approx(panel["x"])
    assert (low, low + height) == pytest.approx(panel["y"])
    assert abs(image.shape[1] - panel["frame"][2]) <= 1
    assert abs(image.shape[0] - panel["frame"][3]) <= 1
    points = np.array([panel["points"]["x"], panel["points"]["y"]])
    scale = np.array([[image.shape[1] / width], [image.shape[0] / height]])
    across, down = (points - [[left], [low]]) * scale * [[1], [-1]] + [[0], [image.shape[0]]]
    inside = (across > 1) & (across < image.shape[1] - 1) & (down > 1) & (down < image.shape[0] - 1)
    assert inside.sum() > 50
    assert (image[down[inside].astype(int), across[inside].astype(int), 3] > 10).all()
    tree = KDTree(np.column_stack([across, down]))
    rows, columns = np.indices(image.shape[:2])
    far = (
        tree.query(np.column_stack([columns.ravel() + 0.5, rows.ravel() + 0.5]))[0].reshape(
            rows.shape
        )
        > 6
    )
    assert far.any()
    assert not image[far].any()
    lone = np.flatnonzero(inside & (tree.query(np.column_stack([across, down]), 2)[0][:, 1] > 8))
    assert len(lone) > 5
    return image[down[lone].astype(int), across[lone].astype(int)].astype(int), lone, points


def test_many_points_lie_on_one_picture_that_follows_zoom_tap_and_selection(
    many: tuple[Served, Run], visit: Callable[..., Page]
) -> None:
    served, run = many
    sent: list[int] = []
    page = visit(url="about:blank")
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame)))
    )
    page.goto(served.url)
    wait_for_panels(page, 1)
    [panel] = panels(page)
    assert len(panel["points"]["x"]) >= MANY
    table = run.evaluation()

    pixels, lone, _ = check(page, run)
    hues = np.array(
        [
            [int(DOMAIN_COLORS[domain][i : i + 2], 16) for i in (1, 3, 5)]
            for domain in ("source", "target")
        ]
    )
    near = np.abs(pixels[:, None, :3] - hues).max(axis=2).min(axis=1)
    assert (near <= 3).all()

    left, top, width, height = panel["frame"]
    page.mouse.move(left + width / 2, top + height / 2)
    for _ in range(4):
        page.mouse.wheel(0, -240)
        page.wait_for_timeout(150)
    [zoomed] = settled(page)
    assert zoomed["x"][1] - zoomed["x"][0] < 0.7 * (panel["x"][1] - panel["x"][0])
    pixels, lone, points = check(page, run)
    chosen = lone[len(lone) // 2]
    across = left + (points[0][chosen] - zoomed["x"][0]) / (zoomed["x"][1] - zoomed["x"][0]) * width
    down = (
        top
        + height
        - (points[1][chosen] - zoomed["y"][0]) / (zoomed["y"][1] - zoomed["y"][0]) * height
    )
    page.mouse.click(across, down)
    galaxy_in_strip(page, sample_at(run, table, points[:, chosen]))

    before = picture(page)[0]
    page.mouse.move(left + 3, top + 3)
    page.mouse.down()
    for x, y in (
        (left + width / 2, top + 3),
        (left + width / 2, top + height - 3),
        (left + 3, top + height - 3),
    ):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    page.locator(".count").wait_for()

    def dimmed() -> None:
        after = picture(page)[0]
        half = before.shape[1] // 2
        assert (after[:, half + 6 :, 3].astype(int) <= before[:, half + 6 :, 3]).all()
        assert after[:, half + 6 :, 3].mean() < 0.5 * before[:, half + 6 :, 3].mean()
        assert (after[8:-8, 8 : half - 8] == before[8:-8, 8 : half - 8]).all()

    eventually(dimmed)
    assert max(sent) < 10_000


def sample_at(run: Run, table: Any, place: np.ndarray) -> str:
    """The galaxy whose position in the margin plane this is, computed anew."""
    from daexplore.analysis.latents.margin_plane import margin_plane

    plane = margin_plane(
        table.latents,
        table.labels,
        table.domain,
        table.split,
        *run.head(None),
        groups=table.group_ids,
        logits=table.logits,
    )
    shown = np.flatnonzero(table.split == "test")
    nearest = np.argmin((plane.x[shown] - place[0]) ** 2 + (plane.y[shown] - place[1]) ** 2)
    return str(table.sample_ids[shown[nearest]])
