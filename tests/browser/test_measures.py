"""The tabs of measures in a real browser: the curves, points, counts and distances drawn are those
of the run folders.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from screen import wait_for_panels
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from daexplore.runs import Run

pytestmark = pytest.mark.browser
METHODS = ("noda", "mmd", "dann")

FIGURES = """() => JSON.stringify(Bokeh.documents.flatMap(document => [...document._all_models.values()])
  .filter(model => model.type === 'Figure' && Bokeh.index.find_one_by_id(model.id)?.el.getBoundingClientRect().width > 50)
  .map(figure => ({
    tag: figure.tags[0] ?? '', title: figure.title?.text ?? '',
    renderers: figure.renderers.filter(renderer => renderer.data_source).map(renderer => ({glyph: renderer.glyph.type,
      data: Object.fromEntries(Object.entries(renderer.data_source.data).map(([name, column]) => [name, Array.from(column)]))})),
  })))"""


@pytest.fixture(scope="module")
def compared(runs: Path) -> list[Run]:
    found = [Run(path.parent) for path in runs.glob("*/run.json") if "torn" not in str(path)]
    return sorted(found, key=lambda run: METHODS.index(run.method))


def figures(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.evaluate(FIGURES))
    return found


def drawn(page: Page, tag: str, glyph: str) -> list[dict[str, list[Any]]]:
    """The columns of all renderers of a glyph in the figure with this tag."""
    [figure] = [each for each in figures(page) if each["tag"] == tag]
    return [each["data"] for each in figure["renderers"] if each["glyph"] == glyph]


def truth(run: Run, domain: str, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Labels and probability of class 1, straight from the files."""
    table = pd.read_parquet(
        run.path / "evaluations" / f"epoch={run.info['selected_epoch']:04d}" / "outputs.parquet"
    )
    known = pd.read_parquet(run.path / "samples.parquet")[["sample_id", "domain", "split", "label"]]
    here = table.merge(known, on="sample_id").query("domain == @domain and split == @split")
    logits = np.stack(here["logits"])
    return here["label"].to_numpy(int), 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    opened = visit()
    wait_for_panels(opened, 3)
    return opened


def enter(page: Page, tab: str, section: str | None = None) -> None:
    page.get_by_role("tab", name=tab).click()
    if section is not None:
        page.get_by_role("button", name=section, exact=True).click()


def until_drawn(page: Page, tag: str) -> None:
    page.wait_for_function(
        f"tag => JSON.parse(({FIGURES})()).some(figure => figure.tag === tag)", arg=tag
    )


def test_roc_curves_are_scikit_learns_and_the_threshold_moves_the_point_along_them(
    page: Page, compared: list[Run]
) -> None:
    enter(page, "Performance")
    for domain in ("source", "target"):
        until_drawn(page, f"roc-{domain}")
        curves = [
            data for data in drawn(page, f"roc-{domain}", "Line") if len(data.get("fpr", [])) > 2
        ]
        assert len(curves) == len(compared)
        for data, run in zip(curves, compared, strict=True):
            fpr, tpr, _ = roc_curve(*truth(run, domain))
            at = np.linspace(0, 1, 201)
            # The drawn curve has lost no corner: both agree everywhere but on the steps themselves.
            both = [
                np.interp(at, np.asarray(x) + np.arange(len(x)) * 1e-9, y)
                for x, y in ((fpr, tpr), (data["fpr"], data["tpr"]))
            ]
            np.testing.assert_allclose(*both, atol=1e-6)
    slider = page.get_by_label("Threshold", exact=True)
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    threshold = float(slider.get_attribute("aria-valuenow") or "nan")
    assert threshold > 0.5
    for domain in ("source", "target"):
        expected = []
        for run in compared:
            labels, score = truth(run, domain)
            (tn, fp), (fn, tp) = confusion_matrix(labels, score > threshold)
            expected += [fp / (fp + tn), tp / (tp + fn)]
        # The points follow the slider after a round trip, which takes longer on a busy machine.
        for _ in range(60):
            points = [
                data[rate][0]
                for data in drawn(page, f"roc-{domain}", "Scatter")
                for rate in ("fpr", "tpr")
            ]
            if points == pytest.approx(expected):
                break
            page.wait_for_timeout(500)
        assert points == pytest.approx(expected)


def test_the_other_sections_show_what_the_folders_hold(page: Page, compared: list[Run]) -> None:
    enter(page, "Performance", "Precision-recall")
    until_drawn(page, "pr-target")
    curves = [data for data in drawn(page, "pr-target", "Line") if len(data.get("recall", [])) > 2]
    for data, run in zip(curves, compared, strict=True):
        precision, recall, _ = precision_recall_curve(*truth(run, "target"))
        held = set(zip(np.round(recall, 6), np.round(precision, 6), strict=True))
        drawn_points = set(
            zip(np.round(data["recall"], 6), np.round(data["precision"], 6), strict=True)
        )
        # At recall 0 scikit-learn puts a point of precision 1 that no threshold gives.
        assert sum(point not in held for point in drawn_points if point[0] > 0) == 0

    page.get_by_role("button", name="Confusion", exact=True).click()
    expect(page.locator("table", has_text="predicted").first).to_be_visible()
    words = " ".join(page.locator("table").all_inner_texts())
    for run in compared:
        labels, score = truth(run, "target")
        for count in confusion_matrix(labels, score > 0.5).ravel():
            assert re.search(rf"\b{count}\b", words), (run.method, count)

    page.get_by_role("button", name="All metrics", exact=True).click()
    labels, score = truth(compared[0], "target")
    accuracy = f"{float(((score > 0.5) == labels).mean()):.3f}"
    expect(page.get_by_role("cell").filter(has_text=accuracy).first).to_be_visible()


def test_domain_distance_shows_what_was_logged_and_walls_that_can_be_tapped(
    page: Page, compared: list[Run]
) -> None:
    enter(page, "Domain distance")
    page.wait_for_function(
        f"() => JSON.parse(({FIGURES})()).filter(figure => figure.title.includes('MMD²')).length"
        " >= 2"
    )
    shown = [
        data["data"]
        for each in figures(page)
        if "over the epochs" in each["title"]
        for data in each["renderers"]
    ]
    points = next(data for data in shown if {"run", "value", "epoch"} <= set(data))
    table = pd.DataFrame({name: points[name] for name in ("run", "epoch", "value")})
    for run in compared:
        logged = (
            run.history().query("name == 'mmd2' and split == 'test'").set_index("epoch")["value"]
        )
        mine = table[
            table["run"].str.startswith({"noda": "noDA", "mmd": "MMD", "dann": "DANN"}[run.method])
        ].set_index("epoch")["value"]
        pd.testing.assert_series_equal(
            mine.sort_index(), logged.sort_index(), check_dtype=False, check_index_type=False
        )

    first = page.locator("section .gallery").first
    expect(first.locator("img").first).to_be_visible(timeout=120_000)
    expect(page.get_by_role("columnheader", name="MMD").first).to_be_visible(timeout=120_000)
    tapped = first.locator("[data-galaxy]").nth(1)
    name = tapped.get_attribute("data-galaxy")
    tapped.click()
    expect(page.locator(".strip-head b", has_text=name).last).to_be_visible()
