"""``daexplore explain``: saliency maps by outcome, across methods and seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.cli.robustness import found_runs
from daexplore.domains import DOMAINS
from daexplore.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain"]


@app.command()
def explain(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    galaxies: Annotated[
        int, typer.Option(help="Test images a domain for the sanity check at most.")
    ] = 64,
    explainer: Annotated[
        str, typer.Option(help="Of the sanity check: gradcam, integrated-gradients or occlusion.")
    ] = "gradcam",
    randomise: Annotated[
        str, typer.Option(help="cascading (from the head down) or independent (each layer alone).")
    ] = "cascading",
    sanity: Annotated[
        bool,
        typer.Option(
            "--sanity/--no-sanity", help="Whether to compare with maps of random weights."
        ),
    ] = True,
    seed: Annotated[int, typer.Option(help="Which galaxies, and which random weights.")] = 0,
    format: Annotated[str, typer.Option("--format", help="text, csv or json.")] = "text",
) -> None:
    """Report saliency maps: by outcome, overlap across methods and seeds, and a check
    against random weights.
    """
    import pandas as pd

    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.explanation.tables import iou_rows, outcome_rows, sanity_rows

    if format not in ("text", "csv", "json"):
        raise InputError(f"--format must be text, csv or json; got {format!r}.")
    if randomise not in ("cascading", "independent"):
        raise InputError(f"--randomise must be cascading or independent; got {randomise!r}.")
    chosen = found_runs(runs)
    counts = outcome_rows(chosen)
    overlaps = iou_rows(chosen, seed=seed)
    checks = []
    if sanity:
        with training_progress("") as report:
            checks = [
                sanity_rows(run, domain, explainer, randomise, galaxies, 3, seed, report)
                for run in chosen
                for domain in DOMAINS
            ]
    check = pd.concat(checks, ignore_index=True) if checks else pd.DataFrame()
    tables = {"outcomes": counts, "overlap": overlaps, "sanity": check}
    if format == "text":
        _print(tables)
    elif format == "csv":
        print(
            pd.concat(
                [table.assign(table=name) for name, table in tables.items() if len(table)]
            ).to_csv(index=False),
            end="",
        )
    else:
        import json

        plain = {
            name: table.astype(object).where(table.notna(), None).to_dict("records")
            for name, table in tables.items()
        }
        print(json.dumps(plain, indent=1, default=float))


def _print(tables: "dict[str, pd.DataFrame]") -> None:
    from daexplore.cli.shared.output import print_frame
    from daexplore.views.plots.saliency import overlap_table

    print(
        "Test galaxies with a Grad-CAM map by outcome (maps that are zero everywhere); those of the"
        " target are an oracle's:"
    )
    print_frame(_counts(tables["outcomes"]))
    if len(tables["overlap"]):
        print(
            "\nOverlap (IoU of the largest fifth of the cells) across methods, and across seeds as"
            " the control; no labels used:"
        )
        print_frame(overlap_table(tables["overlap"]))
        print(
            "Beside it the overlap with maps of other galaxies. Intervals: 95%, resampling"
            " galaxies."
        )
    else:
        print("\nFor the overlap of maps give two runs or more that differ in method or in seed.")
    if len(tables["sanity"]):
        print(
            "\nLikeness to the maps of random weights; high where a map shows the image rather than"
            " what was learned; no labels used:"
        )
        print_frame(_sanity(tables["sanity"]))
        print(
            '"other galaxies": the trained network\'s maps of other galaxies. Intervals: 95%,'
            " resampling galaxies."
        )


def _counts(rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    lines = []
    for (run, _, domain), mine in rows.groupby(["run", "id", "domain"], sort=False):
        line: dict[str, str] = {"run": str(run), "domain": str(domain)}
        line |= {str(row.outcome): f"{row.n} ({row.blank})" for row in mine.itertuples()}
        lines.append(
            line
            | {
                "total": str(int(mine["total"].iloc[0])),
                "": "oracle" if bool(mine["oracle"].any()) else "",
            }
        )
    return pd.DataFrame(lines)


def _sanity(rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    from daexplore.views.plots.metrics_table import interval_text

    lines = []
    for (run, _, domain, layer), mine in rows.groupby(["run", "id", "domain", "layer"], sort=False):
        line = {
            "run": run,
            "domain": domain,
            "randomised": "other galaxies" if layer == "none" else layer,
        }
        for name, title in (("correlation", "rank correlation"), ("iou", "IoU")):
            row = mine[mine["name"] == name].iloc[0]
            line[title] = interval_text(row["value"], row["low"], row["high"], 2)
        lines.append(
            line | {"images": str(int(mine["n"].max())), "blank": str(int(mine["blank"].max()))}
        )
    return pd.DataFrame(lines)
