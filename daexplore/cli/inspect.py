"""``daexplore inspect``: how and how much two domains differ."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError
from daexplore.utils.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["inspect"]

_SHOWN = 12


@app.command()
def inspect(
    source: Annotated[
        str | None,
        typer.Argument(help="Labelled images of any kind that can be read, or a preset."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(
            help=(
                "Images of the survey, of the same kinds. A preset twice: its source and its"
                " target."
            )
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Inspect the domains and the splits of this run instead."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the catalogues that holds the class.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write all of it, with pictures, as one HTML file."),
    ] = None,
    to_json: Annotated[
        Path | None, typer.Option("--json", help="Write all numbers as JSON.")
    ] = None,
    sample: Annotated[
        int,
        typer.Option(
            help="Images a domain that are measured at most; copies are looked for among all."
        ),
    ] = 4000,
    seed: Annotated[int, typer.Option(help="Which images are measured.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of the data, such as data.stretch=asinh or data.match_bands=position.",
        ),
    ] = None,
) -> None:
    """Report how much two domains differ, in what, and whether one galaxy is in training and
    test.
    """
    from daexplore.cli.shared.options import run_config
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.inspection.inspect_domains import inspect_domains
    from daexplore.engine.inspection.open_domains import open_pair, open_run
    from daexplore.engine.progress import Progress

    if (run is None) == (source is None or target is None) or (
        run is not None and (source or target)
    ):
        raise InputError(
            "Give a source and a target, or a run with --run; a preset's own two domains are, for"
            " example, distant distant."
        )
    if sample < 1:
        raise InputError(f"--sample must be at least 1 image, got {sample}.")
    with training_progress("") as report:
        notes: tuple[str, ...] = ()
        splits = None
        if run is not None:
            config, one, other, splits = open_run(run)
        else:
            config = run_config(
                None, source, target, label, "noda", None, None, None, None, settings or []
            ).data
            one, other, notes = open_pair(
                config, lambda done, total: report(Progress("simulating", done, total))
            )
        found = inspect_domains(one, other, config, splits, sample, seed, report)
        answer = found.to_dict()
        answer["warnings"] = [*notes, *answer["warnings"]]
    _print(answer, found.tables())
    if to_json is not None:
        _write(to_json, json.dumps(answer, allow_nan=False))
    if html is not None:
        from daexplore.views.inspection.page import inspection_html

        _write(html, inspection_html(answer))
        print(f"\nWith pictures in {html}")


def _print(answer: dict[str, Any], tables: "dict[str, pd.DataFrame]") -> None:
    from daexplore.cli.shared.output import print_account, print_frame

    for domain in ("source", "target"):
        print_account(domain, answer["numbers"][domain].get("account"))
    for sentence in answer["sentences"]:
        print(sentence)
    for title, lines in (
        ("What may spoil the result:", answer["warnings"]),
        ("What to do next:", answer["advice"]),
    ):
        if lines:
            print(f"\n{title}", *(f"  - {line}" for line in lines), sep="\n")
    print(
        f"\nThe {min(_SHOWN, len(tables['distances']))} largest differences (medians; intervals"
        " 95%, resampling galaxies):"
    )
    print_frame(_differences(tables["distances"].head(_SHOWN)))
    print("\nClasses:")
    print_frame(_classes(tables["classes"]))
    if len(tables["duplicates"]):
        shown = tables["duplicates"].head(_SHOWN)
        print(
            f"\nPairs that look like one galaxy under two names ({len(shown)} of"
            f" {len(tables['duplicates'])}):"
        )
        names = [
            "sample_id_a",
            "split_a",
            "sample_id_b",
            "split_b",
            "similarity",
            "angle",
            "mirrored",
            "leak",
        ]
        print_frame(shown[names].round({"similarity": 3, "angle": 0}))


def _differences(distances: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {
            "quantity": row["label"],
            "band": row["band"],
            "unit": row["unit"],
            "source": f"{row['source']:.4g}",
            "target": f"{row['target']:.4g}",
            "change": _change(row),
            "distance": f"{row['ks']:.2f} [{row['ks_low']:.2f}, {row['ks_high']:.2f}]",
            "by chance": f"< {row['chance']:.2f}",
        }
        for row in distances.to_dict("records")
    ]
    return pd.DataFrame(rows)


def _change(row: Mapping[Any, Any]) -> str:
    if row["change"] != row["change"]:
        return "–"
    sign = "×" if row["scale"] == "log" else ""
    return f"{sign}{row['change']:.3g} [{row['change_low']:.3g}, {row['change_high']:.3g}]"


def _classes(classes: "pd.DataFrame") -> "pd.DataFrame":
    share = classes["share"].map(lambda value: f"{value:.3f}", na_action="ignore").fillna("–")
    return classes.assign(share=share, oracle=classes["oracle"].map({True: "oracle", False: ""}))


def _write(path: Path, text: str) -> None:
    try:
        # A mistyped folder is not made: the table would be written to a wrong place.
        path.parent.resolve(strict=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error}. Choose another place.") from error
