"""Runs that come in while the page is open, and those that break."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Served
from factories import make_run
from playwright.sync_api import Page, expect
from screen import panels, wait_for_panels

from daexplore.runs import RunWriter

pytestmark = pytest.mark.browser


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "runs").mkdir()
    served = Served(tmp_path / "runs", tmp_path / "server.log")
    yield served
    served.stop()


def test_runs_and_epochs_come_in_by_themselves_and_a_broken_one_is_named(empty: Served, visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit(url=empty.url)
    page.get_by_role("button").first.wait_for()

    run = make_run(empty.runs, "noda", n=400, epochs=3, status="running", saliency=False)
    writer = RunWriter.open(run.path)
    writer.update(selected_epoch=None)
    wait_for_panels(page, 1)
    expect(page.locator(".panel-head")).to_contain_text("epoch 3 ")
    before = panels(page)[0]

    found = run.evaluation(1)
    writer.write_weights(4, {"head.weight": run.head(1)[0], "head.bias": run.head(1)[1]})
    writer.write_evaluation(4, found.sample_ids, found.logits, found.latents)
    expect(page.locator(".panel-head")).to_contain_text("epoch 4 ")
    after = panels(page)[0]
    assert after["id"] == before["id"], "the figure is kept, only its points move"
    assert after["points"]["x"] != before["points"]["x"]

    make_run(empty.runs, "mmd", n=400, epochs=3, saliency=False)
    wait_for_panels(page, 2)

    (run.path / "evaluations" / "epoch=0004" / "outputs.parquet").write_bytes(b"PAR1 nothing PAR1")
    writer.update(note="touched")
    expect(page.get_by_role("alert")).to_contain_text("not a readable parquet file")
    wait_for_panels(page, 1)
