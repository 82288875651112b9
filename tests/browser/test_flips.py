"""The room of flips in a real browser: its counts, images and table are those of the run
folders.
"""

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect
from screen import galaxy_in_strip, wait_for_panels

from daexplore.runs import Run

pytestmark = pytest.mark.browser
METHODS = ("noda", "mmd", "dann")


@pytest.fixture(scope="module")
def right(runs: Path) -> dict[str, "pd.Series[bool]"]:
    """For each method whether each target galaxy of the test split is called right at the selected
    epoch, at a threshold of 0.5.
    """
    found = {}
    for run in (Run(path.parent) for path in runs.glob("*/run.json") if "torn" not in str(path)):
        outputs = pd.read_parquet(
            run.path / "evaluations" / f"epoch={run.selected_epoch:04d}" / "outputs.parquet"
        ).set_index("sample_id")
        samples = pd.read_parquet(run.path / "samples.parquet").set_index("sample_id")
        table = outputs[["probability"]].join(samples[["label", "domain", "split"]])
        table = table[(table["domain"] == "target") & (table["split"] == "test")]
        found[run.method] = (table["probability"] > 0.5).astype(int) == table["label"].astype(int)
    return found


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    opened = visit()
    wait_for_panels(opened, 3)
    opened.get_by_role("tab", name="Flips").click()
    opened.locator("table.flips").wait_for()
    return opened


def pile(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def test_counts_equal_pandas_and_the_control_is_asked_for(
    page: Page, right: dict[str, "pd.Series[bool]"]
) -> None:
    before = right["noda"]
    for method, name in (("mmd", "MMD"), ("dann", "DANN")):
        after = right[method]
        page.get_by_role("button", name=name, exact=True).click()
        expected = {
            "Fixed": ~before & after,
            "Broken": before & ~after,
            "Right in both": before & after,
            "Wrong in both": ~before & ~after,
        }
        for title, mask in expected.items():
            expect(pile(page, title).locator(".pile-count")).to_have_text(str(int(mask.sum())))
            expect(pile(page, title)).to_contain_text(
                f"{min(10, int(mask.sum()))} shown of {int(mask.sum())}"
            )
        expect(pile(page, "Fixed")).to_contain_text(f"wrong under noDA, right under {name} oracle")
        expect(page.locator("table.rates").first).to_contain_text(
            f"{(~before & after).sum()} fixed, {(before & ~after).sum()} broken"
        )
    chain = (
        f"noDA to MMD {(~before & right['mmd']).sum()} fixed, {(before & ~right['mmd']).sum()}"
        " broken"
    )
    expect(page.locator(".summary", has_text=chain)).to_be_visible()
    bands = page.evaluate(
        """() => Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
          .filter(model => model.type === 'ColumnDataSource' && model.data.galaxies).map(model => Array.from(model.data.galaxies))"""
    )
    pairs = (("noda", "mmd"), ("mmd", "dann"))
    assert sorted(bands[-1]) == sorted(
        int(n)
        for one, other in pairs
        for n in pd.crosstab(right[one], right[other]).to_numpy().ravel()
        if n
    )
    lone = page.locator("details", has_text="MMD has no second seed here")
    lone.locator("summary").click()
    expect(lone.locator("code")).to_contain_text("daexplore train")


def test_a_galaxy_is_chosen_by_the_keyboard_and_shown_in_compare(
    page: Page, right: dict[str, "pd.Series[bool]"]
) -> None:
    mask = right["noda"] & right["mmd"]
    heap = pile(page, "Right in both")
    expect(heap.locator("img")).to_have_count(10)
    assert all(
        image.evaluate("image => image.naturalWidth") > 0 for image in heap.locator("img").all()
    )
    first = heap.locator(".cell").first.get_attribute("data-galaxy")
    heap.get_by_label("next galaxies").focus()
    page.keyboard.press("Enter")
    expect(heap).to_contain_text(f"10 shown of {mask.sum()}, 11 to 20")
    cell = heap.locator(".cell").first
    expect(cell).not_to_have_attribute("data-galaxy", str(first))
    chosen = str(cell.get_attribute("data-galaxy"))
    assert mask[chosen]
    cell.focus()
    page.keyboard.press("Enter")
    expect(cell).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Show it in Compare").click()
    galaxy_in_strip(page, chosen)


def test_the_table_sorts_all_flips_and_is_saved_as_it_stands(
    page: Page, right: dict[str, "pd.Series[bool]"], tmp_path: Path
) -> None:
    flipped = right["noda"].index[
        (right["mmd"] != right["noda"]) | (right["dann"] != right["noda"])
    ]
    expect(page.get_by_text(f"15 shown of {len(flipped)}, 1 to 15")).to_be_visible()
    page.get_by_role("button", name="p MMD", exact=True).click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("p MMD")
    page.get_by_role("button", name="p MMD", exact=True).click()
    expect(page.locator("th[aria-sort='descending']")).to_contain_text("p MMD")
    shown = page.locator("table.flips tbody tr td:first-child").all_inner_texts()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as CSV").click()
    waiting.value.save_as(tmp_path / "flips.csv")
    text = (tmp_path / "flips.csv").read_text()
    table = pd.read_csv(io.StringIO(text), comment="#")
    assert set(table["sample_id"]) == set(flipped)
    assert table["p MMD"].is_monotonic_decreasing
    assert table["sample_id"].head(15).tolist() == shown
    assert text.count("# run: ") == 3
