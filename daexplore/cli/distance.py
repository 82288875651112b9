"""``daexplore distance``: domain distances in latent space, compared with chance."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from daexplore.engine.distance.domain_distance import DomainDistance

__all__ = ["distance"]

_TITLES = {
    "mmd2": "MMD²",
    "class_mmd2": "MMD² of",
    "probe_auc": "domain probe AUC",
    "a_distance": "proxy A-distance",
    "sinkhorn": "Sinkhorn distance (source spread)",
}
_NOTE = """\
By chance: the central 95% over relabelled galaxies. Effect: distance from their mean in their
standard deviations. Intervals: 95%, resampling galaxies. Classes are predictions; rows marked
"oracle" used true classes, also of the target. Latents are in units of the source's spread. The
witness shows which galaxies are source-like and target-like."""


@app.command()
def distance(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    epoch: Annotated[int | None, typer.Option(help="The selected one by default.")] = None,
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    permutations: Annotated[
        int, typer.Option(help="Relabellings of each MMD test, and resamples of the intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Of the relabellings and resamples.")] = 0,
) -> None:
    """Measure the domain distance in latent space, with its chance level."""
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.distance.domain_distance import domain_distance
    from daexplore.runs import Run

    if format not in ("text", "json"):
        raise InputError(f"--format must be text or json; got {format!r}.")
    with training_progress("") as report:
        found = domain_distance(Run(run), epoch, split, permutations, seed, report=report)
    if format == "json":
        print(json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _print(found)


def _print(found: "DomainDistance") -> None:
    from daexplore.cli.shared.output import print_frame

    about = found.metadata
    print(f"{found.summary}\n")
    print_frame(_rows(found.measures))
    galaxies = about["galaxies"]
    print(
        f"\nOf {galaxies['source']} source and {galaxies['target']} target galaxies"
        f" {galaxies['both']} are in both domains."
    )
    print(_NOTE)
    for domain, ends in found.extremes().items():
        print(f"Most source-like {domain} galaxies: {', '.join(ends['most_source_like'])}")
        print(f"Most target-like {domain} galaxies: {', '.join(ends['most_target_like'])}")


def _rows(measures: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {
            "measure": f"{_TITLES[row['name']]} {row['kind']}".strip(),
            "value": _text(row["value"]),
            "interval": _range(row["low"], row["high"]),
            "by chance": _range(row["null_low"], row["null_high"]),
            "p": _text(row["p_value"], ".3f"),
            "effect": _text(row["effect"], ".1f"),
            "n source": row["n_source"],
            "n target": row["n_target"],
            "split": row["split"],
            "oracle": "oracle" if row["oracle"] else "",
        }
        for row in measures.to_dict("records")
    ]
    return pd.DataFrame(rows)


def _text(value: float, form: str = ".4g") -> str:
    return "–" if value != value else format(value, form)


def _range(low: float, high: float) -> str:
    return "–" if low != low else f"[{low:.3g}, {high:.3g}]"
