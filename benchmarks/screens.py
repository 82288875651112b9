"""Pictures of every tab of the explorer over the example runs, light and dark.

`python benchmarks/screens.py [--out DIR] [--width PIXELS] [--height PIXELS] [--tabs NAME ...]`
serves the explorer over a copy of them, enters each tab, waits until nothing is computed or moves
any more, and writes TAB-light.png and TAB-dark.png. Fails if a page logs an error or asks another
host.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from daexplore.app.state import EXAMPLES
from daexplore.app.tabs.registry import TABS
from daexplore.runs import Run, RunStore

ROOT = Path(__file__).parents[1]
METHODS = ("noda", "mmd", "dann")
SEED = 0
THEMES = ("light", "dark")
_UNDER_WAY = re.compile(r"computing|drawing …|opening the galaxy|reading|^…$", re.IGNORECASE)
_PATIENCE = 300.0  # [s] for a tab whose numbers take long
_GLANCE = 1.0  # [s] between two looks
_ALIKE = 4  # looks, that must be


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "screens")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--tabs", nargs="*", default=[tab.name for tab in TABS])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with served() as url, chromium() as browser:
        page, size = (
            f"{url}?runs={','.join(run.id for run in compared())}",
            (given.width, given.height),
        )
        problems = [
            problem
            for theme in THEMES
            for problem in pictures(browser, page, theme, given.tabs, given.out, size)
        ]
    print(
        f"{sum(file.stat().st_size for file in given.out.glob('*.png')) / 1e6:.2f} MB in"
        f" {given.out}"
    )
    if problems:
        sys.exit("\n".join(problems))


def compared() -> list[Run]:
    """The example runs that are shown: one a method, those with epochs to play."""
    runs = RunStore(EXAMPLES).runs()
    return [
        next(run for run in runs if (run.method, run.seed) == (method, SEED)) for method in METHODS
    ]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """CHROMIUM, else one on the path, else Playwright's own."""
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def served(empty: bool = False) -> Iterator[str]:
    """The explorer over a copy of the example runs, so that nothing is written into the package, or
    over an empty folder; its address.
    """
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        if not empty:
            shutil.copytree(EXAMPLES, Path(folder) / "runs")
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [
            sys.executable,
            "-m",
            "panel",
            "serve",
            str(ROOT / "apps" / "explorer.py"),
            "--port",
            str(port),
            "--address",
            "127.0.0.1",
        ]
        with (Path(folder) / "server.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | {"DAEXPLORE_RUNS": "runs"},
                stdout=log,
                stderr=log,
            )
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(
                        f"http://127.0.0.1:{port}/favicon.ico", timeout=1
                    ).close()
                    break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/explorer"
        finally:
            process.terminate()
            process.wait(20)


def pictures(
    browser: Browser, url: str, theme: str, tabs: list[str], out: Path, size: tuple[int, int]
) -> list[str]:
    """Write the pictures of one theme; what was wrong with the pages, in sentences."""
    page, problems = visited(browser, url, size)
    if theme == "dark":
        page.get_by_label("Toggle theme").click()
    for tab in tabs:
        page.get_by_role("tab", name=tab).click()
        page.mouse.move(size[0] - 2, size[1] - 2)
        keep(at_rest(page, tab), out / f"{tab.lower().replace(' ', '-')}-{theme}.png")
    page.context.close()
    return problems


def visited(browser: Browser, url: str, size: tuple[int, int]) -> tuple[Page, list[str]]:
    """A page that has its first numbers, and a list into which comes what goes wrong on it, in
    sentences.
    """
    problems: list[str] = []
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.set_default_timeout(120_000)

    def stop(route: Route) -> None:
        if route.request.url.startswith(("data:", "blob:", "http://127.0.0.1:")):
            route.continue_()
        else:
            problems.append(f"A page asked another host: {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"A page logged: {message.text}")

    page.route("**/*", stop)
    page.on("console", listen)
    page.on("pageerror", lambda error: problems.append(f"A page failed: {error}"))
    page.goto(url)
    page.locator(".headline b").first.wait_for()
    return page, problems


def at_rest(page: Page, tab: str) -> bytes:
    """A picture of the page, once nothing is under way and several looks are alike."""
    looks: list[bytes] = []
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        time.sleep(_GLANCE)
        under_way = (
            page.get_by_text(_UNDER_WAY).filter(visible=True).count()
            or page.locator(".bar").filter(visible=True).count()
        )
        looks = [*looks, page.screenshot()][-_ALIKE:]
        if not under_way and looks == [looks[0]] * _ALIKE:
            return looks[0]
    sys.exit(f"The tab {tab} did not come to rest within {_PATIENCE:.0f} s.")


def keep(png: bytes, file: Path) -> None:
    """Write a picture, and says so."""
    file.write_bytes(small(png))
    print(file.name, f"{file.stat().st_size / 1000:.0f} kB", flush=True)


def small(png: bytes) -> bytes:
    """The picture with a palette, a quarter as large."""
    made = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, kmeans=2).save(
        made, "PNG", optimize=True
    )
    return made.getvalue()


if __name__ == "__main__":
    main()
