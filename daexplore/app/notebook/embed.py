"""The explorer below a notebook's cell: ``daexplore.explore(runs)``."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from html import escape
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["Explorer", "explore", "free_port", "opened_folder"]

_HERE = "127.0.0.1"
_SMALL = "static/extensions/panel/images/favicon.ico"
_PATIENCE = 10  # [s]
_PAGE = Path(__file__).parents[1] / "serve.py"
# The page is made for windows of at least 1120 pixels: a narrower cell shows it smaller. CSS
# divides lengths only by way of an angle.
_MARKUP = (
    "<div style='container-type: inline-size'><p style='margin: 0 0 4px'><a href='{url}'"
    " target='_blank' rel='noopener'>Open the explorer in a tab of its own</a></p><div"
    " style='height: {height}px; overflow: hidden; border: 1px solid #7f7f7f55; border-radius: 6px;"
    " box-sizing: border-box'><iframe src='{url}' title='daexplore explorer'"
    " allow='clipboard-write' style='--scale: min(1, tan(atan2(100cqw, 1120px))); border: 0; width:"
    " max(100%, 1120px); height: calc(100% / var(--scale)); transform: scale(var(--scale));"
    " transform-origin: 0 0'></iframe></div></div>"
)


class Explorer:
    """What ``explore`` gives: shown by a notebook as the page itself, and anywhere else as its
    address.

    Attributes:
        url: of the page, on this machine.
        height: of the page in a notebook [px].
    """

    def __init__(self, url: str, height: int) -> None:
        self.url, self.height = url, height

    def __repr__(self) -> str:
        return f"Explorer({self.url})"

    def _repr_html_(self) -> str:
        return _MARKUP.format(url=escape(self.url, quote=True), height=self.height)


def explore(
    runs: str | Path | Run | Sequence[Run | str | Path] | None = None,
    height: int = 800,
    port: int = 0,
) -> Explorer:
    """The explorer inline: put this last in a cell.

    The page comes from a server of its own, a child process that only this machine reaches
    (127.0.0.1), under a secret address; it ends with the notebook's kernel. A
    second call for the same runs uses the same server. Over the notebook's own channel, as other
    widgets come, the page would stop while a cell runs and the kernel while the page
    computes, would have no address to share, and would fetch style sheets from another host.

    Where the browser runs on another machine than the kernel, 127.0.0.1 is not the kernel's. Over
    ssh, give ``port`` a number and forward it: ``ssh -L 5006:127.0.0.1:5006 host``. On a JupyterHub
    nothing is shown in the cell; with jupyter-server-proxy the page is at proxy/PORT/ of your
    server there, followed by what follows the port in ``url``, if BOKEH_ALLOW_WS_ORIGIN named the
    hub's host before. Else copy the runs and use ``daexplore explore`` on your own machine.

    Args:
        runs: a folder of runs; a run or several, as ``Run`` or folders; None shows the runs that
            come with the package, in a folder for the time being: give one of your own before you
            train from the page.
        height: of the page [px].
        port: of the server; 0 takes a free one.

    Raises:
        InputError: no such folder, a run that cannot be read, or a server that does not start.
    """
    root, chosen = opened_folder(runs)
    query = urlencode({"runs": ",".join(chosen)}, safe=",") if chosen else ""
    return Explorer(f"{_serving(root, port).url}?{query}".rstrip("?"), height)


class _Server:
    """A server over a folder of runs, which answers once this is made."""

    def __init__(self, root: Path, port: int) -> None:
        prefix = secrets.token_urlsafe(12)
        command = [sys.executable, "-P", "-m", "daexplore.app.notebook.server", "serve", str(_PAGE)]
        command += ["--address", _HERE, "--port", str(port)]
        hosts = (
            f"{_HERE}:{port}",
            f"localhost:{port}",
            os.environ.get("BOKEH_ALLOW_WS_ORIGIN", ""),
        )
        environment = os.environ | {
            "DAEXPLORE_RUNS": str(root),
            "BOKEH_ALLOW_WS_ORIGIN": ",".join(filter(None, hosts)),
            # The notebook that shows it in a frame is another page; the address is secret.
            "DAEXPLORE_FRAME_ANCESTORS": "*",
        }
        # Others on this machine can read a command, but not its environment.
        environment["DAEXPLORE_PREFIX"] = prefix
        # A kernel has plots drawn into its cells.
        environment.pop("MPLBACKEND", None)
        self.url = f"http://{_HERE}:{port}/{prefix}/serve"
        with tempfile.TemporaryFile() as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
            try:
                while not _answers(port, f"/{prefix}/{_SMALL}"):
                    if not self.alive:
                        log.seek(0)
                        last = (
                            log.read().decode(errors="replace").strip().splitlines()
                            or ["it does not answer"]
                        )[-1]
                        raise InputError(
                            f"The explorer's server does not start on port {port}: {last}. Name"
                            " another port."
                        )
                    time.sleep(0.1)
            except BaseException:
                self.stop()
                raise

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, as the end of this process would."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """A port that no process listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((_HERE, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, path: str) -> bool:
    """Whether our own server does: no other has an address that begins as ours."""
    connection = HTTPConnection(_HERE, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


_servers: dict[tuple[Path, int], _Server] = {}


def _serving(root: Path, port: int) -> _Server:
    server = _servers.get((root, port))
    if server is None or not server.alive:
        server = _servers[root, port] = _Server(root, port) if port else _on_afree_port(root)
    return server


def _on_afree_port(root: Path, attempts: int = 5) -> _Server:
    """Another process may take a free port before the server does: then the next one is tried."""
    for _ in range(attempts - 1):
        try:
            return _Server(root, free_port())
        except InputError:
            continue
    return _Server(root, free_port())


def opened_folder(
    runs: str | Path | Run | Sequence[Run | str | Path] | None,
) -> tuple[Path, list[str]]:
    """The folder to open, and which of its runs to put side by side; none leaves that to the
    explorer.
    """
    if runs is None:
        return _nothing(), []
    if isinstance(runs, str | Path) and not (Path(runs) / "run.json").is_file():
        root = Path(runs).expanduser()
        if not root.is_dir():
            raise InputError(
                f"{root} is no folder; expected one that holds runs, or a run's own. Train some:"
                " daexplore train --data demo"
            )
        return root.resolve(), []
    given = [runs] if isinstance(runs, str | Path | Run) else list(runs)
    if not given:
        raise InputError(
            "There are no runs to show in an empty list. Give a folder of runs, or None for those"
            " that come with the package."
        )
    paths = list(
        dict.fromkeys(
            (each if isinstance(each, Run) else Run(Path(each).expanduser())).path.resolve()
            for each in given
        )
    )
    roots = {path.parent for path in paths}
    return (roots.pop() if len(roots) == 1 else _gathered(tuple(paths))), [
        path.name for path in paths
    ]


@cache
def _nothing() -> Path:
    """An empty folder: the explorer opens with the example runs then."""
    return Path(tempfile.mkdtemp(prefix="daexplore-"))


@cache
def _gathered(paths: tuple[Path, ...]) -> Path:
    """A folder of links to runs of several folders."""
    names = [path.name for path in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(
            f"Two of the runs are called {twice}; give one of them, or put them side by side under"
            " other names."
        )
    folder = Path(tempfile.mkdtemp(prefix="daexplore-"))
    for path in paths:
        (folder / path.name).symlink_to(path, target_is_directory=True)
    return folder
