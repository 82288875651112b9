"""``daexplore adapt``: a finished run adapted to a survey, without its source."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import Runs, app
from daexplore.errors import InputError
from daexplore.methods import ADAPTATIONS

__all__ = ["adapt"]


@app.command()
def adapt(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    method: Annotated[
        str,
        typer.Option(
            help=" ".join(f"{name}: {each.summary}" for name, each in ADAPTATIONS.items())
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Images of the survey; the run's own target by default."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the survey's training split.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Of what is trained.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 64,
    seed: Annotated[int, typer.Option(help="Of the order of the images.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="How the files are read, such as data.target_read.pixel_scale=0.396.",
        ),
    ] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Adapt a finished run to a survey without its source images; the result is a new run."""
    from daexplore.cli.shared.options import run_config
    from daexplore.cli.shared.output import print_runs
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.adaptation import adapt as make

    if method not in ADAPTATIONS:
        raise InputError(f"--method must be one of {', '.join(ADAPTATIONS)}; got {method!r}.")
    config = run_config(None, None, None, None, "noda", None, None, None, None, settings or [])
    with training_progress(f"{method} on {run}") as report:
        done = make(
            run,
            method,
            data=data,
            read=config.data.target_read,
            runs=runs,
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=batch_size,
            seed=seed,
            report=report,
        )
    print_runs([done])
    guard = done.info["guard"]
    names = done.classes
    selected = done.selected_epoch or 1
    before, after = guard["called_shares"][0], guard["called_shares"][selected - 1]
    shares = ", ".join(
        f"{name} {old:.1%} -> {new:.1%}"
        for name, old, new in zip(names, before, after, strict=True)
    )
    print(f"Called among the target's validation images, before -> after: {shares}.")
    if guard["collapsed"]:
        print(
            "Warning: the predictions collapsed to fewer classes in at least one epoch. Epoch"
            f" {selected} is the last one before; epoch 1 is the network as it was."
        )
    if guard["drifted"]:
        print(
            "Warning: the class shares that the network calls changed by more than 15%. Without"
            " labels it cannot be known whether that is right."
        )
    print(f"Compare it with its parent: daexplore explore {runs}")
