"""Annotated shapes and types of the numerical modules are checked while tests run (in use they only
annotate); one Chromium for all.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from jaxtyping import install_import_hook
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadScopeScheduling

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


class FileScheduling(LoadScopeScheduling):
    """One worker runs the tests of a file, whose fixtures train once, and one all that drive a
    browser.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


# Marks of the kind xdist_group would say the same, but pytest 9.2 loses them.
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    """Give pytest-xdist the scheduler above."""
    return FileScheduling(config, log)


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
