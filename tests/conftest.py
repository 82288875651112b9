"""Annotated shapes and types of the numerical modules are checked while tests run (in use they only
annotate); one Chromium for all.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from jaxtyping import install_import_hook
from playwright.sync_api import Browser, sync_playwright

CHECKED = (
    "daexplore.kernels",
    "daexplore.models",
    "daexplore.alignment",
    "daexplore.analysis",
    "daexplore.engine",
    "daexplore.data.loaders",
    "daexplore.data.preprocessing.pipeline",
    "daexplore.data.preprocessing.common_format",
    "daexplore.data.preprocessing.steps",
)

install_import_hook(CHECKED, "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one worker runs: those of a file, whose fixtures train once, and all that
    drive a browser.
    """
    for item in items:
        group = "browser" if item.get_closest_marker("browser") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """CHROMIUM, else one on the path, else Playwright's own. None at all is a failure: these tests
    are never skipped.
    """
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
