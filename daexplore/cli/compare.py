"""``daexplore compare``: did it help? Runs beside each other, on the same galaxies."""

import json
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.runs import Run

__all__ = ["FORMATS", "compare", "report"]


FORMATS = ("text", "csv", "json", "latex", "html")
_ENDINGS = {".csv": "csv", ".json": "json", ".tex": "latex", ".html": "html", ".htm": "html"}
_SIGNS = {"for": "+", "against": "-", "warning": "!", "unclear": "."}


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, csv, json, latex or html; text by default, or what --out ends with.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    baseline: Annotated[
        str | None, typer.Option(help="Method that the others are compared with; noDA by default.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            help=(
                "One table: metrics, differences, flips, drift, shares, gap or settings; with json"
                " also all. "
                "By default csv and json give each run's own numbers, the other formats everything."
            )
        ),
    ] = None,
    rank: Annotated[
        bool,
        typer.Option(
            "--rank", help="Rank methods and epochs by scores that use no target label, instead."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")
    ] = None,
) -> None:
    """Compare methods on the same galaxies: differences with intervals over galaxies and seeds,
    flips, and whether adaptation helped.
    """
    from daexplore.cli.shared.output import print_frame, print_metrics, run_name
    from daexplore.runs.store import find_runs
    from daexplore.views.comparison.tables import TABLES
    from daexplore.views.plots.metrics_table import config_differences, metrics_rows

    format = _format(format, out)
    if table is not None and table not in (*TABLES, "all"):
        raise InputError(f"--table must be {', '.join(TABLES)} or all; got {table!r}.")
    if table == "all" and format == "csv":
        raise InputError(
            f"A CSV file holds one table: give --table {', '.join(TABLES[:-1])} or {TABLES[-1]}, or"
            " use --format json."
        )
    found = [run for path in runs for run in find_runs(path)]
    if not found:
        raise InputError(
            f"There are no runs in {', '.join(map(str, runs))}. Train one with: daexplore train"
            " --data demo --method noda"
        )
    unfinished = [run for run in found if not run.info["metrics"]]
    if unfinished:
        raise InputError(
            f"The run {unfinished[0].id} has no metrics yet: it is {unfinished[0].status}. Finish"
            " it, or leave it out."
        )
    if rank:
        if format in ("latex", "html") or table is not None:
            raise InputError("--rank writes text, csv or json, and takes no --table.")
        _write(_ranking_text(found, format), out)
        return
    metrics = {run_name(run, found): run.info["metrics"] for run in found}
    rows = metrics_rows(metrics, (split,))
    if rows.empty:
        raise InputError(
            f"None of these runs has metrics on a split {split!r}; there are test and validation."
        )
    if table is None and baseline is None and format == "csv":
        _write(rows.to_csv(index=False), out)
    elif table is None and baseline is None and format == "json":
        _write(
            json.dumps(rows.astype(object).where(rows.notna(), None).to_dict("records"), indent=1)
            + "\n",
            out,
        )
    elif format == "text" and table is None:
        with redirect_stdout(StringIO()) if out else nullcontext() as text:
            print_metrics(metrics, split)
            print("\nWhat differs between their settings:")
            print_frame(config_differences({run_name(run, found): run.config for run in found}))
            if len(found) > 1:
                _print_comparison(found, split, baseline)
        if text is not None:
            _write(text.getvalue(), out)
    else:
        _write(_comparison_text(found, split, baseline, format, table), out)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    baseline: Annotated[
        str | None, typer.Option(help="Method that the others are compared with; noDA by default.")
    ] = None,
) -> None:
    """Write one HTML file that opens offline: verdicts, figures, tables, galaxies fixed and broken,
    settings, and how it was made.
    """
    from daexplore.cli.shared.progress import stage_progress
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.views.comparison.report import comparison_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out must end with .html; got {str(out)!r}.")
    with stage_progress("comparing") as step:
        comparison = Comparison(runs, baseline, split, report=step)
    with stage_progress("drawing") as step:
        page = comparison_report(comparison.tables(), comparison.to_dict(), comparison.runs, step)
    _write(page, out)
    print(f"{comparison}\n  in {out}")


def _format(format: str | None, out: Path | None) -> str:
    format = format or (_ENDINGS.get(out.suffix.lower(), "text") if out else "text")
    if format not in FORMATS:
        raise InputError(
            f"--format must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; got {format!r}."
        )
    return format


def _write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write to {out}: {error}. Choose another file with --out."
        ) from error


def _compared(runs: "Sequence[Run]", split: str, baseline: str | None) -> "Comparison":
    from daexplore.cli.shared.progress import stage_progress
    from daexplore.engine.comparison.comparison import Comparison

    with stage_progress("comparing") as report:
        return Comparison(runs, baseline, split, report=report)


def _print_comparison(runs: "Sequence[Run]", split: str, baseline: str | None) -> None:
    from daexplore.cli.shared.output import print_frame
    from daexplore.views.comparison.tables import display_tables

    try:
        comparison = _compared(runs, split, baseline)
    except InputError as error:
        if baseline is not None:
            raise
        print(f"\nNot compared method by method: {error}")
        return
    about = comparison.to_dict()
    for shown in display_tables(comparison.tables(), about):
        if shown.name != "settings":
            print(f"\n{shown.title}")
            print_frame(shown.frame)
            print(shown.caption)
    for verdict in about["verdicts"]:
        kind = "oracle" if verdict["oracle"] else "without target labels"
        print(f"\n{verdict['method']}, {kind}: {verdict['outcome']}. {verdict['sentence']}")
        for reason in verdict["reasons"]:
            print(f"  {_SIGNS[reason['sign']]} {reason['text']}")
    for note in about["notes"]:
        print(f"\n{note}")


def _ranking_text(runs: "Sequence[Run]", format: str) -> str:
    from daexplore.cli.shared.output import print_frame
    from daexplore.cli.shared.progress import stage_progress
    from daexplore.engine.comparison.ranking import rank_methods
    from daexplore.views.comparison.ranking import ranking_frames, ranking_json, ranking_lines

    with stage_progress("ranking") as report:
        ranking = rank_methods(runs, report)
    if format == "csv":
        return str(ranking.methods.to_csv(index=False))
    if format == "json":
        return ranking_json(ranking) + "\n"
    with redirect_stdout(StringIO()) as text:
        for title, frame in ranking_frames(ranking):
            print(title)
            print_frame(frame)
        for line in ranking_lines(ranking):
            print(line)
    return text.getvalue()


def _comparison_text(
    runs: "Sequence[Run]", split: str, baseline: str | None, format: str, table: str | None
) -> str:
    from daexplore.cli.shared.output import print_frame
    from daexplore.views.comparison.latex import comparison_latex
    from daexplore.views.comparison.page import comparison_html
    from daexplore.views.comparison.tables import (
        TABLES,
        comparison_csv,
        comparison_json,
        display_tables,
    )

    comparison = _compared(runs, split, baseline)
    tables, about = comparison.tables(), comparison.to_dict()
    if format == "csv":
        return comparison_csv(tables, table or "differences")
    if format == "json":
        return (
            comparison_json(tables, about, TABLES if table in (None, "all") else (str(table),))
            + "\n"
        )
    shown = [each for each in display_tables(tables, about) if table in (None, "all", each.name)]
    if format == "latex":
        return comparison_latex(shown, about)
    if format == "html":
        return comparison_html(shown, tables, about)
    with redirect_stdout(StringIO()) as text:
        for each in shown:
            print(each.title)
            print_frame(each.frame)
            print(each.caption)
    return text.getvalue()
