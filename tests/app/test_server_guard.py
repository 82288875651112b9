"""Who a server of the explorer lets in: hosts, tokens, routes and frames."""

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from daexplore.app.notebook.embed import free_port
from daexplore.cli.explore import explore

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A server of this machine, ended after the test."""

    def __init__(self, command, port, log, **environment):
        self.port, self._log = port, log.open("wb")
        self.process = subprocess.Popen(
            command, env=os.environ | environment, stdout=self._log, stderr=self._log
        )
        for _ in range(240):
            if self.process.poll() is not None:
                raise AssertionError(log.read_text())
            try:
                self.get("/favicon.ico")
            except OSError:
                time.sleep(0.25)
            else:
                return
        raise AssertionError("the server does not answer")

    def get(self, path, **headers):
        """Status and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    command = [sys.executable, "-m", "panel", "serve", str(ROOT / "apps" / "explorer.py")]
    command += ["--port", str(port), "--allow-websocket-origin", f"galaxies.example.org:{port}"]
    server = Server(command, port, folder / "log", DAEXPLORE_RUNS=str(folder))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    command = [sys.executable, "-m", "daexplore", "explore", str(folder), "--no-browser", "--token"]
    server = Server(
        [*command, "--port", str(port)], port, folder / "log", DAEXPLORE_TOKEN="a-secret"
    )
    yield server
    server.stop()


@pytest.mark.parametrize(
    "path",
    [
        "/components/os/x/y/z",
        "/components/daexplore.app.page/page/_css/x.css",
        "/components/antigravity/a/_resources/css/x",
        "/admin",
        "/rest/x",
    ],
)
def test_routes_that_the_page_does_not_use_are_gone_before_anything_is_imported(served, path):
    assert served.get(path)[0] == 404


def test_a_foreign_name_is_refused_and_the_own_ones_are_not(served):
    for host in ("localhost", f"127.0.0.1:{served.port}", f"galaxies.example.org:{served.port}"):
        assert served.get("/explorer", Host=host)[0] == 200
    for host in (
        "evil.example.org",
        f"evil.example.org:{served.port}",
        "galaxies.example.org.evil",
    ):
        assert served.get("/explorer", Host=host)[0] == 403
        assert served.get("/static/js/bokeh.min.js", Host=host)[0] == 403


def test_a_page_elsewhere_cannot_open_the_socket(served):
    asked = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    status, _ = served.get("/explorer/ws", Origin="http://evil.example.org", **asked)
    assert status == 403


def test_every_answer_keeps_other_pages_and_scripts_out(served):
    for path in ("/explorer", "/static/js/bokeh.min.js"):
        _, headers = served.get(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_without_the_token_nothing_is_shown(guarded):
    for path in ("/serve", "/static/js/bokeh.min.js", "/serve?token=guessed", "/serve/ws"):
        assert guarded.get(path)[0] == 403
    assert guarded.get("/serve", Cookie="daexplore-token=guessed")[0] == 403


def test_the_token_in_the_address_is_kept_as_a_cookie(guarded):
    status, headers = guarded.get("/serve?token=a-secret")
    assert status == 200
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    brought = cookie.partition(";")[0]
    assert guarded.get("/serve", Cookie=brought)[0] == 200
    assert guarded.get("/static/js/bokeh.min.js", Cookie=brought)[0] == 200


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("sent", ["SIGTERM", "SIGKILL"])
def test_no_server_is_left_when_the_command_is_ended(tmp_path, sent):
    import signal

    port = free_port()
    command = [sys.executable, "-m", "daexplore", "explore", str(tmp_path), "--no-browser"]
    server = Server([*command, "--port", str(port)], port, tmp_path / "log")
    server.process.send_signal(getattr(signal, sent))
    server.stop()
    for _ in range(40):
        try:
            server.get("/favicon.ico")
        except OSError:
            return
        time.sleep(0.25)
    pytest.fail("the server still answers")


def test_servers_of_others_are_left_alone(tmp_path):
    page, port = tmp_path / "other.py", free_port()
    page.write_text("import panel as pn\npn.pane.Markdown('x').servable()\n")
    command = [sys.executable, "-m", "panel", "serve", str(page), "--port", str(port)]
    server = Server(command, port, tmp_path / "log")
    try:
        status, headers = server.get("/other", Host="anything.example.org")
        assert status == 200
        assert "Content-Security-Policy" not in headers
    finally:
        server.stop()


@pytest.fixture
def started(monkeypatch):
    """The command and environment with which explore would serve."""
    calls = []

    class Ended:
        def __init__(self, command, env, stdin):
            calls.append((command, env))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def wait(self):
            return 0

    monkeypatch.setattr(subprocess, "Popen", Ended)
    monkeypatch.delenv("DAEXPLORE_TOKEN", raising=False)
    return calls


@pytest.mark.parametrize(
    ("given", "address", "token"),
    [
        ({}, "127.0.0.1", False),
        ({"token": True}, "127.0.0.1", True),
        ({"address": "0.0.0.0"}, "0.0.0.0", True),
        ({"address": "0.0.0.0", "token": False}, "0.0.0.0", False),
    ],
)
def test_explore_lets_in_this_machine_alone_unless_told_otherwise(
    started, capsys, given, address, token
):
    with pytest.raises(typer.Exit):
        explore(Path("runs"), browser=False, **{"port": 5006, "host": None, "token": None} | given)
    command, environment = started[0]
    assert command[command.index("--address") + 1] == address
    assert bool(environment.get("DAEXPLORE_TOKEN")) == token
    told = capsys.readouterr().out
    assert ("?token=" in told) == token
    assert ("Warning: everybody" in told) == (address == "0.0.0.0" and not token)
