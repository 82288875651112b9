"""``daexplore robustness``: performance under noise, blur and rotation, and attacks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from daexplore.runs import Run

__all__ = ["found_runs", "print_rows", "robustness"]

_ORACLE = (
    'Test galaxies. Rows marked "oracle" used target labels, to report only. Intervals: 95%,'
    " resampling galaxies. Consistency and flips use no labels."
)
_ATTACKED = (
    "Attacks lead away from the class predicted. Distances in the image are upper bounds, in the"
    " latent space they are exact."
)


@app.command()
def robustness(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    dial: Annotated[
        str | None,
        typer.Option(
            help="psf, depth, noise or rotation; depth where neither dial nor attack is given."
        ),
    ] = None,
    attack: Annotated[
        str | None,
        typer.Option(help="one-pixel, pgd or boundary (the distance to the decision boundary)."),
    ] = None,
    galaxies: Annotated[
        int, typer.Option(help="Test images a domain at most; whole galaxies are taken.")
    ] = 200,
    levels: Annotated[
        str | None, typer.Option(help="Positions of the dial, such as 0,1,2,4; its own by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which galaxies, and which noise.")] = 0,
    format: Annotated[str, typer.Option("--format", help="text, csv or json.")] = "text",
) -> None:
    """Report how robust runs are: under perturbed images, or under attack. Results are saved with
    each run.
    """
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.perturbations import DIALS
    from daexplore.engine.robustness.attack_tables import ATTACKS, attack_runs
    from daexplore.engine.robustness.performance import evaluate_perturbed

    _check_format(format)
    if dial is not None and dial not in DIALS:
        raise InputError(f"--dial must be one of {', '.join(DIALS)}; got {dial!r}.")
    if attack is not None and attack not in ATTACKS:
        raise InputError(f"--attack must be one of {', '.join(ATTACKS)}; got {attack!r}.")
    if dial is not None and attack is not None:
        raise InputError("Give either --dial or --attack, not both: they are two questions.")
    if levels is not None and attack is not None:
        raise InputError("--levels are positions of a dial: give --dial with them, not --attack.")
    chosen = found_runs(runs)
    positions = _numbers(levels)
    with training_progress("") as report:
        if attack is not None:
            table = attack_runs(chosen, attack, galaxies, seed, report=report)
        else:
            table = evaluate_perturbed(
                chosen, dial or "depth", galaxies, positions, seed, report=report
            )
    if format != "text":
        print_rows(table, format)
        return
    from daexplore.cli.shared.output import print_frame

    units = [unit for unit in dict.fromkeys(table["unit"]) if unit]
    print(f"{table['dial'].iloc[0]}: {'; '.join(units)}" if units else str(table["dial"].iloc[0]))
    print_frame(_shown(table))
    print(_ORACLE if attack is None else f"{_ORACLE} {_ATTACKED}")


def found_runs(paths: list[Path]) -> "list[Run]":
    """The runs at these paths, or in these folders.

    Raises:
        InputError: there are none.
    """
    from daexplore.runs.store import find_runs

    found = [run for path in paths for run in find_runs(path)]
    usable = [run for run in found if run.selected_epoch is not None]
    if not usable:
        raise InputError(
            f"There are no evaluated runs in {', '.join(map(str, paths))}. Train one: daexplore"
            " train --data demo --method noda"
        )
    return usable


def print_rows(table: "pd.DataFrame", format: str) -> None:
    """All rows as CSV, or as JSON with null where a number is undefined."""
    if format == "csv":
        print(table.to_csv(index=False), end="")
    else:
        print(
            json.dumps(table.astype(object).where(table.notna(), None).to_dict("records"), indent=1)
        )


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    """One line for each run, domain and level, one column for each quantity."""
    import pandas as pd

    from daexplore.views.plots.metrics_table import interval_text

    names = list(dict.fromkeys(table["name"]))
    lines = []
    for (run, _, domain, level, how), rows in table.groupby(
        ["run", "id", "domain", "level", "how"], sort=False, dropna=False
    ):
        line = {
            "run": run,
            "domain": domain,
            "level": "–" if level != level else f"{level:g}",
            "images": how,
        }
        for name in names:
            here = rows[rows["name"] == name]
            texts = [
                interval_text(row.value, row.low, row.high) + (" oracle" if row.oracle else "")
                for row in here.itertuples()
            ]
            line[name] = texts[0] if texts else "–"
        line["n"] = str(int(rows["n"].max()))
        lines.append(line)
    shown = pd.DataFrame(lines)
    return shown.drop(columns="level") if (shown["level"] == "–").all() else shown


def _check_format(format: str) -> None:
    if format not in ("text", "csv", "json"):
        raise InputError(f"--format must be text, csv or json; got {format!r}.")


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--levels must be numbers joined by commas, such as 0,1,2,4; got {text!r}."
        ) from None
