"""Set-up of a training: from a configuration to every object that the loop needs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.optim.lr_scheduler import LRScheduler

from daexplore.alignment import build_alignment
from daexplore.config import RunConfig
from daexplore.data.class_balance import class_weights
from daexplore.data.datasets import check_unchanged
from daexplore.data.loaders import DomainPairLoader
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.progress import Progress, Report
from daexplore.engine.training.checkpoint import has_state, load_state, save_state
from daexplore.engine.training.data import (
    TrainingData,
    build_loader,
    labelled_training_rows,
    prepare_data,
)
from daexplore.engine.training.recorder import RunLogger
from daexplore.engine.training.step import AdaptationStep
from daexplore.engine.training.training_images import example_images
from daexplore.engine.training.transfer import PretrainedRun, freeze, open_origin, parameter_groups
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.models import build_network
from daexplore.runs import Run, RunWriter, check_root
from daexplore.utils.files import atomic_write

__all__ = ["Training", "build_adapter", "run_status", "set_up"]


@dataclass
class Training:
    """A training that is ready for its next epoch.

    Attributes:
        config: complete, with what another run's network demands.
        data: both domains.
        adapter: network and alignments.
        wrapped: the same as Fabric runs it.
        loader: batches of this process.
        optimizer: as Fabric runs it.
        schedule: of the learning rate.
        fabric: devices and processes.
        first: the epoch to begin with; above 1 for a resumed run.
        writer: of the run folder; None in every process but the first.
        logger: of history and evaluations; None as ``writer``.
    """

    config: RunConfig
    data: TrainingData
    adapter: AdaptationStep
    wrapped: torch.nn.Module
    loader: DomainPairLoader
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    fabric: Fabric
    first: int
    writer: RunWriter | None
    logger: RunLogger | None


def set_up(
    config: RunConfig | None,
    runs: str | Path,
    resume: str | Path | None,
    devices: int,
    nodes: int,
    report: Report,
) -> Training:
    """Check the configuration, open the data, build or restore the network, and open the run
    folder.

    Args:
        config: see ``train``; so are the others.
        runs: folder of the runs.
        resume: folder of a stopped run.
        devices: processes on this machine.
        nodes: machines.
        report: called with the progress.

    Raises:
        InputError: anything the user can fix.
    """
    if resume is not None:
        config = Run(resume).config
    if config is None:
        raise InputError("train needs a config, or a run to resume.")
    # Refuse what can be refused before minutes are spent on simulating or reading images.
    _check(config)
    origin = _origin(config, resume)
    if origin:
        config = origin.complete(config)
    if resume is None:
        check_root(runs)
    torch.set_num_threads(config.train.threads or 1)
    fabric = _fabric(config, devices, nodes)
    with _resumed(resume if fabric.is_global_zero else None) as writer:
        data = prepare_data(
            config.data,
            config.train.evaluation_limit,
            lambda done, total: report(Progress("simulating", done, total)),
            _recorded(config, origin, resume),
        )
        if resume is not None:
            for domain, galaxies in data.domains.items():
                check_unchanged(galaxies, Run(resume).info["data"][domain])
        adapter = build_adapter(config, data, pretrained=resume is None and origin is None)
        if origin:
            origin.load(adapter.network, data)
        if config.transfer:
            freeze(adapter.network, config.transfer)
    if writer is None and fabric.is_global_zero:
        writer = _create(runs, config, data, adapter, origin)
    with run_status(writer):
        return _assemble(config, data, adapter, fabric, writer, resume, report)


def _assemble(
    config: RunConfig,
    data: TrainingData,
    adapter: AdaptationStep,
    fabric: Fabric,
    writer: RunWriter | None,
    resume: str | Path | None,
    report: Report,
) -> Training:
    """Loader, optimiser and schedule, restored from the last complete epoch of a resumed run."""
    loader = build_loader(data, config, fabric.global_rank, fabric.world_size)
    groups = parameter_groups(adapter, config)
    peaks = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups, weight_decay=config.train.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peaks, total_steps=config.train.epochs * len(loader) + 1, cycle_momentum=False
    )
    first = (
        load_state(Path(resume) / "resume", adapter, optimizer, schedule) + 1
        if resume is not None
        else 1
    )
    if writer and config.transfer and first == 1:
        # Save the weights of the other run: from here on this run does not need it.
        save_state(writer.resume_path, 0, adapter, optimizer, schedule)
    wrapped, optimizer = fabric.setup(adapter, optimizer)
    logger = None
    if writer:
        writer.rewind(first - 1)
        if loader.conditions is not None:
            writer.update(conditions=loader.conditions.measured.to_dict())
            example_images(data, loader.conditions, config.seed).write(writer.path)
        logger = RunLogger(
            config, data, adapter.network, writer, report, fabric.device, len(loader)
        )
    return Training(
        config,
        data,
        adapter,
        wrapped,
        loader,
        optimizer,
        schedule,
        fabric,
        first,
        writer,
        logger,
    )


def build_adapter(
    config: RunConfig, prepared: TrainingData, pretrained: bool = True
) -> AdaptationStep:
    """Network and alignments, initialised by the seed: equal seeds start from equal networks
    whatever the method.

    Args:
        config: of the run.
        prepared: its data.
        pretrained: whether a pretrained network starts from its published weights; not where
            weights of a run follow.
    """
    torch.manual_seed(config.seed)
    classes = len(prepared.classes)
    network = build_network(
        config.model,
        len(prepared.preprocess.bands),
        classes,
        prepared.preprocess.size[0],
        config.batch_norm,
        pretrained,
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    latent_dim = network.head.in_features
    alignments = [
        (build_alignment(alignment, latent_dim, classes), alignment.weight)
        for alignment in config.alignments
    ]
    labels = labelled_training_rows(prepared, config.train.supervision)[1]
    weights = class_weights(labels, classes) if config.train.class_balance == "weights" else None
    return AdaptationStep(network, alignments, config.batch_norm, weights)


def _check(config: RunConfig) -> None:
    for alignment in config.alignments:
        build_alignment(alignment, latent_dim=2, classes=2)
    if config.alignments and config.train.supervision == "target":
        raise InputError(
            "The oracle is taught by target labels alone: leave the alignments out, or set"
            ' train.supervision="source".'
        )
    if config.batch_norm == "separate" and not config.alignments:
        raise InputError(
            "Without an alignment nothing trains the target's own scale and shift: set"
            ' train.batch_norm="adabn", or add one.'
        )


def _fabric(config: RunConfig, devices: int, nodes: int) -> Fabric:
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    fabric = Fabric(
        accelerator=config.train.accelerator,
        strategy="ddp" if devices * nodes > 1 else "auto",
        devices=devices,
        num_nodes=nodes,
    )
    fabric.launch()
    return fabric


def _origin(config: RunConfig, resume: str | Path | None) -> PretrainedRun | None:
    """The run to start from. A resumed run needs it no more, unless it was killed before it had
    saved anything.
    """
    if config.transfer is None or (resume is not None and has_state(Path(resume) / "resume")):
        return None
    return open_origin(config.transfer)


def _recorded(
    config: RunConfig, origin: PretrainedRun | None, resume: str | Path | None
) -> Preprocess | None:
    """The preprocessing taken over from another run; a resumed run has it in its own folder."""
    if config.transfer is None or config.transfer.preprocessing == "fit":
        return None
    if resume is not None:
        return Preprocess.from_dict(Run(resume).info["preprocessing"])
    return origin.preprocess if origin else None


def _create(
    runs: str | Path,
    config: RunConfig,
    prepared: TrainingData,
    adapter: AdaptationStep,
    origin: PretrainedRun | None,
) -> RunWriter:
    return RunWriter.create(
        runs,
        config,
        data=prepared.description(),
        classes=prepared.classes,
        latent_dim=adapter.network.head.in_features,
        samples=prepared.samples,
        mmd_bandwidths=list(SCALES),
        preprocessing=prepared.preprocess.to_dict(),
        versions={"torch": torch.__version__},
        **({"transfer": origin.describe(prepared)} if origin else {}),
    )


@contextmanager
def _resumed(resume: str | Path | None) -> Iterator[RunWriter | None]:
    """The writer of a run that is resumed; its run.json is as it was where that is refused."""
    if resume is None:
        yield None
        return
    file = Path(resume) / "run.json"
    before = file.read_bytes() if file.is_file() else b""
    writer = RunWriter.open(resume)
    try:
        with run_status(writer):
            yield writer
    except InputError:
        with atomic_write(file) as part:
            part.write_bytes(before)
        raise


@contextmanager
def run_status(writer: RunWriter | None) -> Iterator[None]:
    """Record in run.json how a training ends, whatever ends it."""
    try:
        yield
    except KeyboardInterrupt:
        if writer:
            writer.update(status="stopped")
        raise
    except BaseException as error:
        if writer:
            writer.update(status="failed", error=f"{type(error).__name__}: {error}".splitlines()[0])
        raise
