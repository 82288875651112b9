"""``daexplore report``: a comparison as one HTML file that opens offline."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.commands import app
from daexplore.errors import InputError

__all__ = ["report"]


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    baseline: Annotated[str | None, typer.Option(help="Method that the others are compared with; noDA by default.")] = None,
) -> None:
    """Write one HTML file that opens offline: verdicts, figures, tables, galaxies fixed and broken, settings, and how it was made."""
    from daexplore.cli.progress import stage_progress
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.views.comparison.report import comparison_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out must end with .html; got {str(out)!r}.")
    with stage_progress("comparing") as step:
        comparison = Comparison(runs, baseline, split, report=step)
    with stage_progress("drawing") as step:
        page = comparison_report(comparison.tables(), comparison.to_dict(), comparison.runs, step)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error}. Choose another file with --out.") from error
    print(f"{comparison}\n  in {out}")
