"""``daexplore runs``: a run as one file, to pass on or to keep."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import Runs, app

__all__ = ["runs"]

runs = typer.Typer(
    name="runs", help="Hand a run on as one file, and take one in.", no_args_is_help=True
)
app.add_typer(runs)


@runs.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    file: Annotated[Path, typer.Argument(help="The .zip file to write, or a folder to put it in.")],
) -> None:
    """Write a run, with its tags and its note, to one .zip file."""
    from daexplore.runs.archive.zip_file import export_run

    done = export_run(run, file)
    print(f"{done.file}: {done.files} files, {done.file.stat().st_size / 2**20:.1f} MB")
    for path in done.left_out:
        print(f"  left out, not a file of a run: {path}")
    print(f"Take it in elsewhere with: daexplore runs import {done.file.name}")


@runs.command("trust")
def trust(
    name: Annotated[str, typer.Argument(help="Network as package.module:factory.")],
) -> None:
    """Allow a network outside of daexplore to be imported when a run on this machine names it."""
    from daexplore.errors import InputError
    from daexplore.utils.trust import trust as allow

    module, colon, attribute = name.partition(":")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), attribute))):
        raise InputError(f"A network is named package.module:factory; got {name!r}.")
    allow(name)
    print(f"Runs on this machine may import {name}.")


@runs.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .zip file made by daexplore runs export.")],
    root: Runs = Path("runs"),
    limit: Annotated[
        float, typer.Option(help="What the run may take on disk at most, in GB.")
    ] = 8.0,
) -> None:
    """Check a run in a .zip file from end to end and add it to the folder of runs."""
    from daexplore.runs.archive.zip_file import import_run

    done = import_run(file, root, int(limit * 2**30))
    print(done.path)
    if done.path.name != done.name:
        print(f"  another run named {done.name} is there already; both are kept")
    for path in done.missing:
        print(f"  its images are not on this machine: {path}")
    print(f"See it with: daexplore explore {root}")
