"""A real Chromium on a real server: every request to another host is stopped and remembered."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from factories import make_run
from server import Served

# Pages that the tests serve are no tests.
collect_ignore_glob = ["*_page.py"]

# A busy machine is slow, not wrong.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """noDA, MMD and DANN on the same galaxies, and a run whose run.json is torn."""
    root = tmp_path_factory.mktemp("explorer")
    for method in ("noda", "mmd", "dann"):
        make_run(root / "runs", method, n=1200, epochs=4, data_path=root / "data")
    torn = root / "runs" / "20200101T000000-mmd-torn0000"
    torn.mkdir()
    (torn / "run.json").write_text('{"format": 1, "id": ')
    return root / "runs"


@pytest.fixture(scope="session")
def server(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(runs, tmp_path_factory.mktemp("log") / "server.log")
    yield served
    served.stop()


@pytest.fixture
def visit(chromium: Browser, server: Served) -> Iterator[Callable[..., Page]]:
    """Open the explorer in a browser context of its own; at the end no page may have logged an
    error or asked another host.
    """
    contexts, errors, foreign = [], [], []

    def stop(route: Route) -> None:
        if route.request.url.startswith(("data:", "blob:", "http://127.0.0.1:")):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def open_page(query: str = "", url: str | None = None) -> Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.route("**/*", stop)
        page.on("console", listen)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((url or server.url) + query)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert foreign == []
    assert errors == []
