"""The training loop: a configuration in, a run folder out."""

import time
from pathlib import Path

import numpy as np
import torch

from daexplore.config import RunConfig
from daexplore.engine.progress import Report, no_report
from daexplore.engine.training.checkpoint import save_state
from daexplore.engine.training.epoch_selection import should_stop
from daexplore.engine.training.finish import finish_run
from daexplore.engine.training.setup import Training, run_status, set_up
from daexplore.runs import Run

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
    """Train one run and return it.

    Training, early stopping and the choice of the epoch see no target label; target labels, where
    there are any, go only into metrics marked "oracle". A run killed at any time continues from its
    last epoch with ``resume`` and ends in the same numbers, bit for bit on a CPU.

    Args:
        config: what to train; None with ``resume``, which takes the run's own.
        runs: folder of the runs.
        resume: folder of a stopped run to resume.
        devices: processes on this machine; ignored under torchrun, which says so itself.
        nodes: machines.
        report: called about ten times an epoch.

    Raises:
        InputError: anything the user can fix.
        KeyboardInterrupt: the training was interrupted; the run's status is then "stopped".
    """
    training = set_up(config, runs, resume, devices, nodes, report)
    config, fabric, writer, logger = (
        training.config,
        training.fabric,
        training.writer,
        training.logger,
    )
    with run_status(writer):
        for epoch in range(training.first, config.train.epochs + 1):
            stop = should_stop(logger.run.history(), config) if logger else False
            if fabric.broadcast(stop):
                break
            _epoch(training, epoch)
        fabric.barrier()
        path: Path = fabric.broadcast(writer.path if writer else Path())
        if writer:
            finish_run(
                writer, training.data, training.adapter.network, config, fabric.device, report
            )
        fabric.barrier()
        return Run(path)


def _epoch(training: Training, epoch: int) -> None:
    """Train one epoch, record it, and save what an exact resume needs."""
    config, fabric, loader = training.config, training.fabric, training.loader
    loader.epoch = epoch
    # Dropout draws from torch's own stream: tied to the epoch, so that a resumed training draws the
    # same.
    entropy = np.random.SeedSequence([config.seed, epoch, fabric.global_rank])
    torch.manual_seed(int(entropy.generate_state(1)[0]))
    training.adapter.network.start_epoch(epoch)
    training.adapter.train()
    started = time.perf_counter()
    steps = config.train.epochs * len(loader)
    for step, batch in enumerate(loader, start=(epoch - 1) * len(loader) + 1):
        losses = training.wrapped(fabric.to_device(batch), (step - 1) / steps)
        fabric.backward(losses["total"])
        training.optimizer.step()
        training.optimizer.zero_grad()
        training.schedule.step()
        if training.logger:
            training.logger.step(epoch, step, losses)
    if training.writer and training.logger:
        learning_rate = float(training.schedule.get_last_lr()[0])
        training.logger.epoch(epoch, step, learning_rate, time.perf_counter() - started)
        save_state(
            training.writer.resume_path,
            epoch,
            training.adapter,
            training.optimizer,
            training.schedule,
        )
