"""The training loop: data in, a run folder out."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from daexplore.alignment import build_alignment
from daexplore.config import RunConfig
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.engine.training.checkpoint import has_state, load_state, save_state
from daexplore.engine.training.epoch_selection import should_stop
from daexplore.engine.training.finish import finish_run
from daexplore.engine.training.recorder import RunLogger
from daexplore.engine.training.setup import TrainingData, build_adapter, build_loader, prepare_data
from daexplore.engine.training.step import AdaptationStep
from daexplore.engine.training.transfer import PretrainedRun, freeze, open_origin, parameter_groups
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Run, RunWriter, check_root

__all__ = ["train"]


def train(
    config: RunConfig | None,
    runs: str | Path = "runs",
    *,
    resume: str | Path | None = None,
    devices: int = 1,
    nodes: int = 1,
    report: Report = no_report,
) -> Run:
    """Trains one run and returns it.

    Training, early stopping and the choice of the epoch see no target label; target labels, where there are any, go only into metrics
    marked "oracle". A run killed at any time goes on from its last epoch with ``resume`` and ends in the same numbers,
    bit for bit on a CPU.

    Args:
        config: what to train; None with ``resume``, which takes the run's own.
        runs: folder of the runs.
        resume: folder of a stopped run to go on with.
        devices: processes on this machine; ignored under torchrun, which says so itself.
        nodes: machines.
        report: called about ten times an epoch.

    Raises:
        InputError: anything the user can mend.
        KeyboardInterrupt: the training was interrupted; the run's status is then "stopped".
    """
    if resume is not None:
        config = Run(resume).config
    if config is None:
        raise InputError("train needs a config, or a run to resume.")
    # What can be refused at once is refused before minutes go into simulating or reading images.
    _check(config)
    origin = _origin(config, resume)
    if origin:
        config = origin.complete(config)
    if resume is None:
        check_root(runs)
    torch.set_num_threads(config.train.threads or 1)
    fabric = _fabric(config, devices, nodes)
    writer = RunWriter.open(resume) if resume is not None and fabric.is_global_zero else None
    with _status(writer):
        prepared = prepare_data(
            config.data,
            config.train.evaluation_limit,
            lambda done, total: report(Progress("simulating", done, total)),
            _recorded(config, origin, resume),
        )
        adapter = build_adapter(config, prepared)
        if origin:
            origin.load(adapter.network, prepared)
        if config.transfer:
            freeze(adapter.network, config.transfer)
    if writer is None and fabric.is_global_zero:
        writer = _create(runs, config, prepared, adapter, origin)
    with _status(writer):
        return _train(config, prepared, adapter, fabric, writer, resume, report)


def _check(config: RunConfig) -> None:
    for alignment in config.alignments:
        build_alignment(alignment, latent_dim=2, classes=2)
    if config.alignments and config.train.supervision == "target":
        raise InputError(
            'The oracle is taught by target labels alone: leave the alignments out, or set train.supervision="source".'
        )
    if config.batch_norm == "separate" and not config.alignments:
        raise InputError(
            'Without an alignment nothing trains the target\'s own scale and shift: set train.batch_norm="adabn", or add one.'
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
    """The run to start from. A resumed run needs it no more, unless it was killed before it had saved anything."""
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
def _status(writer: RunWriter | None) -> Iterator[None]:
    """However the training ends, run.json says how."""
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


def _train(
    config: RunConfig,
    prepared: TrainingData,
    adapter: AdaptationStep,
    fabric: Fabric,
    writer: RunWriter | None,
    resume: str | Path | None,
    report: Report,
) -> Run:
    loader = build_loader(prepared, config, fabric.global_rank, fabric.world_size)
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
        # The weights taken over: from here on the run stands alone.
        save_state(writer.resume_path, 0, adapter, optimizer, schedule)
    wrapped, optimizer = fabric.setup(adapter, optimizer)
    if writer:
        writer.rewind(first - 1)
    recorder = (
        RunLogger(config, prepared, adapter.network, writer, report, fabric.device, len(loader))
        if writer
        else None
    )
    for epoch in range(first, config.train.epochs + 1):
        if fabric.broadcast(should_stop(recorder.run.history(), config) if recorder else False):
            break
        loader.epoch = epoch
        # Dropout draws from torch's own stream: tied to the epoch, so that a resumed training draws the same.
        torch.manual_seed(
            int(
                np.random.SeedSequence([config.seed, epoch, fabric.global_rank]).generate_state(1)[
                    0
                ]
            )
        )
        adapter.train()
        started = time.perf_counter()
        for step, batch in enumerate(loader, start=(epoch - 1) * len(loader) + 1):
            batch = fabric.to_device(batch)
            losses = wrapped(batch, (step - 1) / (config.train.epochs * len(loader)))
            fabric.backward(losses["total"])
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            if recorder:
                recorder.step(epoch, step, losses)
        if writer and recorder:
            recorder.epoch(
                epoch, step, float(schedule.get_last_lr()[0]), time.perf_counter() - started
            )
            save_state(writer.resume_path, epoch, adapter, optimizer, schedule)
    fabric.barrier()
    path: Path = fabric.broadcast(writer.path if writer else Path())
    if writer:
        finish_run(writer, prepared, adapter.network, config, fabric.device, report)
    fabric.barrier()
    return Run(path)
