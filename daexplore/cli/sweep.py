"""``daexplore sweep``: methods x seeds x options into run folders."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from daexplore.cli.app import Runs, app
from daexplore.errors import InputError

if TYPE_CHECKING:
    from daexplore.config import RunConfig
    from daexplore.engine.sweeps.launch import Resources

__all__ = ["settings_grid", "sweep", "sweep_configs"]


@app.command()
def sweep(
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
        str | None, typer.Option("--source", help="Labelled images of any kind that can be read.")
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
    methods: Annotated[
        str, typer.Option(help="Joined by commas, one run each; with + several losses in one run.")
    ] = "noda,mmd,dann",
    seeds: Annotated[str, typer.Option(help="0..4 or 0,3,5.")] = "0..4",
    epochs: Annotated[int | None, typer.Option(help="Passes over the larger domain.")] = None,
    limit: Annotated[int | None, typer.Option(help="Training images a domain at most.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting, or several values of it to try all: --set train.batch_size=32,64.",
        ),
    ] = None,
    runs: Runs = Path("runs"),
    cluster: Annotated[
        str,
        typer.Option(
            help=(
                "local: processes on this machine. slurm. debug: one after another in this process."
            )
        ),
    ] = "local",
    parallel: Annotated[
        int | None,
        typer.Option(help="Runs at a time; half of the CPUs by default, under Slurm no limit."),
    ] = None,
    timeout_min: Annotated[
        int | None,
        typer.Option(
            help=(
                "Minutes a job may take. None by default; under Slurm a day, after which it is"
                " queued again."
            )
        ),
    ] = None,
    partition: Annotated[str | None, typer.Option(help="Of Slurm.")] = None,
    gpus: Annotated[
        int | None,
        typer.Option(
            help="GPUs a run. By default what there is on this machine, and none from Slurm."
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm", help="Anything else Slurm needs, such as account=astro or mem=8GB."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")
    ] = False,
) -> None:
    """Train methods x seeds x settings. Called again, it skips what is finished, resumes what
    is not, and starts the rest.
    """
    from daexplore.cli.shared.options import seeds as parse_seeds
    from daexplore.cli.sweep_report import print_plan, print_progress, print_results
    from daexplore.engine.sweeps.launch import SweepLauncher, followed_jobs
    from daexplore.engine.sweeps.plan import plan

    configs = sweep_configs(
        data, source, target, label, methods, parse_seeds(seeds), epochs, limit, settings or []
    )
    resources = _resources(cluster, parallel, timeout_min, partition, gpus, slurm or [], configs)
    _check(configs)
    planned = plan(configs, runs)
    followed = followed_jobs(planned, runs)
    busy = [config for config, _ in followed]
    print_plan(planned, busy, resources, runs)
    if dry_run:
        return
    # What was started comes first: it ends sooner.
    to_start = [
        item.config
        for state in ("resume", "new")
        for item in planned
        if item.state == state and item.config not in busy
    ]
    if cluster != "slurm":
        simulate_first(to_start)
    ended = print_progress(SweepLauncher(to_start, runs, resources, followed), planned)
    raise typer.Exit(print_results(planned, ended, runs))


def sweep_configs(
    data: str | None,
    source: str | None,
    target: str | None,
    label: str | None,
    methods: str,
    seeds: Sequence[int],
    epochs: int | None,
    limit: int | None,
    settings: Sequence[str],
) -> "list[RunConfig]":
    """One config for each of methods x settings x seeds. What is set of an alignment goes to the
    methods that have it.

    Raises:
        InputError: options that contradict each other, a setting that does not exist, or of an
            alignment that no method has.
    """
    import dataclasses

    from daexplore.cli.shared.options import run_config

    names = [name.strip() for name in methods.split(",") if name.strip()]
    if not names:
        raise InputError(
            "--methods must name at least one method, such as noda,mmd,mmd+fisher; got"
            f" {methods!r}."
        )
    grid = settings_grid(settings)
    used = {part for name in names for part in name.split("+")}
    for setting in grid[0]:
        owner = _alignment_of(setting)
        if owner is not None and owner not in used:
            raise InputError(
                f"--set {setting}: none of the methods {', '.join(names)} has the alignment"
                f" {owner!r}. Add one, or leave it out."
            )
    configs = []
    for name, chosen in product(names, grid):
        fitting = [
            setting for setting in chosen if _alignment_of(setting) in (None, *name.split("+"))
        ]
        config = run_config(data, source, target, label, name, None, epochs, limit, None, fitting)
        configs += [dataclasses.replace(config, seed=seed) for seed in seeds]
    return list(
        {
            json.dumps(dataclasses.asdict(config), sort_keys=True): config for config in configs
        }.values()
    )


def settings_grid(settings: Sequence[str]) -> list[list[str]]:
    """All combinations of the values in "name=value,value".

    A comma within brackets or quotes parts nothing: a list such as ``data.bands=["g","r"]`` is one
    value.

    Raises:
        InputError: no "=", no value, or a name given twice.

    >>> settings_grid(["train.batch_size=32,64", "data.bands=[0,1]"])
    [['train.batch_size=32', 'data.bands=[0,1]'], ['train.batch_size=64', 'data.bands=[0,1]']]
    """
    axes: dict[str, list[str]] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        values = _values(text)
        if not equals or not all(values):
            raise InputError(
                f"--set needs name=value, or name=value,value for several; got {setting!r}."
            )
        if name in axes:
            raise InputError(
                f"--set names {name} twice; give all its values at once, such as"
                f" {name}={axes[name][0]},{values[0]}."
            )
        axes[name] = [f"{name}={value}" for value in values]
    return [list(chosen) for chosen in product(*axes.values())]


def _values(text: str) -> list[str]:
    values, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == '"'
        depth += 0 if quoted else (character in "[{") - (character in "]}")
        if character == "," and not depth and not quoted:
            values.append("")
        else:
            values[-1] += character
    return [value.strip() for value in values]


def _alignment_of(setting: str) -> str | None:
    """The alignment that "alignments.mmd.weight=2" is about."""
    parts = setting.partition("=")[0].split(".")
    return parts[1] if parts[0] == "alignments" and len(parts) > 2 else None


def _resources(
    cluster: str,
    parallel: int | None,
    timeout_min: int | None,
    partition: str | None,
    gpus: int | None,
    slurm: Sequence[str],
    configs: "Sequence[RunConfig]",
) -> "Resources":
    from daexplore.engine.sweeps.launch import Resources

    if cluster not in ("local", "slurm", "debug"):
        raise InputError(f"--cluster must be local, slurm or debug; got {cluster!r}.")
    for name, given, least in (
        ("--parallel", parallel, 1),
        ("--timeout-min", timeout_min, 1),
        ("--gpus", gpus, 0),
    ):
        if given is not None and given < least:
            raise InputError(f"{name} must be at least {least}, got {given}.")
    if cluster != "slurm" and (partition or slurm):
        raise InputError("--partition and --slurm are for Slurm: add --cluster slurm.")
    parameters: dict[str, Any] = {}
    for setting in slurm:
        name, _, text = setting.partition("=")
        if not name or not text:
            raise InputError(f"--slurm needs name=value, such as account=astro; got {setting!r}.")
        # submitit checks the kinds of some: numbers come as numbers.
        parameters[name] = int(text) if text.isdecimal() else text
    threads = max(config.train.threads or 1 for config in configs)
    return Resources(
        cast(Literal["local", "slurm", "debug"], cluster),
        parallel,
        timeout_min,
        partition,
        gpus,
        threads,
        parameters,
    )


def _check(configs: "Sequence[RunConfig]") -> None:
    """Images that are not there, and a method that is unknown or has wrong options, are reported
    before anything runs.
    """
    from daexplore.alignment import build_alignment
    from daexplore.data.simulate import PRESETS

    for name in {
        name: None for config in configs for name in (*config.data.sources, config.data.target)
    }:
        # "nearby:target" is one domain of a preset.
        if name.partition(":")[0] not in PRESETS and not Path(name).exists():
            raise InputError(
                f"The images {name} do not exist. Give a galaxy set, an .npy file, or a folder with"
                " catalogue.csv."
            )
    for alignment in {
        json.dumps([a.name, a.options]): a for config in configs for a in config.alignments
    }.values():
        build_alignment(alignment, latent_dim=2, classes=2)


def simulate_first(configs: "Sequence[RunConfig]") -> None:
    """Once, with a bar, instead of in the first of several jobs that would all wait for it."""
    from daexplore.cli.shared.progress import stage_progress
    from daexplore.data.simulate import PRESETS, open_preset

    wanted = {
        (name.partition(":")[0], c.data.simulated, c.data.simulation_seed)
        for c in configs
        for name in (*c.data.sources, c.data.target)
    }
    for name, n, seed in sorted((item for item in wanted if item[0] in PRESETS), key=str):
        with stage_progress("simulating") as progress:
            open_preset(name, n, seed, progress=progress)
