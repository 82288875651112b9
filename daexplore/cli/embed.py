"""``daexplore embed``: galaxy images made into vectors."""

from pathlib import Path
from typing import Annotated

import typer

from daexplore.cli.app import app
from daexplore.errors import InputError

__all__ = ["embed"]


@app.command()
def embed(
    data: Annotated[
        str,
        typer.Argument(
            help="Galaxies of any kind that can be read, or a preset's domain such as demo:source."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new galaxy set.")],
    network: Annotated[
        str | None,
        typer.Option(
            help=(
                "Encoder: efficientnet-lite0, timm:NAME, zoobot:NAME, your own, or morphology for"
                " measured shapes."
            )
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A trained run instead: its latents become the vectors.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="File of weights: safetensors, or a state dict of torch.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help=(
                "How the files are read, such as data.source_read.label=class, or an option of the"
                " network, such as model.options.resize=128."
            ),
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or any other that torch knows.")] = "cpu",
    restart: Annotated[
        bool, typer.Option("--restart", help="Replace vectors that were made differently.")
    ] = False,
) -> None:
    """Make a galaxy set of vectors from images, with a pretrained encoder or measured shapes.

    Run the same command again to resume. Train on it with --network linear or --network mlp.
    """
    from daexplore.cli.shared.options import run_config
    from daexplore.cli.shared.progress import training_progress
    from daexplore.engine.embed import embed as make
    from daexplore.utils.trust import trust_named

    trust_named(network)
    wrong = [each for each in settings or [] if not each.startswith(("data.", "model.options."))]
    if wrong:
        raise InputError(
            f"embed takes settings of data.source_read and model.options; got {wrong[0]!r}."
        )
    config = run_config(
        None, None, None, None, "noda", None, None, None, None, list(settings or [])
    )
    with training_progress("") as report:
        galaxies = make(
            data,
            out,
            network,
            run=run,
            weights=None if weights is None else str(weights),
            options=config.model.options,
            read=config.data.source_read,
            restart=restart,
            device=device,
            report=report,
        )
    length = galaxies.images.shape[1]
    print(f"{len(galaxies)} vectors of {length} numbers in {out}")
    counts = ", ".join(f"{count} {name}" for name, count in galaxies.class_counts().items())
    print(f"  {counts or 'no labels'}")
    print(f"Train on them with: daexplore train --source {out} --target OTHER --network mlp")
