"""``daexplore calibrate``: calibration of predicted probabilities, and a temperature."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from daexplore.engine.calibration.calibrate import Uncertainty

__all__ = ["calibrate"]


@app.command()
def calibrate(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help=(
                "Folders of runs on the same galaxies; several seeds are also joined to an"
                " ensemble."
            )
        ),
    ],
    method: Annotated[
        str,
        typer.Option(
            help=(
                "temperature (from labelled source validation), transcal (weighted by how"
                " target-like), "
                "pseudocal (from mixtures of unlabelled target images) or none."
            )
        ),
    ] = "temperature",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    mc_dropout: Annotated[
        int,
        typer.Option("--mc-dropout", help="Passes with active dropout per run; 0 for none."),
    ] = 0,
    bins: Annotated[int, typer.Option(help="Bins of equal mass.")] = 10,
    seed: Annotated[int, typer.Option(help="Of resamples, folds, mixtures and drops.")] = 0,
) -> None:
    """Report the calibration of a run's probabilities in each domain, before and after
    calibration, with intervals.
    """
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.calibration.calibrate import uncertainty
    from daexplore.engine.calibration.predictors import METHODS
    from daexplore.runs import Run
    from daexplore.utils.files import to_json

    if format not in ("text", "json"):
        raise InputError(f"--format must be text or json; got {format!r}.")
    if method not in METHODS:
        raise InputError(f"--method must be one of {', '.join(METHODS)}; got {method!r}.")
    if mc_dropout < 0 or mc_dropout == 1:
        raise InputError(f"--mc-dropout needs at least 2 passes, or 0 for none; got {mc_dropout}.")
    with training_progress("") as report:
        found = uncertainty(
            [Run(path) for path in runs], method, bins, mc_dropout, seed=seed, report=report
        )
    if format == "json":
        print(to_json(found.to_dict(), indent=1))
    else:
        _print(found)


def _print(found: "Uncertainty") -> None:
    from daexplore.cli.shared.output import print_frame

    for run in found.runs:
        print(f"{run['name']}: epoch {run['epoch']}, {run['id']}")
    for fitted in found.fits:
        if fitted["method"] == "none":
            continue
        edge = (
            ". This is the edge of what can be fitted: do not rely on it"
            if fitted["at_bound"]
            else ""
        )
        details = "".join(
            f", {name.replace('_', ' ')} {value:.3g}"
            for name, value in fitted["details"].items()
            if value is not None
        )
        print(
            f"{fitted['who']}: temperature {fitted['temperature']:.3f} ({fitted['method']}:"
            f" {_seen(fitted)}{details}){edge}"
        )
    tables = found.tables()
    print("\nTest galaxies before and after (ECE debiased, in bins of equal mass; NLL in nat):")
    if found.scores:
        print_frame(_scores(tables["scores"]))
    else:
        print("  no test galaxy has a label")
    print(
        "\nMean risk when only the most confident galaxies are kept (AURC, and its excess over the"
        " best order):"
    )
    if found.selective:
        print_frame(_selective(tables["selective"]))
    print(
        "\nHow typical of the source the test galaxies are (no labels used; 5% of further source"
        " galaxies score below 0.05):"
    )
    print_frame(_in_domain(tables["in_domain"]))
    print(
        '\nRows marked "oracle" used target labels to report, never to fit: temperatures come from'
        f" validation galaxies. Intervals: {found.level:.0%}, resampling galaxies."
    )


def _seen(fitted: dict[str, Any]) -> str:
    return f"{fitted['on']}, {fitted['n']} images of {fitted['galaxies']} galaxies"


def _scores(scores: "pd.DataFrame") -> "pd.DataFrame":
    """One line for each predictor, domain and stage."""
    import pandas as pd

    lines = []
    for (who, domain, stage), rows in scores.groupby(["who", "domain", "stage"], sort=False):
        first = rows.iloc[0]
        texts = {str(row["name"]): _text(row) for row in rows.to_dict("records")}
        known = {
            "who": who,
            "domain": domain,
            "split": first["split"],
            "n": first["n"],
            "galaxies": first["galaxies"],
        }
        lines.append(
            known | {"labels": "oracle" if first["oracle"] else "known", "": stage} | texts
        )
    return pd.DataFrame(lines)


def _selective(selective: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    lines = []
    for (who, domain, ranking), rows in selective.groupby(["who", "domain", "ranking"], sort=False):
        first = rows.iloc[0]
        texts = {str(row["name"]): _text(row) for row in rows.to_dict("records")}
        lines.append(
            {
                "who": who,
                "domain": domain,
                "split": first["split"],
                "n": first["n"],
                "labels": "oracle" if first["oracle"] else "known",
            }
            | {"kept by": ranking, **texts}
        )
    return pd.DataFrame(lines)


def _in_domain(rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        [
            {name: row[name] for name in ("who", "domain", "split", "n", "galaxies")}
            | {
                "median": f"{row['median']:.3f}",
                f"share below {row['below']:g}": _text(row | {"value": row["share"]}),
            }
            for row in rows.to_dict("records")
        ]
    )


def _text(row: dict[Any, Any]) -> str:
    from daexplore.views.plots.metrics_table import interval_text

    return interval_text(row["value"], row["low"], row["high"])
