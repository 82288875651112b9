"""The pictures of README.md that need more than a visit: the first page, and three trainings under
way.

`python benchmarks/first_screens.py [--out DIR]` serves the explorer over an empty folder, presses
what a newcomer presses there, and stops the trainings once each has some epochs to show. Takes some
minutes. Fails as screens.py does.
"""

import argparse
import re
import sys
from pathlib import Path

from playwright.sync_api import Browser
from screens import METHODS, ROOT, at_rest, chromium, keep, served, visited

UNDER_WAY = re.compile(r"Epoch ([5-9]|1\d) of")  # of each training, so that its curves are seen


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with served(empty=True) as url, chromium() as browser:
        problems = first_page(browser, url, out)
    if problems:
        sys.exit("\n".join(problems))


def first_page(browser: Browser, url: str, out: Path) -> list[str]:
    """Write welcome.png and training-live.png."""
    page, problems = visited(browser, url, (1440, 1000))
    page.get_by_role("button", name="Train your own").click()
    page.get_by_alt_text("non-mergers in the target domain").wait_for()
    keep(at_rest(page, "Train your own"), out / "welcome.png")
    page.get_by_role("button", name="Train noDA").click()
    page.locator(".live-card").filter(has_text=UNDER_WAY).nth(len(METHODS) - 1).wait_for(
        timeout=600_000
    )
    page.mouse.move(1, 1)
    keep(page.screenshot(), out / "training-live.png")
    page.get_by_role("button", name="Stop all").click()
    page.get_by_text(re.compile("Stopped after|Finished")).nth(len(METHODS) - 1).wait_for()
    page.context.close()
    return problems


if __name__ == "__main__":
    main()
