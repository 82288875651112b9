"""A server as a process of its own, on a free port."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that answers at ``address`` once this is made; it writes to ``log``. Abstract: its
    kinds say what they serve.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], address: str, log: Path
    ) -> None:
        self.log, self._address = log, address
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
        self._wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        for _ in range(240):
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self._address, timeout=1).close()
            except OSError:
                time.sleep(0.5)
            else:
                return
        self.stop()
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()}")
