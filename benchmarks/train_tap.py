"""How fast the explorer answers a tap while a training that was started from the page goes on.

`python -m benchmarks.train_tap [--points N --runs R --out FILE]` serves made-up runs, measures
taps, starts a training of the demo preset's size in the Train room of a second page, and measures
taps again on the first one. The ratio of the two is the record.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.explorer.__main__ import METHODS, Visitor, _summary, factories, server
from daexplore.data.simulate import PRESETS, SIMULATOR_VERSION


def main() -> None:
    """Make the runs, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--taps", type=int, default=31)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for method in METHODS[: asked.runs]:
            factories.make_run(
                root / "runs",
                method,
                n=asked.points * 3 // 2,
                epochs=3,
                data_path=root / "data",
                saliency=asked.points,
            )
        os.environ["DAEXPLORE_CACHE"] = str(root / "cache")
        factories.make_galaxies(
            root / "cache" / "simulated" / f"demo-n{PRESETS['demo'].n}-seed0-v{SIMULATOR_VERSION}",
            2400,
            size=75,
        )
        served = server.Served(root / "runs", root / "server.log")
        try:
            with sync_playwright() as playwright:
                path = os.environ.get("CHROMIUM") or shutil.which("chromium")
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                visitor = Visitor(browser, served.url, ".headline b")
                visitor.settle(asked.runs)
                found = {"tap": _summary([visitor.tap(rng, i) for i in range(asked.taps)][1:])}
                other = Visitor(browser, served.url, ".headline b")
                other.settle(asked.runs)
                other.page.get_by_role("tab", name="Train").click()
                for method in ("noDA", "DANN"):
                    other.page.get_by_role("button", name=method, exact=True).click()
                other.page.get_by_label("Epochs", exact=True).fill("200")
                other.page.get_by_role("button", name="Start 1 training").click()
                other.page.get_by_text("of 200 ·").wait_for()
                found["tap while training"] = _summary(
                    [visitor.tap(rng, i) for i in range(asked.taps)][1:]
                )
                found["epochs trained meanwhile"] = (
                    other.page.locator(".live-card .caption").inner_text().partition(" ·")[0]
                )
                other.page.get_by_role("button", name="Stop all").click()
                other.page.get_by_text("Stopped after").wait_for()
                browser.close()
        finally:
            served.stop()
    found["ratio"] = round(found["tap while training"]["median_ms"] / found["tap"]["median_ms"], 2)
    found |= {
        "points": asked.points,
        "runs": asked.runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(found, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
