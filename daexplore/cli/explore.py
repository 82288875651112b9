"""``daexplore explore``: serve the explorer."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app

__all__ = []


@app.command()
def explore(
    runs: Annotated[Path, typer.Argument(help="Folder of the runs.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="Port of the page on this machine.")] = 5006,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open the explorer: see galaxies cross the decision boundary, run by run."""
    import os
    import subprocess
    import sys

    import daexplore

    page = Path(daexplore.__file__).parent / "app" / "serve.py"
    command = [
        sys.executable,
        "-m",
        "panel",
        "serve",
        str(page),
        "--port",
        str(port),
        *(["--show"] if browser else []),
    ]
    print(
        f"The explorer of {runs} is at http://localhost:{port}/serve. Stop it with Ctrl-C.",
        flush=True,
    )
    raise typer.Exit(
        subprocess.run(command, env=os.environ | {"DAEXPLORE_RUNS": str(runs)}).returncode
    )
