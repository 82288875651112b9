"""The explorer served by Panel."""

import os
import sys
from pathlib import Path

from process import ROOT, Server, free_port

APP = ROOT / "apps" / "explorer.py"


class Served(Server):
    """A server over a folder of runs, with ``further`` pages if there are any."""

    def __init__(self, runs: Path, log: Path, *further: Path) -> None:
        port = free_port()
        self.runs, self.url = runs, f"http://127.0.0.1:{port}/explorer"
        environment = os.environ | {
            "DAEXPLORE_RUNS": str(runs),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [
            sys.executable,
            "-m",
            "panel",
            "serve",
            str(APP),
            *map(str, further),
            "--port",
            str(port),
            "--address",
            "127.0.0.1",
        ]
        super().__init__(command, environment, f"http://127.0.0.1:{port}/favicon.ico", log)
