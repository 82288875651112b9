"""``daexplore compare``: did it help? Runs beside each other, on the same galaxies."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.commands import app

__all__ = ["compare"]


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")],
    format: Annotated[
        str | None, typer.Option("--format", help="text, csv, json, latex or html; text by default, or what --out ends with.")
    ] = None,
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    baseline: Annotated[str | None, typer.Option(help="Method that the others are compared with; noDA by default.")] = None,
    table: Annotated[
        str | None,
        typer.Option(
            help="One table: metrics, differences, flips, drift, shares, gap or settings; with json also all. "
            "By default csv and json give each run's own numbers, the other formats everything."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Compare methods on the same galaxies: differences with intervals over galaxies and seeds, flips, and whether adaptation helped."""
    from daexplore.cli.comparing import compare_runs

    compare_runs(runs, format, split, baseline, table, out)
