"""The comparison in a real browser: what is tapped, outlined and drawn is what the run folders
hold.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from screen import eventually, galaxy_in_strip, panels, pixel, settled, tap, wait_for_panels

from daexplore.analysis.latents.margin_plane import MarginPlane, margin_plane
from daexplore.runs import Evaluation, Run

pytestmark = pytest.mark.browser
METHODS = ("noda", "mmd", "dann")


@pytest.fixture(scope="module")
def compared(runs: Path) -> list[Run]:
    found = [Run(path.parent) for path in runs.glob("*/run.json") if "torn" not in str(path)]
    return sorted(found, key=lambda run: METHODS.index(run.method))


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    opened = visit()
    wait_for_panels(opened, 3)
    return opened


def plane_of(run: Run, epoch: int | None = None) -> tuple[Evaluation, MarginPlane]:
    found = run.evaluation(epoch)
    plane = margin_plane(
        found.latents,
        found.labels,
        found.domain,
        found.split,
        *run.head(epoch),
        groups=found.group_ids,
        logits=found.logits,
    )
    return found, plane


def lonely(
    page: Page, panel: dict[str, Any], run: Run, epoch: int | None = None
) -> tuple[str, float, float]:
    """A test galaxy in the middle of the panel with no other within six pixels, and its place."""
    found, plane = plane_of(run, epoch)
    shown = np.flatnonzero(found.split == "test")
    left, top, width, height = panel["frame"]
    across = left + (plane.x[shown] - panel["x"][0]) / (panel["x"][1] - panel["x"][0]) * width
    down = (
        top + height - (plane.y[shown] - panel["y"][0]) / (panel["y"][1] - panel["y"][0]) * height
    )
    gaps = np.hypot(across[:, None] - across, down[:, None] - down)
    np.fill_diagonal(gaps, np.inf)
    inside = (abs(across - left - width / 2) < 0.4 * width) & (
        abs(down - top - height / 2) < 0.4 * height
    )
    best = int(np.argmax(np.where(inside, gaps.min(axis=1), 0)))
    assert gaps.min(axis=1)[best] > 6
    return (
        str(found.sample_ids[shown[best]]),
        float(plane.x[shown[best]]),
        float(plane.y[shown[best]]),
    )


def expect_halos(page: Page, compared: list[Run], sample_id: str, epoch: int | None = None) -> None:
    galaxy_in_strip(page, sample_id)
    for panel, run in zip(panels(page), compared, strict=True):
        found, plane = plane_of(run, epoch)
        row = int(np.flatnonzero(found.sample_ids == sample_id)[0])
        assert panel["halo"]["x"] == pytest.approx([plane.x[row]], abs=1e-4)
        assert panel["halo"]["y"] == pytest.approx([plane.y[row]], abs=1e-4)
        domain, _, view = sample_id.partition("/")
        twin = int(
            np.flatnonzero(
                found.sample_ids == f"{'target' if domain == 'source' else 'source'}/{view}"
            )[0]
        )
        assert panel["twin"]["x"] == pytest.approx([plane.x[twin]], abs=1e-4)


def test_opens_on_the_three_methods_with_a_true_headline(page: Page, compared: list[Run]) -> None:
    shown = panels(page)
    for panel, run in zip(shown, compared, strict=True):
        found, plane = plane_of(run)
        test = found.split == "test"
        assert sorted(panel["points"]["x"]) == pytest.approx(sorted(plane.x[test]), abs=1e-4)
        assert panel["boundary"] == pytest.approx(0, abs=1e-9)
    assert len({tuple(panel["x"] + panel["y"]) for panel in shown}) == 1
    first = compared[0].evaluation()
    target = first.mask("target", "test")
    accuracy = 100 * (first.predicted == first.labels)[target].mean()
    sentence = (
        f"On {target.sum()} held-out target galaxies (test split, oracle, one network each) accuracy noDA"
        f" {accuracy:.1f}%"
    )
    expect(page.locator(".headline")).to_contain_text(sentence)


def test_tap_selects_the_galaxy_under_the_pointer_in_all_panels_also_after_zoom_and_epoch_change(
    page: Page, compared: list[Run]
) -> None:
    for place in range(3):
        panel = panels(page)[place]
        sample_id, x, y = lonely(page, panel, compared[place])
        tap(page, panel, x, y)
        expect_halos(page, compared, sample_id)

    page.mouse.move(*pixel(page, panel, x, y))
    page.mouse.wheel(0, -300)
    zoomed = settled(page)[2]
    assert zoomed["x"][1] - zoomed["x"][0] < 0.9 * (panel["x"][1] - panel["x"][0])
    sample_id, x, y = lonely(page, zoomed, compared[2])
    tap(page, zoomed, x, y)
    expect_halos(page, compared, sample_id)

    page.get_by_role("slider").first.press("Home")
    expect(page.locator(".panel-head").first).to_contain_text("epoch 1 ")
    expect_halos(page, compared, sample_id, epoch=1)
    sample_id, x, y = lonely(page, panels(page)[2], compared[2], epoch=1)
    tap(page, panels(page)[2], x, y)
    expect_halos(page, compared, sample_id, epoch=1)


def test_boundary_moves_with_threshold_and_epoch(page: Page, compared: list[Run]) -> None:
    threshold = page.get_by_role("slider").nth(1)
    for _ in range(20):
        threshold.press("ArrowRight")
    expect(page.locator("th", has_text="threshold 0.70").first).to_be_visible()
    seen = {}
    for epoch, key in ((compared[0].selected_epoch, None), (1, "Home")):
        if key:
            page.get_by_role("slider").first.press(key)
            expect(page.locator(".panel-head").first).to_contain_text("epoch 1 ")
        planes = [plane_of(run, 1 if key else run.selected_epoch)[1] for run in compared]
        boundaries = [pytest.approx(math.log(0.7 / 0.3) / each.scale, rel=1e-6) for each in planes]

        def moved(boundaries: list[Any] = boundaries) -> None:
            for panel, boundary in zip(panels(page), boundaries, strict=True):
                assert panel["boundary"] == boundary
                assert panel["side"] == panel["boundary"]

        eventually(moved)
        seen[epoch] = panels(page)[0]["boundary"]
    assert len(set(seen.values())) == 2


def winding(x: float, y: float, corners: list[tuple[float, float]]) -> int:
    """How often an outline goes round a point."""
    turns = 0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        side = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        if y0 <= y < y1 and side > 0:
            turns += 1
        if y1 <= y < y0 and side < 0:
            turns -= 1
    return turns


def test_lasso_counts_equal_a_reference(page: Page, compared: list[Run]) -> None:
    panel = panels(page)[1]
    page.evaluate(
        """id => Bokeh.index.find_one_by_id(id).model.on_event('selectiongeometry',
          event => { if (event.final) window.outline = event.geometry })""",
        panel["id"],
    )
    left, top, width, height = panel["frame"]
    corners = [
        (left + a * width, top + b * height)
        for a, b in ((0.2, 0.25), (0.8, 0.3), (0.7, 0.75), (0.45, 0.5), (0.25, 0.8))
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    page.locator(".count").wait_for()

    outline = page.evaluate("[Array.from(outline.x), Array.from(outline.y)]")
    found, plane = plane_of(compared[1])
    test = found.split == "test"
    polygon = list(zip(*outline, strict=True))
    x, y = plane.x.astype(np.float32).astype(float), plane.y.astype(np.float32).astype(float)
    inside = test & np.array([winding(a, b, polygon) != 0 for a, b in zip(x, y, strict=True)])
    assert 20 < inside.sum() < test.sum() / 2
    expect(page.locator(".count")).to_have_text(str(inside.sum()))
    for shown, run in zip(panels(page), compared, strict=True):
        ids = np.isin(run.evaluation().sample_ids.astype(str), found.sample_ids[inside].astype(str))
        assert sorted(shown["picked"]["x"]) == pytest.approx(
            sorted(plane_of(run)[1].x[ids]), abs=1e-4
        )

    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".count")).to_have_count(0)


def test_two_visitors_do_not_share_what_they_look_at(
    visit: Callable[..., Page], compared: list[Run]
) -> None:
    one, other = visit(), visit()
    wait_for_panels(one, 3)
    wait_for_panels(other, 3)
    sample_id, x, y = lonely(one, panels(one)[0], compared[0])
    before = panels(other)[0]["halo"]
    tap(one, panels(one)[0], x, y)
    galaxy_in_strip(one, sample_id)
    one.get_by_role("slider").nth(1).press("ArrowLeft")
    expect(one.locator("th", has_text="threshold 0.49").first).to_be_visible()
    other.wait_for_timeout(1500)
    assert panels(other)[0]["halo"] == before != panels(one)[0]["halo"]
    assert panels(other)[0]["boundary"] == pytest.approx(0, abs=1e-9)
    assert panels(one)[0]["boundary"] < 0


def test_the_address_reproduces_the_view(visit: Callable[..., Page], compared: list[Run]) -> None:
    run = compared[1]
    first = str(run.evaluation().sample_ids[5])
    page = visit(f"?runs={run.id}&view=pca&epoch=2&threshold=0.8&galaxy={first}")
    wait_for_panels(page, 1)
    galaxy_in_strip(page, first)
    expect(page.locator(".panel-head")).to_contain_text("epoch 2 ")
    expect(page.locator("th", has_text="threshold 0.80").first).to_be_visible()
    expect(page.locator(".caption")).to_contain_text("largest variance")
    page.get_by_role("button", name="Margin plane").click()
    page.wait_for_function("() => !location.search.includes('view=')")
    assert first in page.url.replace("%2F", "/")


def test_the_first_galaxy_is_marked_and_said_to_be_chosen(page: Page, compared: list[Run]) -> None:
    chosen = page.locator(".summary", has_text="Example galaxy").inner_text()
    sample_id = page.locator(".strip-head b").inner_text()
    expect_halos(page, compared, sample_id)
    first, *others = (run.evaluation() for run in compared)
    assert first.predicted[first.row_by_id[sample_id]] != first.labels[first.row_by_id[sample_id]]
    assert all(
        found.predicted[found.row_by_id[sample_id]] == found.labels[found.row_by_id[sample_id]]
        for found in others
    )
    right = [
        dict(zip(found.sample_ids, found.predicted == found.labels, strict=True))
        for found in (first, *others)
    ]
    held = first.sample_ids[first.mask("target", "test")]
    assert (
        f"of {sum(not right[0][name] and all(each[name] for each in right[1:]) for name in held)}"
        " test target galaxies" in chosen
    )


def test_arrow_keys_and_neighbours_lead_on(page: Page, compared: list[Run]) -> None:
    found = compared[0].evaluation()
    start = page.locator(".strip-head b").inner_text()
    held = np.flatnonzero(found.split == "test")
    order = found.sample_ids[
        held[np.argsort(found.logits[held, 1] - found.logits[held, 0], kind="stable")]
    ].tolist()
    page.keyboard.press("ArrowRight")
    galaxy_in_strip(page, order[order.index(start) + 1])
    page.keyboard.press("ArrowLeft")
    galaxy_in_strip(page, start)
    neighbour = page.locator(".near [data-galaxy]").first
    others = held[found.group_ids[held] != found.group_ids[found.row_by_id[start]]]
    gaps = ((found.latents[others] - found.latents[found.row_by_id[start]]) ** 2).sum(axis=1)
    name = str(found.sample_ids[others[np.argmin(gaps)]])
    # They come once the hand rests.
    expect(neighbour).to_have_attribute("data-galaxy", name)
    neighbour.focus()
    page.keyboard.press("Enter")
    galaxy_in_strip(page, str(name))


def test_a_column_selects_what_pandas_selects_and_the_link_restores_it(
    page: Page, visit: Callable[..., Page], compared: list[Run]
) -> None:
    run = compared[0]
    samples = run.samples
    linked = visit("?where=mass_ratio:0.4..0.6&colour=column:mass_ratio&threshold=0.6")
    wait_for_panels(linked, 3)
    inside = samples.index[(samples["split"] != "train") & samples["mass_ratio"].between(0.4, 0.6)]
    expect(linked.locator(".count")).to_have_text(str(len(inside)))
    shown = panels(linked)[0]
    assert len(shown["picked"]["x"]) == (samples.loc[inside, "split"] == "test").sum()
    expect(linked.locator(".legend")).to_contain_text("mass_ratio")
    linked.get_by_role("button", name="Clear").click()
    linked.wait_for_function("() => !location.search.includes('where=')")
    assert "colour=column" in linked.url


def test_epochs_play_by_themselves(page: Page, compared: list[Run]) -> None:
    page.get_by_role("button", name="play").click()
    for epoch in compared[0].evaluated:
        expect(page.locator(".panel-head").first).to_contain_text(f"epoch {epoch} ")
    plane = plane_of(compared[0], compared[0].evaluated[-1])[1]
    test = compared[0].evaluation().split == "test"
    wanted = pytest.approx(sorted(plane.x[test]), abs=1e-4)

    def arrived() -> None:
        assert sorted(panels(page)[0]["points"]["x"]) == wanted

    eventually(arrived)


def test_damaged_runs_are_listed_with_the_reason(page: Page) -> None:
    page.get_by_role("tab", name="Runs").click()
    line = page.locator("tr.damaged")
    expect(line).to_contain_text("torn0000")
    expect(line).to_contain_text("not readable JSON")


def test_roc_curves_of_all_runs_in_both_domains(page: Page, compared: list[Run]) -> None:
    page.get_by_role("tab", name="Performance").click()
    summary = page.locator(".summary", has_text="Area under the ROC curve")
    for run in compared:
        expect(summary).to_contain_text(run.label)
    expect(summary).to_contain_text("target (oracle), n = ")
    page.wait_for_function(
        "() => Bokeh.documents.flatMap(doc => [...doc._all_models.values()]).filter(model =>"
        " model.type === 'Figure').length >= 5"
    )
