"""The room of the runs in a real browser: sorting, ticking, tags, deleting with undo, and a run out
and in again as one file.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from factories import make_run
from playwright.sync_api import Locator, Page, expect
from server import Served

from daexplore.runs import Run
from daexplore.runs.notes import Note, RunNotes

pytestmark = pytest.mark.browser
MADE = (("noda", 0), ("mmd", 0), ("dann", 0), ("mmd", 1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs-room") / "runs"
    for method, seed in MADE:
        make_run(root, method, seed=seed, n=120, epochs=2, saliency=False)
    torn = root / "20200101T000000-mmd-torn0000"
    torn.mkdir()
    (torn / "run.json").write_text('{"format": 1, "id": <script>alert(1)</script>')
    return root


@pytest.fixture(scope="module")
def served(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(store, tmp_path_factory.mktemp("log") / "server.log")
    yield server
    server.stop()


@pytest.fixture
def page(visit: Callable[..., Page], served: Served) -> Page:
    opened = visit(url=served.url)
    opened.get_by_role("tab", name="Runs").click()
    expect(table(opened).locator("tbody tr")).to_have_count(len(MADE) + 1)
    # Seen once on a busy machine: a key pressed in the moment in which the room appears came before
    # the server knew the table.
    opened.wait_for_timeout(1500)
    return opened


def table(page: Page) -> Locator:
    return page.get_by_role("table", name="Runs", exact=True)


def shown(page: Page) -> list[str]:
    """The folders in the table from top to bottom; that of a damaged run stands alone."""
    found = (
        table(page)
        .locator("tbody tr td:nth-child(2)")
        .evaluate_all(
            "cells => cells.map(cell => (cell.querySelector('small') || cell).textContent)"
        )
    )
    return [str(name) for name in found]


def runs_of(store: Path) -> dict[str, Run]:
    return {
        path.parent.name: Run(path.parent)
        for path in store.glob("*/run.json")
        if "torn" not in str(path)
    }


def tick(page: Page, run_id: str, count: int) -> None:
    table(page).get_by_role("checkbox", name=run_id).check()
    expect(page.get_by_text(f"{count} ticked", exact=True)).to_be_visible()


def test_the_table_sorts_by_keyboard_and_filters_as_pandas_does(page: Page, store: Path) -> None:
    runs = runs_of(store)
    accuracy = pd.Series(
        {
            name: run.info["metrics"]["target"]["test"]["accuracy"]["value"]
            for name, run in runs.items()
        }
    )
    head = table(page).get_by_role("columnheader", name="target accuracy")
    for keys, order, ascending in (("Enter", "ascending", True), ("Space", "descending", False)):
        head.get_by_role("button").press(keys)
        expect(head).to_have_attribute("aria-sort", order)
        expect(table(page).locator("tbody tr").last).to_contain_text("torn0000")
        expected = accuracy.sort_values(ascending=ascending).tolist()
        for _ in range(60):
            found = accuracy[shown(page)[:-1]].tolist()
            if found == expected:
                break
            page.wait_for_timeout(500)
        assert found == expected
    for name, run in runs.items():
        entry = run.info["metrics"]["target"]["test"]["accuracy"]
        line = table(page).locator("tbody tr", has_text=name)
        expect(line).to_contain_text(
            f"{entry['value']:.3f}[{entry['low']:.3f}, {entry['high']:.3f}] test, n = {entry['n']}"
        )
    damaged = table(page).locator("tr.damaged")
    expect(damaged).to_contain_text("not readable JSON")
    page.get_by_label("Find").fill("mmd seed")
    expect(page.get_by_text("2 of 5 runs shown, 1 damaged")).to_be_visible()
    expect(table(page).locator("tbody tr")).to_have_count(2)
    assert set(shown(page)) == {name for name, run in runs.items() if run.method == "mmd"}


def test_ticked_runs_are_compared_by_what_differs_and_go_side_by_side(
    page: Page, store: Path
) -> None:
    first, second = (name for name, run in runs_of(store).items() if run.method == "mmd")
    tick(page, first, 1)
    tick(page, second, 2)
    lines = page.locator(".settings tbody tr")
    expect(lines).to_have_count(1)
    assert lines.locator("td").all_text_contents() == [
        "seed",
        *(str(Run(store / name).seed) for name in (first, second)),
    ]
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".said")).to_have_text("2 runs are side by side now in the other tabs.")
    expect(table(page).locator("tr", has_text="side by side")).to_have_count(2)
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(".panel-head")).to_have_count(2)


def test_two_visitors_see_each_others_tags_and_notes(
    page: Page, visit: Callable[..., Page], served: Served, store: Path
) -> None:
    run_id = next(name for name, run in runs_of(store).items() if run.method == "dann")
    other = visit(url=served.url)
    other.get_by_role("tab", name="Runs").click()
    expect(table(other).locator("tbody tr")).to_have_count(len(MADE) + 1)
    for each, tag in ((page, "paper"), (other, "<b>odd</b>")):
        tick(each, run_id, 1)
        each.get_by_role("combobox", name="Tag", exact=True).fill(tag)
        each.get_by_role("button", name="Add tag").click()
    for each in (page, other):
        expect(table(each).locator("tr", has_text=run_id).locator(".chip")).to_have_text(
            ["<b>odd</b>", "paper"]
        )
    page.get_by_label("Note on").fill("see § 4")
    page.get_by_role("button", name="Save note").click()
    expect(table(other).locator("tr", has_text=run_id)).to_contain_text("see § 4")
    assert RunNotes(store).of(run_id) == Note(("<b>odd</b>", "paper"), "see § 4")


def test_a_run_goes_out_is_deleted_comes_back_and_comes_in_again(
    page: Page, store: Path, tmp_path: Path
) -> None:
    run_id = next(
        name for name, run in runs_of(store).items() if (run.method, run.seed) == ("mmd", 1)
    )
    before = {
        file.relative_to(store).as_posix(): file.read_bytes()
        for file in (store / run_id).rglob("*")
        if file.is_file()
    }
    tick(page, run_id, 1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == f"{run_id}.zip"
    download.value.save_as(tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert {
            name: archive.read(name) for name in archive.namelist() if name != "notes.json"
        } == before

    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".said")).to_contain_text("moved to the trash")
    expect(table(page).locator("tr", has_text=run_id)).to_have_count(0)
    assert not (store / run_id).exists()
    page.get_by_role("button", name="Undo").click()
    expect(table(page).locator("tr", has_text=run_id)).to_have_count(1)
    assert {
        file.relative_to(store).as_posix(): file.read_bytes()
        for file in (store / run_id).rglob("*")
        if file.is_file()
    } == before

    shutil.rmtree(store / run_id)
    expect(table(page).locator("tr", has_text=run_id)).to_have_count(0)
    page.locator("input[type=file]").set_input_files(tmp_path / "run.zip")
    expect(page.locator(".said")).to_contain_text(f"was imported as {run_id}")
    expect(table(page).locator("tr", has_text=run_id)).to_have_count(1)
    assert {
        file.relative_to(store).as_posix(): file.read_bytes()
        for file in (store / run_id).rglob("*")
        if file.is_file()
    } == before

    page.locator("input[type=file]").set_input_files(tmp_path / "run.zip")
    expect(page.get_by_role("alert")).to_contain_text("the same run, in the same state")
