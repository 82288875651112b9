"""How fast the explorer answers, beside a plain HoloViews page of the same data.

`python benchmarks/explorer [--points N --runs R] [--alone] [--out FILE]` serves made-up runs of
galaxies with images and Grad-CAM maps, opens them in Chromium, and takes the time in the page
itself from the event of the visitor's hand to the frame that shows all of the answer: halos in all
panels, image and maps after a tap; points after a step of the epoch; the boundary after a step of
the threshold; dimmed points and the selection's numbers after a lasso. Ratios are the record.
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
sys.path[:0] = [str(TESTS / "helpers"), str(TESTS / "browser")]
factories, server = (importlib.import_module(name) for name in ("factories", "server"))
WATCH = (HERE / "watch.js").read_text()
METHODS = ("noda", "mmd", "dann")
PAUSE = 600  # [ms] between two actions, so that none waits for what the last one left to do
DRAG = 40  # [ms] between two steps of a drag


class Visitor:
    """One browser page, and what its hand does.

    Args:
        browser: to open it in.
        url: where.
        ready: CSS selector of what stands when the page can be used.
    """

    def __init__(self, browser: Browser, url: str, ready: str) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.set_default_timeout(300_000)
        self.page.add_init_script(WATCH)
        self.sent = 0
        network = self.page.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on("Network.webSocketFrameSent", self._count)
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_function("ready => window.seen?.(ready)", arg=ready)
        self.opened = self.page.evaluate("performance.now()")
        self.figures: list[dict[str, Any]] = []

    def drawn(self, panels: int) -> float:
        """Wait until so many panels are drawn; milliseconds since the page was asked for."""
        self.page.wait_for_function(
            "count => window.Bokeh && places().filter(each => each.x.length && each.frame[2] >"
            " 50).length === count",
            arg=panels,
        )
        time: float = self.page.evaluate("performance.now()")
        return time

    def settle(self, panels: int) -> None:
        """Wait until so many panels are drawn, and what is computed beside them is there."""
        self.drawn(panels)
        self.page.wait_for_timeout(3000)
        self.figures = self.page.evaluate("places()")

    def timed(self, name: str, event: str, act: Any, pause: int = PAUSE) -> dict[str, float]:
        """Milliseconds until an action's answer stood, and the bytes it sent up."""
        count, before = self.page.evaluate("times.length"), self.sent
        self.page.evaluate("([name, event]) => arm(name, event)", [name, event])
        act()
        self.page.wait_for_function("count => times.length > count", arg=count)
        found = self.page.evaluate("times.at(-1)")
        self.page.wait_for_timeout(pause)
        return {"ms": found if found is not None else float("nan"), "bytes": self.sent - before}

    def tap(self, rng: np.random.Generator, number: int) -> dict[str, float]:
        """A click on some galaxy of the next panel that lies well inside its frame."""
        figure = self.figures[number % len(self.figures)]
        left, top, width, height = figure["frame"]
        while True:
            at = rng.integers(len(figure["x"]))
            x, y = self.page.evaluate(
                "([id, x, y]) => pixel(id, x, y)", [figure["id"], figure["x"][at], figure["y"][at]]
            )
            if left + 8 < x < left + width - 8 and top + 8 < y < top + height - 8:
                return self.timed("tap", "pointerup", partial(self.page.mouse.click, x, y))

    def lasso(self, number: int) -> dict[str, float]:
        """An outline around most of a panel, each time another one."""
        left, top, width, height = self.figures[0]["frame"]
        inset = 6 + 3 * number
        corners = [
            (left + inset, top + inset),
            (left + width - inset, top + inset),
            (left + width - inset, top + height - inset),
            (left + inset, top + height - inset),
        ]

        def draw() -> None:
            self.page.mouse.move(*corners[0])
            self.page.mouse.down()
            for corner in corners[1:]:
                self.page.mouse.move(*corner, steps=4)
            self.page.mouse.up()

        return self.timed("lasso", "pointerup", draw)

    def step(self, name: str, slider: str, key: str, pause: int = PAUSE) -> dict[str, float]:
        """One step of a slider, by its key."""
        self.page.get_by_label(slider, exact=True).focus()
        return self.timed(name, "keydown", lambda: self.page.keyboard.press(key), pause)

    def close(self) -> None:
        """Leave."""
        self.page.context.close()

    def _count(self, frame: dict[str, Any]) -> None:
        self.sent += len(frame["response"]["payloadData"])


def main() -> None:
    """Make the runs, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, default=40, help="of the images [pixel]")
    parser.add_argument("--taps", type=int, default=31)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument(
        "--alone",
        action="store_true",
        help="without the plain page, which a million galaxies bring to a standstill",
    )
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # A third of the evaluated images is for validation.
        n = asked.points * 3 // 2
        for method in METHODS[: asked.runs]:
            factories.make_run(
                root / "runs",
                method,
                n=n,
                epochs=3,
                data_path=root / "data",
                size=asked.size,
                saliency=asked.points,
            )
        served = server.Served(
            root / "runs", root / "server.log", HERE / "plain.py", HERE / "empty.py"
        )
        try:
            found = measure(served, asked)
        finally:
            served.stop()
    found |= {
        "points": asked.points,
        "runs": asked.runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(found, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


def measure(served: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """Every action in the explorer, then what can be done in the plain page, then the paint of an
    empty one.
    """
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    base = served.url.rpartition("/")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox"],
        )
        # The first visit warms what the server keeps.
        Visitor(browser, served.url, ".headline b").close()
        visitor = Visitor(browser, served.url, ".headline b")
        visitor.settle(asked.runs)
        actions = {
            "tap": lambda i: visitor.tap(rng, i),
            "epoch step": lambda i: visitor.step(
                "epoch", "Epoch", "ArrowLeft" if i % 4 in (0, 1) else "ArrowRight"
            ),
            "threshold step": lambda _: visitor.step("threshold", "Threshold", "ArrowRight", DRAG),
            "lasso": lambda i: visitor.lasso(i),
        }
        for name, act in actions.items():
            # The first one opens images and makes trees and columns.
            found[name] = _summary([act(i) for i in range(asked.taps if name == "tap" else 13)][1:])
        visitor.close()
        if not asked.alone:
            plain = Visitor(browser, f"{base}/plain", ".about")
            plain.settle(asked.runs)
            found["tap, plain page"] = _summary([plain.tap(rng, i) for i in range(11)][1:])
            plain.close()
        drawn: list[dict[str, float]] = []
        for name, page, ready in (
            ("explorer", served.url, ".headline b"),
            ("empty", f"{base}/empty", ".empty"),
        ):
            times = []
            for _ in range(7):
                visitor = Visitor(browser, page, ready)
                times.append({"ms": visitor.opened, "bytes": visitor.sent})
                if name == "explorer":
                    drawn.append({"ms": visitor.drawn(asked.runs), "bytes": visitor.sent})
                visitor.close()
            found[f"first paint, {name}"] = _summary(times)
        found["all panels drawn, explorer"] = _summary(drawn)
        found["sessions"] = (
            sessions(browser, served, asked.sessions, asked.runs, rng) if asked.sessions else {}
        )
        browser.close()
    if not asked.alone:
        found["tap, ratio to plain page"] = round(
            found["tap, plain page"]["median_ms"] / found["tap"]["median_ms"], 1
        )
    found["first paint, ratio to empty page"] = round(
        found["first paint, explorer"]["median_ms"] / found["first paint, empty"]["median_ms"], 2
    )
    return found


def sessions(
    browser: Browser, served: Any, count: int, panels: int, rng: np.random.Generator
) -> dict[str, Any]:
    """So many visitors at once, each tapping in turn, and what each costs the server."""
    process = psutil.Process(served.pid)
    before = process.memory_info().rss
    visitors = []
    for _ in range(count):
        visitors.append(Visitor(browser, served.url, ".headline b"))
        visitors[-1].settle(panels)
    each = (process.memory_info().rss - before) / count / 2**20
    times = [visitor.tap(rng, number) for number in range(5) for visitor in visitors]
    for visitor in visitors:
        visitor.close()
    return {"count": count, "MiB_each": round(each, 1), "tap": _summary(times)}


def _summary(found: list[dict[str, float]]) -> dict[str, float]:
    times = np.array([each["ms"] for each in found])
    return {
        "n": len(found),
        "median_ms": round(float(np.median(times)), 1),
        "p95_ms": round(float(np.percentile(times, 95)), 1),
        "bytes_up": round(max(each["bytes"] for each in found)),
    }


if __name__ == "__main__":
    main()
