"""What leaves the page: files that hold what the runs hold, a report that opens offline, a link,
and selections that others find.
"""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import server as serving
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from daexplore.runs import Run
from daexplore.runs.selections import Selections
from daexplore.views.plots.margin_plane import plane_of

pytestmark = pytest.mark.browser
WIDE = round(174 / 25.4 * 300)


@pytest.fixture(scope="module")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "APP", Path(__file__).with_name("take_away_page.py"))
        served = serving.Served(runs, tmp_path_factory.mktemp("log") / "parts.log")
    yield served.url.replace("/explorer", "/take_away_page")
    served.stop()


@pytest.fixture(scope="module")
def compared(runs: Path) -> list[Run]:
    return [Run(path.parent) for path in sorted(runs.glob("*/run.json")) if "torn" not in str(path)]


@pytest.fixture
def page(visit: Callable[..., Page], address: str) -> Page:
    opened = visit(url=address)
    opened.get_by_role("button", name="Save figure / data").click()
    return opened


def download(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download(timeout=120_000) as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_text("is in the browser's downloads")).to_be_visible()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_figures_and_data_are_what_the_runs_hold(page: Page, compared: list[Run]) -> None:
    name, png = download(page, "PNG")
    assert name == "daexplore-plane-test-174mm.png"
    image = Image.open(io.BytesIO(png))
    assert abs(image.size[0] - WIDE) <= 1
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    # The same once more is saved once more.
    assert download(page, "PNG")[1] == png

    page.get_by_role("button", name="One column, 84 mm").click()
    name, pdf = download(page, "PDF")
    assert name == "daexplore-plane-test-84mm.pdf"
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
    assert box
    assert float(box.group(1)) / 72 * 25.4 == pytest.approx(84, abs=0.01)

    name, text = download(page, "Data (CSV)")
    assert name == "daexplore-plane-test.csv"
    table = pd.read_csv(io.BytesIO(text), comment="#")
    for run in compared:
        found, plane = plane_of(run)
        test = found.split == "test"
        rows = table[(table["run_id"] == run.id) & (table["series"] == "galaxy")].set_index(
            "sample_id"
        )
        assert len(rows) == test.sum()
        assert np.allclose(
            rows["x"].reindex(found.sample_ids[test].astype(str)), plane.x[test], atol=1e-4
        )
        assert f"{run.label} {test.sum()} of {test.sum()}" in text.decode()


def test_the_report_opens_offline_in_light_and_dark(
    page: Page, chromium: Browser, compared: list[Run], tmp_path: Path
) -> None:
    name, content = download(page, "Report (HTML)")
    file = tmp_path / name
    file.write_bytes(content)
    asked: list[str] = []
    papers = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(
            offline=True,
            java_script_enabled=False,
            color_scheme=scheme,
            viewport={"width": 1280, "height": 900},
        )
        reader = context.new_page()
        reader.on("request", lambda request: asked.append(request.url))
        reader.goto(file.as_uri())
        before, after = (
            next(run for run in compared if run.method == method).evaluation()
            for method in ("noda", "mmd")
        )
        mask = before.mask("target", "test")
        fixed = ((before.predicted != before.labels) & (after.predicted == after.labels))[
            mask
        ].sum()
        expect(
            reader.locator(".flips article", has_text="MMD").get_by_text("Fixed by")
        ).to_contain_text(f"of {fixed} shown")
        figure = reader.locator(".drawn img").first
        figure.scroll_into_view_if_needed()
        reader.wait_for_timeout(500)
        papers[scheme] = np.asarray(
            Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
        ).astype(int)
        context.close()
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    for scheme, paper in papers.items():
        brightness = paper.sum(axis=2) / 3
        assert (np.median(brightness) > 200) == (scheme == "light")
        # Text and axes stand out from the paper; galaxies are blue and vermilion.
        assert (brightness.min() < 60) if scheme == "light" else (brightness.max() > 200)
        blue, red = paper[:, :, 2] - paper[:, :, 0], paper[:, :, 0] - paper[:, :, 2]
        assert (blue > 60).sum() > 500
        assert (red > 60).sum() > 500


def test_the_link_is_that_of_the_page(
    visit: Callable[..., Page], address: str, compared: list[Run]
) -> None:
    opened = visit(f"?runs={compared[0].id}&epoch=2&threshold=0.7", url=address)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.get_by_role("button", name="Save figure / data").click()
    opened.get_by_role("button", name="Copy link").click()
    expect(opened.get_by_text("The link to this view is copied")).to_be_visible()
    copied = opened.evaluate("() => navigator.clipboard.readText()")
    assert copied == opened.url
    assert compared[0].id in copied
    assert "threshold=0.7" in copied


def test_what_cannot_be_drawn_yet_is_said(page: Page) -> None:
    page.get_by_role("button", name="UMAP").click()
    page.get_by_role("button", name="SVG", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("still being computed")
    expect(page.get_by_role("button", name="SVG", exact=True)).to_be_enabled()


def test_two_sessions_keep_their_selections_and_find_each_others(
    visit: Callable[..., Page], address: str, runs: Path
) -> None:
    one, other = visit(url=address), visit(url=address)
    for visitor, name in ((one, "seven of one"), (other, "seven of another")):
        expect(visitor.get_by_role("button", name="Save selection")).to_be_disabled()
        visitor.get_by_role("button", name="Pick seven").click()
        visitor.get_by_label("Name of the selection").fill(name)
        visitor.get_by_role("button", name="Save selection").click()
        expect(visitor.get_by_text(f"7 galaxies are saved as “{name}”")).to_be_visible()
    kept, damaged = Selections(runs).all()
    assert damaged == []
    assert [(each.name, len(each)) for each in kept] == [
        ("seven of another", 7),
        ("seven of one", 7),
    ]

    other.get_by_label("Name of the selection").fill("seven of one")
    other.get_by_role("button", name="Save selection").click()
    expect(other.get_by_role("alert")).to_contain_text("already")

    third = visit(url=address)
    third.get_by_role("combobox", name="Saved selections").click()
    third.get_by_role("menuitem", name="seven of one (7)").click()
    expect(third.get_by_text("7 picked")).to_be_visible()
    expect(third.get_by_text("7 of its 7 galaxies are in these runs")).to_be_visible()
    third.get_by_role("button", name="Delete").click()
    expect(third.get_by_role("button", name="Undo")).to_be_visible()
    assert [each.name for each in Selections(runs).all()[0]] == ["seven of another"]
    third.get_by_role("button", name="Undo").click()
    expect(third.get_by_text("“seven of one” is back")).to_be_visible()
    assert [each.name for each in Selections(runs).all()[0]] == ["seven of another", "seven of one"]
