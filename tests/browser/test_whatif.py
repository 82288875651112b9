"""The room "What-if" in a real browser, with real networks on small galaxies: what is drawn is what
the runs say.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from factories import make_galaxies
from screen import eventually
from server import Served
from small_training import config

from daexplore.engine.training.train import train
from daexplore.runs import Run

pytestmark = pytest.mark.browser

_FIGURE = """tag => {
  const figure = Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
    .find(model => model.type === 'Figure' && model.tags[0] === tag && Bokeh.index.find_one_by_id(model.id));
  if (!figure) return null;
  const dots = figure.renderers.filter(each => each.glyph && each.glyph.type === 'Scatter');
  const last = dots[dots.length - 1].data_source.data;
  return { spans: figure.renderers.filter(each => each.type === 'Span').map(each => each.location),
    dots: dots.map(each => Object.fromEntries(Object.entries(each.data_source.data).map(([name, column]) => [name, Array.from(column)]))),
    last: last.x ? [last.x[0], last.y[0]] : null };
}"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Run]]:
    root = tmp_path_factory.mktemp("whatif")
    make_galaxies(root, 60)
    return root, [
        train(config(root, method, epochs=1, evaluation_limit=60), root / "runs")
        for method in ("noda", "mmd")
    ]


@pytest.fixture(scope="module")
def served(trained: tuple[Path, list[Run]]) -> Iterator[Served]:
    found = Served(trained[0] / "runs", trained[0] / "server.log")
    yield found
    found.stop()


def figure(page: Page, tag: str) -> dict[str, Any]:
    found: dict[str, Any] | None = page.evaluate(_FIGURE, tag)
    assert found is not None, f"there is no figure {tag}"
    return found


def test_the_recorded_image_has_the_runs_probability_and_the_dial_moves_the_marks(
    visit: Callable[..., Page], served: Served, trained: tuple[Path, list[Run]]
) -> None:
    page = visit(url=served.url)
    page.get_by_role("tab", name="What-if").click()
    # A process that imports torch, on a busy machine.
    expect(page.get_by_text("The galaxy's walk")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("A real image cannot be made deeper")).to_be_visible()
    galaxy = page.locator("h3", has=page.locator("small", has_text="split")).inner_text().split()[0]
    wanted = [
        float(run.evaluation().pair_probability((0, 1))[run.evaluation().row_by_id[galaxy]])
        for run in trained[1]
    ]

    def recorded() -> None:
        dots = figure(page, "dial")["dots"]
        found = [each["first"][0] for each in dots if "first" in each]
        assert sorted(found) == pytest.approx(sorted(wanted), abs=1e-4)
        assert figure(page, "walk-0")["last"]

    eventually(recorded)

    frames = page.locator(".film figure")
    levels = [float(text) for text in page.locator(".film figcaption b").all_inner_texts()]
    before = figure(page, "walk-0")["last"]
    frames.last.focus()
    page.keyboard.press("Enter")
    expect(frames.last).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(f"Grad-CAM at {levels[-1]:.3g}", exact=True)).to_be_visible()

    def moved() -> None:
        spans = figure(page, "dial")["spans"]
        assert spans == pytest.approx([0.5, levels[0], levels[-1]], abs=0.01)
        assert not np.allclose(before, figure(page, "walk-0")["last"])

    eventually(moved)

    page.get_by_role("button", name="Redshift").click()
    expect(page.get_by_text("A real galaxy cannot be moved to another redshift")).to_be_visible()
    expect(page.locator(".film figure")).to_have_count(0)
