"""Training from the page in a real browser, with the real command line on small galaxies."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from factories import make_galaxies, make_run
from playwright.sync_api import Locator, Page, expect
from screen import wait_for_panels
from server import Served

from daexplore.app.jobs.job import JOBS_FOLDER
from daexplore.data.simulate import PRESETS, SIMULATOR_VERSION
from daexplore.runs import Run, RunStore

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BEGIN = "Train noDA, MMD and DANN"
# Three processes that import torch, on a busy machine.
PATIENCE = 240_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the demo preset's place is taken by a few galaxies that are made in a
    moment.
    """
    return in_place_of_the_demo(tmp_path_factory.mktemp("cache"), 300, 32)


def in_place_of_the_demo(root: Path, n: int, size: int) -> Path:
    name = f"demo-n{PRESETS['demo'].n}-seed0-v{SIMULATOR_VERSION}"
    make_galaxies(root / "simulated" / name, n, size=size)
    return root


def serving(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server over a folder without runs; trainings that still run at the end are ended."""
    monkeypatch.setenv("DAEXPLORE_CACHE", str(cache))
    served = Served(folder / "runs", folder / "server.log")
    yield served
    served.stop()
    for run in RunStore(folder / "runs").runs():
        if run.alive():
            os.kill(run.info["process"]["pid"], signal.SIGKILL)


@pytest.fixture
def empty(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    yield from serving(tmp_path, cache, monkeypatch)


@pytest.fixture
def empty_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The same with so many galaxies that no training ends while the page is looked at."""
    large = in_place_of_the_demo(tmp_path / "large", 1200, 75)
    yield from serving(tmp_path, large, monkeypatch)


def first_page(visit: Callable[..., Page], served: Served) -> Page:
    """An empty folder opens with the package's example runs; the first page is a button away."""
    page = visit(url=served.url)
    page.get_by_role("button", name="Train your own").click()
    return page


def train_for_long(visit: Callable[..., Page], served: Served, without: tuple[str, ...]) -> Page:
    """So many epochs that none comes to its end while the page is looked at."""
    make_run(served.runs, "noda", n=400, epochs=2)
    page = visit(url=served.url)
    wait_for_panels(page, 1)
    page.get_by_role("tab", name="Train").click()
    page.get_by_label("Epochs", exact=True).fill("500")
    page.get_by_label("Epochs", exact=True).press("Tab")
    for method in without:
        page.get_by_role("button", name=method, exact=True).click()
    page.get_by_role("button", name=re.compile("Start . training")).click()
    return page


def card(page: Page, method: str) -> Locator:
    return page.locator(".live-card", has=page.locator(".live-head b", has_text=method))


def wait_until(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def busy_share(served: Served, seconds: float = 2.0) -> float:
    """Share of the time in which the process that serves the page computes; of no other process."""
    process = psutil.Process(served.pid)
    before, began = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    after, took = process.cpu_times(), time.perf_counter() - began
    return (after.user + after.system - before.user - before.system) / took


def statuses(root: Path) -> list[str]:
    return sorted(json.loads(file.read_text())["status"] for file in root.glob("*/run.json"))


def test_empty_folder_shows_both_domains_and_the_trio_trains_live_until_the_comparison(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = first_page(visit, empty)
    expect(page.get_by_role("heading", name="loses its skill on the survey")).to_be_visible(
        timeout=PATIENCE
    )
    for domain in ("source", "target"):
        for kind in ("mergers", "non-mergers"):
            picture = page.get_by_alt_text(f"images of {kind} in the {domain} domain")
            expect(picture).to_be_visible(timeout=PATIENCE)
            assert picture.evaluate("image => image.naturalWidth") > 500

    page.get_by_role("button", name=BEGIN).click()
    for method in ("noDA", "MMD", "DANN"):
        expect(card(page, method)).to_contain_text("running", timeout=PATIENCE)
    expect(card(page, "MMD")).to_contain_text("Margin plane after epoch", timeout=PATIENCE)
    expect(card(page, "MMD")).to_contain_text("target (oracle)", timeout=PATIENCE)

    # Its one thread also answers the user; how fast it does depends on what else the machine does.
    assert busy_share(empty) < 0.8

    page.set_default_timeout(PATIENCE)
    wait_for_panels(page, 3)
    assert statuses(empty.runs) == ["finished"] * 3
    assert not any((empty.runs / JOBS_FOLDER).iterdir())


def test_stop_of_one_and_of_all_leaves_runs_that_can_be_resumed(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = train_for_long(visit, empty, without=("DANN",))
    going_on = re.compile(r"Epoch \d+ of 500")
    expect(card(page, "MMD")).to_contain_text(going_on, timeout=PATIENCE)
    card(page, "MMD").get_by_role("button", name="Stop").click()
    expect(card(page, "MMD")).to_contain_text("Stopped after", timeout=PATIENCE)
    expect(card(page, "noDA")).to_contain_text(going_on, timeout=PATIENCE)
    page.get_by_role("button", name="Stop all").click()
    expect(card(page, "noDA")).to_contain_text("Stopped", timeout=PATIENCE)
    assert statuses(empty.runs) == ["finished", "stopped", "stopped"]

    card(page, "MMD").get_by_role("button", name="Resume").click()
    expect(card(page, "MMD")).to_contain_text(going_on, timeout=PATIENCE)
    page.get_by_role("button", name="Stop all").click()
    expect(card(page, "MMD")).to_contain_text("Stopped after", timeout=PATIENCE)


def test_the_first_page_offers_to_train_again_after_all_was_stopped(
    empty_for_long: Served, visit: Callable[..., Page]
) -> None:
    page = first_page(visit, empty_for_long)
    page.get_by_role("button", name=BEGIN).click()
    page.get_by_role("button", name="Stop all").click(timeout=PATIENCE)
    expect(page.get_by_role("button", name=f"{BEGIN} again")).to_be_visible(timeout=PATIENCE)
    assert "running" not in statuses(empty_for_long.runs)


def test_worker_that_dies_shows_its_error_and_the_others_go_on(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = first_page(visit, empty)
    page.get_by_role("button", name=BEGIN).click()

    def started() -> list[Run]:
        return [run for run in RunStore(empty.runs).runs() if run.method == "dann"]

    # Not through the page, which may show a training only when that is over.
    wait_until(lambda: bool(started()))
    os.kill(started()[0].info["process"]["pid"], signal.SIGKILL)
    expect(card(page, "DANN").get_by_role("alert")).to_contain_text(
        "ended by SIGKILL", timeout=PATIENCE
    )
    for method in ("noDA", "MMD"):
        expect(card(page, method)).to_contain_text("Finished", timeout=PATIENCE)
    page.get_by_role("button", name="Open the comparison").click()
    wait_for_panels(page, len([run for run in RunStore(empty.runs).runs() if run.evaluated]))


def test_bad_galaxies_are_named_on_the_page(
    empty: Served, visit: Callable[..., Page], tmp_path: Path
) -> None:
    make_run(empty.runs, "noda", n=400, epochs=2)
    (tmp_path / "source").mkdir()
    page = visit(url=empty.url)
    wait_for_panels(page, 1)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="my own").click()
    page.get_by_role("textbox", name="Source").fill(str(tmp_path / "source"))
    page.get_by_role("textbox", name="Target").fill(str(tmp_path / "nowhere"))
    page.get_by_role("textbox", name="Target").press("Tab")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere do not exist")
    (tmp_path / "nowhere").mkdir()
    page.get_by_role("button", name="MMD").click()
    page.get_by_role("button", name="DANN").click()
    page.get_by_role("button", name="Start 1 training").click()
    expect(card(page, "noDA").get_by_role("alert")).to_contain_text(
        str(tmp_path / "source"), timeout=PATIENCE
    )
    expect(card(page, "noDA")).not_to_contain_text("Traceback")


def test_run_that_comes_in_while_the_page_is_loading_is_shown(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = first_page(visit, empty)
    make_run(empty.runs, "noda", n=400, epochs=2)
    page.set_default_timeout(PATIENCE)
    wait_for_panels(page, 1)


def test_page_opened_anew_finds_the_trainings_and_closing_it_stops_them_if_asked(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = train_for_long(visit, empty, without=("DANN",))
    expect(card(page, "noDA")).to_be_visible(timeout=PATIENCE)
    # By default closing leaves them alone; the next page shows them again.
    page.close()
    again = visit(url=empty.url)
    again.get_by_role("tab", name="Train").click()
    for method in ("noDA", "MMD"):
        expect(card(again, method)).to_be_visible(timeout=PATIENCE)
    again.close()
    epochs = {run.id: run.info["progress"]["epoch"] for run in RunStore(empty.runs).runs()}

    def go_on() -> bool:
        runs = [run for run in RunStore(empty.runs).runs() if run.status == "running"]
        return [run.method for run in runs if run.info["progress"]["epoch"] > epochs[run.id]] != []

    wait_until(go_on)


def test_closing_the_page_stops_what_it_started_if_asked(
    empty: Served, visit: Callable[..., Page], tmp_path: Path
) -> None:
    page = train_for_long(visit, empty, without=("MMD", "DANN"))
    expect(card(page, "noDA")).to_contain_text("of 500", timeout=PATIENCE)
    page.get_by_role("button", name="stop it").click()
    # What a page says is heard in its order: once the form has answered, so was the choice.
    page.get_by_label("Epochs", exact=True).fill("7")
    page.get_by_label("Epochs", exact=True).press("Tab")
    expect(page.get_by_text("--epochs 7").first).to_be_visible(timeout=PATIENCE)
    page.close()
    (run,) = (run for run in RunStore(empty.runs).runs() if run.info["progress"]["epochs"] == 500)

    def stopped() -> bool:
        return Run(run.path).info["status"] == "stopped"

    wait_until(stopped)


def test_two_visitors_train_at_once_and_neither_disturbs_the_other(
    empty: Served, visit: Callable[..., Page]
) -> None:
    shown = make_run(empty.runs, "noda", n=400, epochs=4)
    pages = [visit(url=empty.url) for _ in range(2)]
    for page, others, epochs in zip(
        pages, (("MMD", "DANN"), ("noDA", "DANN")), ("500", "3"), strict=True
    ):
        wait_for_panels(page, 1)
        page.get_by_role("tab", name="Train").click()
        for method in others:
            page.get_by_role("button", name=method, exact=True).click()
        page.get_by_label("Epochs", exact=True).fill(epochs)
        page.get_by_label("Epochs", exact=True).press("Tab")
    first, second = pages
    first.get_by_role("button", name="Start 1 training").click()
    expect(card(first, "noDA")).to_contain_text("of 500", timeout=PATIENCE)
    # What one has chosen, started and looks at is not on the other's page.
    expect(second.get_by_label("Epochs", exact=True)).to_have_value("3")
    assert card(second, "noDA").count() == 0
    second.get_by_role("button", name="Start 1 training").click()
    expect(card(second, "MMD")).to_contain_text("Finished", timeout=PATIENCE)
    assert card(first, "MMD").count() == 0
    second.get_by_role("tab", name="Compare").click()
    second.get_by_role("slider").nth(1).press("ArrowRight")
    second.wait_for_function("() => location.search.includes('threshold=0.51')")
    assert "threshold" not in first.url
    assert statuses(empty.runs) == ["finished", "finished", "running"]
    # The first one stops and leaves; the second one's page stays as it is.
    first.get_by_role("button", name="Stop all").click()
    expect(card(first, "noDA")).to_contain_text("Stopped after", timeout=PATIENCE)
    first.close()
    second.get_by_role("tab", name="Train").click()
    expect(card(second, "MMD")).to_contain_text("Finished")
    assert sorted(run.method for run in RunStore(empty.runs).runs() if run.id != shown.id) == [
        "mmd",
        "noda",
    ]


def test_a_further_method_with_an_option_pauses_dies_and_is_resumed(
    empty: Served, visit: Callable[..., Page]
) -> None:
    page = visit(url=empty.url)
    page.locator("#first-words").wait_for(state="detached")
    page.get_by_role("tab", name="Train").click()
    for method in ("noDA", "MMD", "DANN"):
        page.get_by_role("button", name=method, exact=True).click()
    page.get_by_label("More methods and options").click()
    page.get_by_label("Add an option").click()
    page.keyboard.type("batch_size")
    page.get_by_text("train.batch_size (64)").click()
    page.get_by_label("train.batch_size", exact=True).fill("48")
    page.get_by_label("Epochs", exact=True).fill("40")
    page.get_by_label("Further methods").click()
    page.get_by_text("LMMD", exact=True).first.click()
    command = page.locator("pre.commands")
    expect(command).to_contain_text("--method lmmd --seed 0 --epochs 40 --set train.batch_size=48")
    expect(command).not_to_contain_text("noda")
    # Beside the open list: it closes.
    page.mouse.click(1000, 800)
    page.get_by_role("button", name="Start 1 training").click()

    found = card(page, "LMMD")
    expect(found).to_contain_text(re.compile(r"Epoch \d+ of 40"), timeout=PATIENCE)
    [run] = RunStore(empty.runs).runs()
    process = psutil.Process(run.info["process"]["pid"])
    found.get_by_role("button", name="Pause").click()
    expect(found).to_contain_text("Paused after")
    assert process.status() == psutil.STATUS_STOPPED
    found.get_by_label("Losses and gradients").click()
    expect(found.locator("svg.forces")).to_have_attribute("aria-label", re.compile("LMMD"))
    expect(found.locator("ul.forces")).to_contain_text(
        "each target class moves to the same class of the source"
    )
    found.get_by_role("button", name="Go on").click()
    expect(found).to_contain_text(re.compile(r"Epoch \d+ of 40"))
    assert process.status() != psutil.STATUS_STOPPED

    process.kill()
    expect(found.get_by_role("alert")).to_contain_text("ended by SIGKILL", timeout=3000)
    found.get_by_role("button", name="Resume").click()
    expect(found).to_contain_text("Finished", timeout=PATIENCE)
    run.reload()
    assert (run.status, run.method, run.config.train.batch_size, run.evaluated) == (
        "finished",
        "lmmd",
        48,
        list(range(1, 41)),
    )
