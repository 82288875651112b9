"""``daexplore export``: finished runs in the forms that other tools open."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError
from daexplore.exports import EXPORTS, ExportOptions, export_format

__all__ = ["export"]


@app.command()
def export(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    to: Annotated[
        str, typer.Option("--to", help=f"{', '.join(list(EXPORTS)[:-1])} or {list(EXPORTS)[-1]}.")
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            help=(
                "parquet, onnx: a file, or a folder for several runs. tensorboard: the folder of"
                " logs. "
                "mlflow: a folder for its database and artefacts, or the address of a server."
            ),
        ),
    ],
    epoch: Annotated[
        int | None, typer.Option(help="The selected one of each run by default.")
    ] = None,
    flat: Annotated[
        bool,
        typer.Option(
            "--flat", help="parquet: one column for each logit and latent component, no lists."
        ),
    ] = False,
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            help=(
                "parquet, tensorboard: add a picture of each galaxy (minutes where they have to be"
                " simulated)."
            ),
        ),
    ] = False,
    domain: Annotated[
        str | None,
        typer.Option(help="onnx: whose preprocessing goes in, target (the default) or source."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an earlier export left there.")
    ] = False,
) -> None:
    """Export runs to Parquet (TOPCAT, Embedding Atlas), TensorBoard, ONNX or MLflow."""
    if to not in EXPORTS:
        raise InputError(f"--to must be one of {', '.join(EXPORTS)}; got {to!r}.")
    export = export_format(to)
    for option, given in {"flat": flat, "images": images, "domain": domain is not None}.items():
        if given and option not in export.options:
            fitting = [name for name in EXPORTS if option in export_format(name).options]
            raise InputError(
                f"--{option} goes with --to {' or '.join(fitting)}, not with --to {to}."
            )
    from daexplore.cli.robustness import found_runs

    options = ExportOptions(epoch, overwrite, flat, images, domain)
    for line in export.write(export, found_runs(runs), out, options):
        print(line)
