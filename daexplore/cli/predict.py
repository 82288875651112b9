"""``daexplore predict``: a catalogue of a survey."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

__all__ = ["predict"]

_SETTING = "data.target_read."


@app.command()
def predict(
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Folder of a run; several, each with --run, make an ensemble."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help=(
                "Galaxies of the survey, of any kind that can be read; labels are not needed, nor"
                " used."
            ),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=(
                "The catalogue: .fits, .ecsv, .vot or .parquet. Until complete, parts are stored"
                " beside it."
            ),
        ),
    ] = None,
    epoch: Annotated[
        int | None, typer.Option(help="The selected one of each run by default.")
    ] = None,
    temperature: Annotated[
        bool,
        typer.Option(
            "--temperature/--no-temperature",
            help="Calibrate with a temperature from source validation images.",
        ),
    ] = False,
    correct_shares: Annotated[
        bool,
        typer.Option(
            "--correct-shares",
            help="Also give probabilities under the class shares estimated for the survey.",
        ),
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Images at a time.")] = 256,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or any other that torch knows.")
    ] = "auto",
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace a catalogue that is there, and delete parts of another prediction.",
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="How the files are read, such as data.target_read.pixel_scale=0.26."
        ),
    ] = None,
) -> None:
    """Write a catalogue of a survey: probabilities, their uncertainty, and how much each galaxy is
    like those of the training.

    Run the same command again to resume.
    """
    from daexplore.cli.shared.options import run_config
    from daexplore.cli.shared.progress import training_progress
    from daexplore.config import ReadConfig

    if not run or data is None or out is None:
        raise InputError(
            "Give the runs, the survey and the catalogue: daexplore predict --run RUN --data SURVEY"
            " --out CATALOGUE.fits"
        )
    other = next((setting for setting in settings or [] if not setting.startswith(_SETTING)), None)
    if other is not None:
        raise InputError(
            f"--set says here how the survey's files are read, such as {_SETTING}pixel_scale=0.26;"
            f" got {other!r}."
        )
    read = run_config(
        None, None, None, None, "noda", None, None, None, None, settings or []
    ).data.target_read

    from daexplore.engine.prediction.predict import predict as work

    with training_progress("") as report:
        done = work(
            run,
            data,
            out,
            read=None if read == ReadConfig() else read,
            epoch=epoch,
            temperature=temperature,
            correct_shares=correct_shares,
            batch_size=batch_size,
            threads=threads,
            device=device,
            overwrite=overwrite,
            report=report,
        )
    print(
        f"{done.galaxies} images in {done.path}"
        + (f", {done.before} of them done before" if done.before else "")
    )
    if done.counts:
        shares = ", ".join(
            f"{count} {name} ({count / done.galaxies:.1%})" for name, count in done.counts.items()
        )
        print(f"  predicted, not corrected for mistakes: {shares}")
    if done.oracle:
        print(
            "  oracle: target labels were used in training; the header of the catalogue states it"
        )
    for note in done.notes:
        print(f"  {note}")
