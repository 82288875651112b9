"""``daexplore train`` and ``daexplore evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from daexplore.cli.app import Runs, app
from daexplore.methods import METHODS

__all__ = []


@app.command()
def train(
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help=(
                "A preset (distant, distant-asinh, nearby, nearby-survey, demo), or a folder with"
                " source/ and target/."
            ),
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help=(
                "Labelled images: a galaxy set, an .npy file, a folder with catalogue.csv, a domain"
                " of a preset such as nearby:source. Several sets are joined."
            ),
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", help="Images of the survey, of the same kinds; labels are not needed."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of catalogue.csv that holds the class.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(METHODS)}, or your own as package.module:Class; combine losses by +. "
            f"adabn: {METHODS['adabn'].summary} oracle: {METHODS['oracle'].summary}"
        ),
    ] = "noda",
    methods: Annotated[
        str | None,
        typer.Option(
            help="The same, joined by commas: --methods mmd,dann is one run with both losses."
        ),
    ] = None,
    weight: Annotated[float | None, typer.Option(help="Weight of the alignment losses.")] = None,
    seed: Annotated[
        str,
        typer.Option(
            help="A seed, or several such as 0..2 or 0,3,5: one run each, one after another."
        ),
    ] = "0",
    epochs: Annotated[int | None, typer.Option(help="Passes over the larger domain.")] = None,
    limit: Annotated[int | None, typer.Option(help="Training images a domain at most.")] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help=(
                "deepmerge, d4-deepmerge, resnet18, efficientnet-lite0, timm:NAME, zoobot:NAME, or"
                " your own as package.module:factory."
            )
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="File to start from: safetensors, or a state dict of torch."),
    ] = None,
    class_balance: Annotated[
        str | None,
        typer.Option(
            help=(
                "For unequal classes in the source: none, weights (in the loss) or batches (equal"
                " draws)."
            )
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            help=(
                "Observing conditions of the training images: drawn (at random), measured (noise"
                " and PSF of the target), drawn+measured, or none."
            )
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            help="Start from this run's network, with its preprocessing (transfer learning)."
        ),
    ] = None,
    init_epoch: Annotated[
        int | None, typer.Option(help="Its epoch; the selected one by default.")
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            help=(
                "Parts of that network to keep as they are, such as convolutions.0,convolutions.1"
                " or convolutions."
            )
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Factor on the learning rate of the parts taken over, such as 0.1."),
    ] = None,
    new_head: Annotated[
        bool, typer.Option("--new-head", help="Start a new last layer, as other classes need.")
    ] = False,
    fit_preprocessing: Annotated[
        bool,
        typer.Option(
            "--fit-preprocessing", help="Learn the normalisation from the new images instead."
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help=(
                "Any setting, such as train.learning_rate=1e-3 or"
                " alignments.dann.options.reversal=0.5."
            ),
        ),
    ] = None,
    runs: Runs = Path("runs"),
    resume: Annotated[
        Path | None, typer.Option(help="Go on with a stopped run, exactly where it was.")
    ] = None,
    devices: Annotated[int, typer.Option(help="Processes (GPUs) on this machine.")] = 1,
    nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
) -> None:
    """Train one method on a labelled source and an unlabelled target, and save the run."""
    from daexplore.cli.shared.options import run_config, seeds, transfer_config
    from daexplore.cli.shared.output import print_runs
    from daexplore.cli.shared.progress import leads, training_progress
    from daexplore.engine.training.train import train as run

    if resume is not None:
        with training_progress(str(resume)) as report:
            print_runs([run(None, resume=resume, devices=devices, nodes=nodes, report=report)])
        return
    from daexplore.utils.trust import trust_named

    trust_named(network)
    transfer = transfer_config(init_from, init_epoch, freeze, rate, new_head, fit_preprocessing)
    config = run_config(
        data,
        source,
        target,
        label,
        methods or method,
        weight,
        epochs,
        limit,
        network,
        settings or [],
        class_balance,
        transfer,
        conditions,
        None if weights is None else str(weights),
    )
    done = []
    for number in seeds(seed):
        with training_progress(f"{config.method} seed {number}") as report:
            done.append(
                run(_seeded(config, number), runs, devices=devices, nodes=nodes, report=report)
            )
    if not leads():
        return
    print_runs(done)
    print(f"See {'them' if len(done) > 1 else 'it'} with: daexplore explore {runs}")


def _seeded(config: Any, seed: int) -> Any:
    import dataclasses

    return dataclasses.replace(config, seed=seed)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Other images to evaluate on, treated as the target's are."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of catalogue.csv that holds the class.")
    ] = None,
    epoch: Annotated[int | None, typer.Option(help="The selected one by default.")] = None,
) -> None:
    """Evaluate a run on all its held-out galaxies, or on other images, with intervals over
    galaxies.
    """
    from daexplore.cli.shared.output import print_metrics
    from daexplore.engine.evaluate_run import evaluate_run

    print_metrics(evaluate_run(run, data, label, epoch))
