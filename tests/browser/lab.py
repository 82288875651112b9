"""JupyterLab as a process of its own, on a free port, with settings of its own."""

import json
import os
import secrets
import sys
from pathlib import Path

from playwright.sync_api import Page
from process import Server, free_port

_MINE = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
_QUIET = {
    "ServerApp": {"open_browser": False, "allow_root": True},
    "LabApp": {
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "news_url": None,
        "extension_manager": "readonly",
    },
}


class Lab(Server):
    """JupyterLab on the notebooks of a folder; the cells are run in the Python that runs the
    tests.
    """

    def __init__(self, folder: Path, settings: Path, **environment: str) -> None:
        port = free_port()
        self.folder, self._token = folder, secrets.token_hex(16)
        self._root = f"http://127.0.0.1:{port}"
        own = {name: str(settings / name.lower()) for name in _MINE}
        for place in own.values():
            Path(place).mkdir(parents=True, exist_ok=True)
        (settings / "jupyter_config_dir" / "jupyter_lab_config.json").write_text(json.dumps(_QUIET))
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            f"--port={port}",
            "--ServerApp.ip=127.0.0.1",
        ]
        command += [f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={folder}"]
        super().__init__(
            command,
            os.environ | own | threads | environment,
            f"{self._root}/api",
            settings / "lab.log",
        )

    def url(self, notebook: str) -> str:
        """Of a notebook of the folder, opened in a workspace of its own."""
        return f"{self._root}/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}?token={self._token}"


def run_all(page: Page, cells: int, minutes: float) -> None:
    """Run the notebook's cells from top to bottom, and waits until each has its number: ``cells``
    of them are code.
    """
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        r"count => [...document.querySelectorAll('.jp-InputPrompt')].filter(prompt =>"
        r" /\[\d+\]/.test(prompt.textContent)).length === count",
        arg=cells,
        timeout=60_000 * minutes,
        polling=500,
    )
