"""Runs that come in while the page is open, and those that break."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import make_run
from playwright.sync_api import Page, expect
from screen import panels, wait_for_panels
from server import Served

from daexplore.runs import RunWriter

pytestmark = pytest.mark.browser


@pytest.fixture
def one_run(tmp_path: Path) -> Iterator[Served]:
    make_run(tmp_path / "runs", "noda", n=400, epochs=3, saliency=False)
    served = Served(tmp_path / "runs", tmp_path / "server.log")
    yield served
    served.stop()


def test_runs_and_epochs_come_in_by_themselves_and_a_broken_one_is_named(
    one_run: Served, visit: Callable[..., Page]
) -> None:
    page = visit(url=one_run.url)
    wait_for_panels(page, 1)

    run = make_run(one_run.runs, "mmd", n=400, epochs=3, status="running", saliency=False)
    writer = RunWriter.open(run.path)
    writer.update(selected_epoch=None)
    wait_for_panels(page, 2)
    head = page.locator(".panel-head").nth(1)
    expect(head).to_contain_text("running")
    expect(head).to_contain_text("epoch 3 ")
    before = panels(page)[1]

    found = run.evaluation(1)
    weight, bias = run.head(1)
    writer.write_weights(4, {"head.weight": weight, "head.bias": bias})
    writer.write_evaluation(4, found.sample_ids, found.logits, found.latents)
    expect(head).to_contain_text("epoch 4 ")
    after = panels(page)[1]
    assert after["id"] == before["id"], "the figure is kept, only its points move"
    assert after["points"]["x"] != before["points"]["x"]

    (run.path / "evaluations" / "epoch=0004" / "outputs.parquet").write_bytes(b"PAR1 nothing PAR1")
    writer.update(note="touched")
    expect(page.get_by_role("alert")).to_contain_text("not a readable parquet file")
    wait_for_panels(page, 1)
