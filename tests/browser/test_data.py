"""The Data tab in a real browser, with the real command line on small galaxies; and the page it
saves, opened without a network.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_galaxies, make_run
from fake_inspection import VERDICT, make_inspection
from playwright.sync_api import Browser, Page, expect
from screen import wait_for_panels
from server import Served

from daexplore.data import GalaxySet
from daexplore.views.inspection.page import inspection_html

pytestmark = pytest.mark.browser

# A process that imports scikit-learn, on a busy machine.
PATIENCE = 240_000


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source in which eight galaxies come twice under other names, turned by 90 degrees, and a
    noisy target.
    """
    root = tmp_path_factory.mktemp("leaky")
    source, _ = make_galaxies(root, 160)
    copied = np.arange(8)
    images = np.concatenate([source.images, np.rot90(source.images[copied], axes=(2, 3))])
    again = source.catalogue.iloc[copied].assign(
        sample_id=[f"source/copy-{i}" for i in copied], group_id=[f"copy-{i}" for i in copied]
    )
    catalogue = pd.concat([source.catalogue, again], ignore_index=True)
    GalaxySet(images, catalogue, source.classes, source.bands, "source", source.pixel_scale).save(
        root / "source"
    )
    return root


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("data-tab")
    make_run(root / "runs", "noda", n=400, epochs=1, data_path=root / "data", saliency=False)
    found = Served(root / "runs", root / "server.log")
    yield found
    found.stop()


@pytest.fixture
def page(visit: Callable[..., Page], served: Served) -> Page:
    opened = visit(url=served.url)
    wait_for_panels(opened, 1)
    opened.get_by_role("tab", name="Data").click()
    return opened


def own(page: Page, source: object, target: object) -> None:
    page.get_by_role("button", name="my own").click()
    for name, path in (("Source", source), ("Target", target)):
        page.get_by_role("textbox", name=name).fill(str(path))
        page.get_by_role("textbox", name=name).press("Tab")
    page.get_by_role("button", name="Inspect").click()


def test_the_tab_opens_from_the_keyboard_on_the_walls_of_the_runs_galaxies_and_teaches(
    visit: Callable[..., Page], served: Served
) -> None:
    page = visit(url=served.url)
    wait_for_panels(page, 1)
    page.get_by_role("tab", name="Data").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("how do these domains differ?")).to_be_visible()
    for domain in ("source", "target"):
        for kind in ("merger", "non-merger"):
            picture = page.get_by_alt_text(f"images of the class {kind} in the {domain} domain")
            expect(picture).to_be_visible()
            assert picture.evaluate("image => image.naturalWidth") > 500


def test_bad_paths_are_said_in_words(page: Page, tmp_path: Path) -> None:
    own(page, tmp_path / "nowhere", tmp_path)
    expect(page.get_by_role("alert")).to_contain_text("nowhere do not exist on the machine")
    (tmp_path / "empty").mkdir()
    own(page, tmp_path / "empty", tmp_path / "empty")
    expect(page.get_by_role("alert")).to_contain_text(str(tmp_path / "empty"))
    expect(page.locator("body")).not_to_contain_text("Traceback")


@pytest.mark.slow
def test_an_inspection_says_how_far_apart_shows_plots_and_the_planted_leak_and_is_saved(
    page: Page, leaky: Path, tmp_path: Path
) -> None:
    own(page, leaky / "source", leaky / "target")
    expect(page.get_by_alt_text("images of the class merger in the source domain")).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_role("progressbar", name="inspection")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("apart", timeout=PATIENCE)
    expect(page.locator(".verdict")).to_contain_text(re.compile(r"\d\.\d+"))
    for title in (
        "In what do they differ?",
        "Can a classifier separate them?",
        "Pixel values",
        "Power spectra",
        "Class balance",
    ):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    figures = (
        "() => Bokeh.documents.flatMap(doc => [...doc._all_models.values()]).filter(model =>"
        " model.type === 'Figure').length"
    )
    assert page.evaluate(figures) >= 9

    pair = page.locator(".pair", has_text="copy-").filter(has_text="leak").first
    expect(pair).to_be_visible()
    assert pair.get_by_role("img").count() == 3
    assert all(
        image.evaluate("image => image.naturalWidth") > 0 for image in pair.get_by_role("img").all()
    )

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as HTML").click()
    waiting.value.save_as(tmp_path / "saved.html")
    text = (tmp_path / "saved.html").read_text(encoding="utf-8")
    verdict = page.locator(".verdict").inner_text()
    assert text.startswith("<!doctype html>")
    assert verdict.split(":")[0] in text

    # A second visitor finds it at once, and is not shown what the first one typed.
    other = page.context.browser.new_context().new_page()
    other.goto(page.url)
    other.get_by_role("tab", name="Data").click()
    expect(other.get_by_text("how do these domains differ?")).to_be_visible()
    expect(other.locator(".verdict")).to_have_count(0)
    own(other, leaky / "source", leaky / "target")
    expect(other.locator(".verdict")).to_have_text(verdict, timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_saved_page_opens_without_a_network_and_says_everything(
    chromium: Browser, tmp_path: Path, scheme: str
) -> None:
    inspection = json.loads(json.dumps(make_inspection()))
    file = tmp_path / "inspection.html"
    file.write_text(inspection_html(inspection), encoding="utf-8")
    context = chromium.new_context(
        offline=True, color_scheme=scheme, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    errors, asked = [], []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text(VERDICT)
    count = len(inspection["tables"]["distances"]["data"])
    page.wait_for_function(
        "() => window.Bokeh && Bokeh.documents.flatMap(doc => doc.roots()).length >= 15"
    )
    drawn = (
        "() => Bokeh.documents.flatMap(doc => doc.roots()).every(root =>"
        " Bokeh.index.find_one_by_id(root.id)?.frame.bbox.width > 60)"
    )
    page.wait_for_function(drawn)
    expect(page.locator("main")).to_contain_text(inspection["warnings"][0])
    expect(page.locator("main")).to_contain_text(inspection["advice"][0])
    assert page.locator("table.numbers tbody tr").count() == 2 + count
    # The figures' text follows the page: dark on light, light on dark.
    page.wait_for_function(
        """light => Bokeh.documents.flatMap(doc => [...doc._all_models.values()]).filter(model => model.type === 'LinearAxis')
          .every(axis => axis.major_label_text_color === (light ? '#1a1a1a' : '#f2f2f2'))""",
        arg=scheme == "light",
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
