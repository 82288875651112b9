"""Adapt a finished run to unlabelled images, without its source; a new run with a parent."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.config import AdaptationConfig, ReadConfig, RunConfig, TransferConfig
from daexplore.data.loaders import as_batch
from daexplore.engine.adaptation.data import AdaptationData, prepare_adaptation
from daexplore.engine.adaptation.guard import ShareGuard, called_shares
from daexplore.engine.adaptation.objectives import centroid_labels, loss, prepare, reset_statistics
from daexplore.engine.inference import Outputs, load_network, network_outputs
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.engine.training.epoch_metrics import epoch_rows
from daexplore.engine.training.finish import evaluation_metrics
from daexplore.engine.training.setup import run_status
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.models import Network
from daexplore.runs import Run, RunWriter, check_root

__all__ = ["adapt"]


def adapt(
    run: str | Path,
    method: str,
    *,
    data: str | None = None,
    read: ReadConfig | None = None,
    runs: str | Path = "runs",
    epochs: int = 5,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    report: Report = no_report,
) -> Run:
    """Adapt the network of a run to a target, and write a new run that names its parent.

    Source images are not used; where they can be opened, the new network is evaluated on them too.
    Target labels only go into metrics marked "oracle". Epoch 1 is the network as it was; the
    selected epoch is the last one that did not collapse (``ShareGuard``), at worst that one.

    Args:
        run: folder of the run.
        method: "adabn", "tent" or "shot".
        data: the survey; None takes the run's own target.
        read: how its files are read.
        runs: folder of the new run.
        epochs: passes over the target's training split.
        learning_rate: of what is trained.
        batch_size: images per step.
        seed: of the order of the images.
        report: called with the progress.

    Raises:
        InputError: a run without weights, images that do not fit it, or a network without what the
            method changes.
    """
    parent = Run(run)
    check_root(runs)
    if epochs < 1 or batch_size < 2 or not learning_rate > 0:
        raise InputError(
            "An adaptation needs at least 1 epoch, batches of at least 2 images and a positive"
            f" learning rate; got {epochs}, {batch_size} and {learning_rate}."
        )
    network = load_network(parent)
    prepare(network, method)  # Refuse what cannot be before images are read.
    config = _config(parent, method, data, read, epochs, learning_rate, batch_size, seed)
    prepared = prepare_adaptation(parent, config)
    writer = RunWriter.create(
        runs,
        config,
        data=prepared.description,
        classes=parent.classes,
        latent_dim=network.head.in_features,
        samples=prepared.samples,
        mmd_bandwidths=list(SCALES),
        preprocessing=prepared.preprocess.to_dict(),
        versions={"torch": torch.__version__},
        parent={
            "run": parent.id,
            "path": str(parent.path.absolute()),
            "epoch": parent.selected_epoch,
            "config_hash": parent.info["config_hash"],
        },
    )
    with run_status(writer):
        _Adaptation(config, prepared, network, writer, report).run()
    return Run(writer.path)


def _config(
    parent: Run,
    method: str,
    data: str | None,
    read: ReadConfig | None,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
) -> RunConfig:
    chosen = parent.config.data
    if data is not None:
        chosen = dataclasses.replace(chosen, target=data, target_read=read or ReadConfig())
    settings = AdaptationConfig(
        method,  # type: ignore[arg-type]
        parent.method,
        epochs,
        learning_rate,
        batch_size,
    )
    # Epoch 1 is the network as it was.
    train = dataclasses.replace(parent.config.train, epochs=epochs + 1)
    return dataclasses.replace(
        parent.config,
        data=chosen,
        train=train,
        transfer=TransferConfig(str(parent.path), parent.selected_epoch),
        adaptation=settings,
        seed=seed,
    )


class _Adaptation:
    """One adaptation: what it trains, and what it writes."""

    def __init__(
        self,
        config: RunConfig,
        data: AdaptationData,
        network: Network,
        writer: RunWriter,
        report: Report,
    ):
        assert config.adaptation is not None
        self.config, self.settings, self.data = config, config.adaptation, data
        self.network, self.writer, self.report = network, writer, report
        self.guard: ShareGuard | None = None
        self.shares: list[list[float]] = []
        self.selected, self.collapsed, self.drifted = 1, False, False
        self.steps = max(1, len(data.rows) // self.settings.batch_size)

    def run(self) -> None:
        """All epochs, then metrics of the selected one."""
        torch.manual_seed(self.config.seed)
        torch.set_num_threads(self.config.train.threads or 1)
        started = time.perf_counter()
        self._record(1, 0, {})
        trained = prepare(self.network, self.settings.method)
        reset_statistics(self.network)
        optimizer = torch.optim.Adam(trained, lr=self.settings.learning_rate) if trained else None
        for epoch in range(2, self.settings.epochs + 2):
            losses = self._epoch(epoch, optimizer)
            self._record(epoch, (epoch - 1) * self.steps, losses)
        run = Run(self.writer.path)
        self.writer.update(
            status="finished",
            metrics=evaluation_metrics(run.evaluation(self.selected)),
            seconds={"training": round(time.perf_counter() - started, 1), "evaluation": 0.0},
        )

    def _epoch(self, epoch: int, optimizer: torch.optim.Optimizer | None) -> dict[str, float]:
        method, sums = self.settings.method, dict[str, float]()
        pseudo = self._pseudo() if method == "shot" else None
        prepare(self.network, method)
        for number, (rows, places) in enumerate(self._batches(epoch)):
            images = as_batch(self.data.target.images, rows, self.data.preprocess, "target")
            with torch.set_grad_enabled(optimizer is not None):
                outputs = self.network(images)
            if optimizer is not None:
                labels = None if pseudo is None else pseudo[torch.from_numpy(places)]
                terms = loss(method, outputs.logits, labels)
                optimizer.zero_grad()
                torch.autograd.backward(terms["total"])
                optimizer.step()
                for name, value in terms.items():
                    sums[name] = sums.get(name, 0.0) + float(value.detach()) / self.steps
            done = (epoch - 2) * self.steps + number + 1
            total = self.settings.epochs * self.steps
            self.report(Progress("training", done, total, epoch, dict(sums)))
        return sums

    def _batches(self, epoch: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows of the set, and their places among the training rows; the last rows that do not
        fill a batch are left out.
        """
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.data.rows))
        size = min(self.settings.batch_size, len(order))
        for start in range(0, self.steps * size, size):
            places = order[start : start + size]
            yield self.data.rows[places], places

    def _pseudo(self) -> torch.Tensor:
        found = network_outputs(
            self.network, self.data.target.images, self.data.rows, self.data.preprocess, "target"
        )
        return centroid_labels(torch.from_numpy(found.latents), torch.from_numpy(found.logits))

    def _record(self, epoch: int, step: int, losses: dict[str, float]) -> None:
        """Evaluate the fixed sample, and move the selection where the guard allows it."""
        sample = self.data.evaluation_sample
        parts = [
            network_outputs(self.network, images, rows, self.data.preprocess, domain)
            for domain, images, rows in self.data.evaluated()
        ]
        outputs = Outputs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        domains, splits = (sample[name].to_numpy(object) for name in ("domain", "split"))
        labels = sample["label"].fillna(-1).to_numpy(np.int64)
        groups = sample["group_id"].to_numpy(object)
        checked = outputs.logits[(domains == "target") & (splits == "validation")]
        if self.guard is None:
            self.guard = ShareGuard.of(checked)
        collapsed = self.guard.collapsed(checked)
        if not collapsed:
            self.selected, self.drifted = epoch, self.guard.drifted(checked)
        self.collapsed = self.collapsed or collapsed
        self.shares.append(called_shares(checked).tolist())
        rows = epoch_rows(epoch, step, outputs, labels, domains, splits, groups)
        common = {"epoch": epoch, "step": step, "split": "train", "domain": "target"}
        rows += [
            common | {"name": f"loss/{name}", "value": value} for name, value in losses.items()
        ]
        tensors = {name: value.numpy() for name, value in self.network.state_dict().items()}
        self.writer.write_weights(epoch, tensors)
        ids = sample["sample_id"].to_numpy(object)
        self.writer.write_evaluation(epoch, ids, outputs.logits, outputs.latents)
        self.writer.append_history(rows)
        self.writer.update(
            selected_epoch=self.selected,
            selection={"rule": "guard", "value": float(self.selected), "uses_target_labels": False},
            progress={
                "epoch": epoch,
                "epochs": self.config.train.epochs,
                "fraction": epoch / self.config.train.epochs,
            },
            guard={
                "called_shares": self.shares,
                "collapsed": self.collapsed,
                "drifted": self.drifted,
            },
        )
