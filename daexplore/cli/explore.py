"""``daexplore explore``: serve the explorer."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

__all__ = []

_HERE = ("127.0.0.1", "localhost", "::1")


@app.command()
def explore(
    runs: Annotated[Path, typer.Argument(help="Folder of the runs.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="Port of the page on this machine.")] = 5006,
    address: Annotated[
        str,
        typer.Option(
            help=(
                "Network address to listen on. Others than 127.0.0.1 let other machines in, and ask"
                " for a token."
            )
        ),
    ] = "127.0.0.1",
    host: Annotated[
        list[str] | None,
        typer.Option(help="Name under which other machines or a proxy reach it, such as a.b:5006."),
    ] = None,
    token: Annotated[
        bool | None,
        typer.Option(
            "--token/--no-token",
            help="Ask for a random token; by default where other machines are let in.",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open the explorer: see galaxies cross the decision boundary, run by run."""
    import os
    import secrets
    import subprocess
    import sys

    import daexplore

    if not 0 < port < 65536:
        raise InputError(f"--port must be a number from 1 to 65535; got {port}.")
    page = Path(daexplore.__file__).parent / "app" / "serve.py"
    alone = address in _HERE
    environment = os.environ | {"DAEXPLORE_RUNS": str(runs)}
    if token or (token is None and not alone):
        environment.setdefault("DAEXPLORE_TOKEN", secrets.token_urlsafe(24))
    secret = environment.get("DAEXPLORE_TOKEN", "")
    reached = host or [f"{address}:{port}"]
    origins = dict.fromkeys([f"localhost:{port}", f"127.0.0.1:{port}", *reached])
    # It ends with this process, however that ends: its standard input is closed then.
    command = [sys.executable, "-P", "-m", "daexplore.app.notebook.server", "serve", str(page)]
    command += ["--port", str(port), "--address", address]
    for origin in origins:
        command += ["--allow-websocket-origin", origin]
    where = f"localhost:{port}" if alone and not host else reached[0]
    url = f"http://{where}/serve" + (f"?token={secret}" if secret else "")
    if not alone and not secret:
        print(
            "Warning: everybody who reaches this machine can look at the runs, start trainings and"
            " delete runs. Leave --no-token out, or set up a login: docs/site/howto/server.md."
        )
    print(f"The explorer of {runs} is at {url}. Stop it with Ctrl-C.", flush=True)
    if browser:
        _open_when_it_answers(url, port)
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as server:
        status = server.wait()
    raise typer.Exit(status)


def _open_when_it_answers(url: str, port: int) -> None:
    import socket
    import threading
    import time
    import webbrowser

    def wait() -> None:
        for _ in range(240):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.5)
            else:
                webbrowser.open(url)
                return

    threading.Thread(target=wait, daemon=True).start()
