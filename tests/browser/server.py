"""The explorer served by Panel as a process of its own, on a free port."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "apps" / "explorer.py"


class Served:
    """A server over a folder of runs."""

    def __init__(self, runs: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.runs, self.log, self.url = runs, log, f"http://127.0.0.1:{port}/explorer"
        environment = os.environ | {"DAEXPLORE_RUNS": str(runs), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "panel", "serve", str(APP), "--port", str(port), "--address", "127.0.0.1"]
        with log.open("w") as stream:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        self._wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        for _ in range(240):
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url.rpartition("/")[0] + "/favicon.ico", timeout=1).close()
            except OSError:
                time.sleep(0.5)
            else:
                return
        self.stop()
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()}")
