"""JupyterLab in a real browser: the explorer below a cell, and the first tutorial from top to
bottom.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from lab import Lab, run_all
from playwright.sync_api import Frame, Locator, Page, expect
from process import ROOT
from screen import galaxy_in_strip, panels, pixel, wait_for_panels

from daexplore.runs import Run

pytestmark = pytest.mark.browser
TUTORIAL = ROOT / "notebooks" / "01_domain_discrepancy.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3"}
STARTS = """() => Bokeh.documents.flatMap(document => [...document._all_models.values()])
  .filter(model => model.type === 'Figure').map(figure => figure.x_range.start)"""
FAULTS = (
    "[data-mime-type='application/vnd.jupyter.error'],"
    " [data-mime-type='application/vnd.jupyter.stderr']"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("settings"))
    yield started
    started.stop()


def outputs(run: Run) -> pd.DataFrame:
    """Straight from the files: the test images at the selected epoch with what is known of them."""
    table = pd.read_parquet(
        run.path / "evaluations" / f"epoch={run.info['selected_epoch']:04d}" / "outputs.parquet"
    )
    known = pd.read_parquet(run.path / "samples.parquet")[["sample_id", "domain", "split", "label"]]
    return table.merge(known, on="sample_id").query("split == 'test'").reset_index(drop=True)


def click_in(page: Page, frame: Frame, x: float, y: float) -> None:
    """Clicks at a place of the frame's own page, which the cell shows smaller."""
    box = frame.frame_element().bounding_box()
    assert box is not None
    scale = box["width"] / frame.evaluate("innerWidth")
    page.mouse.click(box["x"] + scale * x, box["y"] + scale * y)


def test_the_explorer_opens_below_a_cell_and_follows_the_hand(
    lab: Lab, visit: Callable[..., Page], runs: Path
) -> None:
    compared = {
        run.method: run
        for run in (Run(path.parent) for path in runs.glob("*/run.json") if "torn" not in str(path))
    }
    pair = [str(compared[method].path) for method in ("noda", "mmd")]
    cells = ["import daexplore", f"daexplore.explore({pair!r})"]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": KERNEL}
    )
    nbformat.write(notebook, lab.folder / "explore.ipynb")
    page = visit(url=lab.url("explore.ipynb"))
    run_all(page, len(cells), 2)
    shown = page.locator("iframe[title='daexplore explorer']")
    shown.scroll_into_view_if_needed()
    frame = shown.element_handle().content_frame()
    assert frame is not None

    wait_for_panels(frame, 2)
    expect(page.locator(FAULTS)).to_have_count(0)
    tables = [outputs(compared[method]) for method in ("noda", "mmd")]
    targets = [table[table["domain"] == "target"] for table in tables]
    accuracies = [100 * (target["predicted"] == target["label"]).mean() for target in targets]
    sentence = (
        rf"On {len(targets[0])} .*accuracy noDA {accuracies[0]:.1f}% → MMD {accuracies[1]:.1f}%"
    )
    expect(frame.locator(".headline")).to_contain_text(re.compile(sentence))

    margins = tables[0]["logits"].map(lambda logits: logits[1] - logits[0])
    plane = panels(frame)[0]
    farthest = plane["points"]["x"].index(max(plane["points"]["x"]))
    expect(
        frame.locator(".strip-head b", has_text=tables[0]["sample_id"][margins.idxmax()])
    ).to_have_count(0)
    click_in(
        page,
        frame,
        *pixel(frame, plane, plane["points"]["x"][farthest], plane["points"]["y"][farthest]),
    )
    galaxy_in_strip(frame, tables[0]["sample_id"][margins.idxmax()])

    frame.get_by_role("tab", name="Runs").click()
    expect(frame.get_by_text("20200101T000000-mmd-torn0000").first).to_be_visible()


def moved_alone(page: Page, figure: Locator, before: list[float]) -> bool:
    """Drags a figure to the right once it stands still; whether its x axis then begins farther
    left, and no other does.
    """
    figure.scroll_into_view_if_needed()
    box, last = figure.bounding_box(), None
    while box != last:
        page.wait_for_timeout(500)
        box, last = figure.bounding_box(), box
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=6)
    page.mouse.up()
    last = None
    while last is None or last != page.evaluate(STARTS):
        last = page.evaluate(STARTS)
        page.wait_for_timeout(1000)
    return [after < start - 0.05 for after, start in zip(last, before, strict=True)].count(
        True
    ) == 1


@pytest.mark.slow
def test_the_first_tutorial_runs_and_its_plots_can_be_moved(
    lab: Lab, visit: Callable[..., Page]
) -> None:
    notebook = nbformat.read(TUTORIAL, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for name, fewer in (("n", 400), ("epochs", 2)):
        code[0].source, found = re.subn(
            rf"^{name} = \d+", f"{name} = {fewer}", code[0].source, flags=re.MULTILINE
        )
        assert found == 1
    nbformat.write(notebook, lab.folder / TUTORIAL.name)
    page = visit(url=lab.url(TUTORIAL.name))
    run_all(page, len(code), 8)
    expect(page.locator(FAULTS)).to_have_count(0)

    drawn = [
        place
        for place, cell in enumerate(code)
        if re.search(r"^(show|planes)\(", cell.source, flags=re.MULTILINE)
    ]
    assert len(drawn) >= 7
    for place in drawn:
        figure = page.locator(".jp-CodeCell").nth(place).locator(".bk-Figure").first
        figure.scroll_into_view_if_needed()
        expect(figure.locator("canvas").first).to_be_visible()

    cell = page.locator(".jp-CodeCell").nth(
        next(place for place in drawn if re.search(r"show\(\s*roc_curves\(", code[place].source))
    )
    cell.locator("[title^=Pan]").click()
    before = page.evaluate(STARTS)
    # Outputs that are still laid out above move the figure away from under the mouse.
    assert any(moved_alone(page, cell.locator(".bk-Figure"), before) for _ in range(5)), (
        "a drag moved no plot, or more than one"
    )
