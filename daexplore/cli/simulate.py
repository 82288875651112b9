"""``daexplore simulate``: write a simulated pair of galaxy sets."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

__all__ = []


@app.command()
def simulate(
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder to write source/, target/ and a contact sheet of each into."
        ),
    ],
    preset: Annotated[
        str,
        typer.Option(
            help=(
                "distant: Illustris-like galaxies at z = 2 with and without noise. demo: fewer of"
                " them. "
                "nearby: Illustris-like and SDSS-like galaxies at z = 0."
            )
        ),
    ] = "distant",
    n: Annotated[
        int | None, typer.Option("--n", help="Images a domain; the preset's own number by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which galaxies.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; all cores by default. The images do not depend on it."),
    ] = None,
) -> None:
    """Simulate the same galaxies as two surveys see them: a labelled source and a target."""
    from daexplore.cli.shared.progress import simulation_progress
    from daexplore.data.contact_sheet import contact_sheet
    from daexplore.data.simulate import simulate as run

    with simulation_progress() as progress:
        domains = run(preset, n, seed, workers, progress)
    for galaxies in domains:
        try:
            folder = galaxies.save(out / galaxies.name)
            contact_sheet(galaxies).save(out / f"{galaxies.name}.png")
        except OSError as error:
            raise InputError(
                f"Cannot write to {out}: {error}. Choose another folder with --out."
            ) from error
        print(f"{galaxies}\n  in {folder}, some of them in {out / galaxies.name}.png")
    print(f"Train on them with: daexplore train --data {out} --method mmd")
