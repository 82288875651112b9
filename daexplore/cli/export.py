"""``daexplore export``: finished runs in the forms that other tools open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

if TYPE_CHECKING:
    from daexplore.runs import Run

__all__ = ["export"]

FORMATS = ("parquet", "tensorboard", "onnx", "mlflow")
_FILES = {"parquet": ".parquet", "onnx": ".onnx"}
_ONLY = {"--flat": ("parquet",), "--images": ("parquet", "tensorboard"), "--domain": ("onnx",)}


@app.command()
def export(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or a folder that holds runs.")
    ],
    to: Annotated[str, typer.Option("--to", help="parquet, tensorboard, onnx or mlflow.")],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            help="parquet, onnx: a file, or a folder for several runs. tensorboard: the folder of logs. "
            "mlflow: a folder for its database and artefacts, or the address of a server.",
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
            help="parquet, tensorboard: add a picture of each galaxy (minutes where they have to be simulated).",
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
    if to not in FORMATS:
        raise InputError(f"--to must be one of {', '.join(FORMATS)}; got {to!r}.")
    for option, given in (("--flat", flat), ("--images", images), ("--domain", domain is not None)):
        if given and to not in _ONLY[option]:
            raise InputError(
                f"{option} goes with --to {' or '.join(_ONLY[option])}, not with --to {to}."
            )
    from daexplore.cli.robustness import found_runs

    found = found_runs(runs)
    if to == "parquet":
        _parquet(found, Path(out), epoch, flat, images, overwrite)
    elif to == "tensorboard":
        _tensorboard(found, Path(out), epoch, images, overwrite)
    elif to == "onnx":
        _onnx(found, Path(out), epoch, domain or "target", overwrite)
    else:
        _mlflow(found, out, epoch, overwrite)


def _parquet(
    runs: "list[Run]", out: Path, epoch: int | None, flat: bool, images: bool, overwrite: bool
) -> None:
    from daexplore.exports import to_parquet

    for run in runs:
        done = to_parquet(
            run,
            _file(run, runs, out, "parquet"),
            epoch=epoch,
            flat=flat,
            images=images,
            overwrite=overwrite,
        )
        print(done)
    picture = " --image image" if images else ""
    print(
        f"See it with: embedding-atlas {done} --x projection_x --y projection_y{picture}\n     or with: topcat {done}"
    )


def _tensorboard(
    runs: "list[Run]", out: Path, epoch: int | None, images: bool, overwrite: bool
) -> None:
    from daexplore.exports import to_tensorboard

    for run in runs:
        print(to_tensorboard(run, out, epoch=epoch, images=images, overwrite=overwrite))
    print(f"See {'them' if len(runs) > 1 else 'it'} with: tensorboard --logdir {out}")


def _onnx(runs: "list[Run]", out: Path, epoch: int | None, domain: str, overwrite: bool) -> None:
    from daexplore.exports import to_onnx

    for run in runs:
        done = to_onnx(
            run, _file(run, runs, out, "onnx"), epoch=epoch, domain=domain, overwrite=overwrite
        )
        channels, height, width = done.shape
        print(
            f"{done.path}: epoch {done.epoch}; images (batch, {channels}, {height}, {width}) of the {done.domain} -> logits, latent"
        )
        worst = ", ".join(f"{value:.2g} in {name}" for name, value in done.difference.items())
        print(f"  largest difference from torch on {done.images} {done.on}: {worst}")


def _mlflow(runs: "list[Run]", out: str, epoch: int | None, overwrite: bool) -> None:
    from daexplore.exports import to_mlflow

    for run in runs:
        print(f"{run.id}: run {to_mlflow(run, out, epoch=epoch, overwrite=overwrite)}")
    if "://" not in out:
        print(
            f"See {'them' if len(runs) > 1 else 'it'} with: mlflow ui --backend-store-uri sqlite:///{Path(out).resolve() / 'mlflow.db'}"
        )


def _file(run: "Run", runs: "list[Run]", out: Path, to: str) -> Path:
    """The file that was named, or one named after the run in the folder that was."""
    suffix = _FILES[to]
    if len(runs) == 1 and out.suffix.lower() == suffix:
        return out
    if out.suffix.lower() == suffix:
        raise InputError(
            f"{out} is one file, but there are {len(runs)} runs: give a folder with --out."
        )
    if out.exists() and not out.is_dir():
        raise InputError(
            f"{out} is a file; for --to {to} give one that ends with {suffix}, or a folder."
        )
    return out / f"{run.id}{suffix}"
