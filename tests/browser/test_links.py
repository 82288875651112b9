"""A link opens in another session on what it was copied from; one with mistakes opens all the same
and says so.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from screen import galaxy_in_strip, panels, wait_for_panels

from daexplore.runs import Run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run(runs: Path) -> Run:
    return next(Run(path.parent) for path in runs.glob("*mmd*/run.json") if "torn" not in str(path))


def test_what_is_chosen_on_a_page_is_in_its_link_and_in_the_page_that_it_opens(
    visit: Callable[..., Page], run: Run
) -> None:
    page = visit(f"?runs={run.id}")
    wait_for_panels(page, 1)
    page.get_by_role("button", name="Validation").click()
    page.get_by_label("Epoch", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Threshold", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => ['split=validation', 'epoch=', 'threshold=0.51'].every(part =>"
        " location.search.includes(part))"
    )
    epoch = int(page.url.partition("epoch=")[2].partition("&")[0])
    assert epoch in run.evaluated
    page.get_by_role("tab", name="What-if").click()
    page.get_by_role("button", name="Pixel scale").click()
    page.get_by_label("Noise seed").fill("7")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('dial=pixel::7')")

    opened = visit("?" + page.url.partition("?")[2])
    expect(opened.get_by_role("tab", name="What-if")).to_have_attribute("aria-selected", "true")
    expect(opened.get_by_role("button", name="Pixel scale")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(opened.get_by_label("Noise seed")).to_have_value("7")
    opened.get_by_role("tab", name="Compare").click()
    wait_for_panels(opened, 1)
    galaxy_in_strip(opened, page.url.partition("galaxy=")[2].partition("&")[0].replace("%2F", "/"))
    expect(opened.locator(".panel-head")).to_contain_text(f"epoch {epoch} ")
    shown = panels(opened)[0]
    assert shown["boundary"] > 0
    assert len(shown["points"]["x"]) == int((run.evaluation(epoch).split == "validation").sum())


def test_a_link_with_mistakes_opens_on_what_it_says_rightly_and_names_the_rest(
    visit: Callable[..., Page], run: Run
) -> None:
    view = "<img src=x onerror=window.hurt=1>"
    wrong = f"epoch=<b>&view={view}&threshold=9&colour=column:none&room=attic&dial=focus:1&pair=3,3&where=x&selection=../x&nonsense=1"
    page = visit(f"?runs={run.id}&{wrong}&galaxy=no/such&split=validation")
    wait_for_panels(page, 1)
    alert = page.get_by_role("alert")
    for said in ("'<b>'", view, "'9'", "attic", "focus:1", "3,3", "../x"):
        expect(alert).to_contain_text(said)
    assert page.evaluate("window.hurt") is None
    assert len(panels(page)[0]["points"]["x"]) == int(
        (run.evaluation().split == "validation").sum()
    )
    assert panels(page)[0]["halo"]["x"] == []
    assert panels(page)[0]["boundary"] == pytest.approx(0, abs=1e-9)
