"""Logger of a training: history and evaluations in the run folder."""

import time
from collections import defaultdict

import numpy as np
import torch

from daexplore.config import RunConfig
from daexplore.domains import DOMAINS
from daexplore.engine.inference import Outputs, network_outputs
from daexplore.engine.progress import Progress, Report
from daexplore.engine.training.data import TrainingData
from daexplore.engine.training.epoch_metrics import epoch_rows
from daexplore.engine.training.epoch_selection import select_epoch
from daexplore.errors import InputError
from daexplore.models import Network
from daexplore.runs import Run, RunWriter

__all__ = ["RunLogger"]

WINDOWS_PER_EPOCH = 10


class RunLogger:
    """Writes what happens in a training into the run folder; only rank zero has one.

    Args:
        config: of the run.
        prepared: its data.
        network: what is trained.
        writer: of the run folder.
        report: called about ten times an epoch.
        device: where the network is.
        steps: in an epoch.
    """

    def __init__(
        self,
        config: RunConfig,
        prepared: TrainingData,
        network: Network,
        writer: RunWriter,
        report: Report,
        device: torch.device,
        steps: int,
    ):
        self.config, self.prepared, self.network, self.writer, self.report, self.device = (
            config,
            prepared,
            network,
            writer,
            report,
            device,
        )
        self.run = Run(writer.path)
        self.steps, self.total = steps, steps * config.train.epochs
        self.sample = prepared.evaluation_sample()
        self.window: dict[str, list[torch.Tensor]] = defaultdict(list)
        self.values: dict[str, float] = {}
        self.seconds = {"training": 0.0, "evaluation": 0.0} | writer.info["seconds"]

    def step(self, epoch: int, step: int, losses: dict[str, torch.Tensor]) -> None:
        """Collects a step's losses and writes their means ten times an epoch."""
        for name, value in losses.items():
            self.window[name].append(value.detach())
        in_epoch = step - (epoch - 1) * self.steps
        if (
            in_epoch * WINDOWS_PER_EPOCH // self.steps
            == (in_epoch - 1) * WINDOWS_PER_EPOCH // self.steps
        ):
            return
        means = {name: float(torch.stack(values).mean()) for name, values in self.window.items()}
        self.window.clear()
        if not np.isfinite(means["total"]):
            raise InputError(
                f"The loss became {means['total']} in epoch {epoch}. Lower the learning rate or the"
                " alignment's weight."
            )
        self.writer.append_history(
            [
                {
                    "epoch": epoch,
                    "step": step,
                    "split": "train",
                    "domain": domain,
                    "name": f"loss/{name}",
                    "value": value,
                }
                for name, value in means.items()
                for domain in ["source" if name == "task" else "both"]
            ]
        )
        self.values |= {name: value for name, value in means.items() if name != "total"}
        self.writer.update(
            progress={
                "epoch": epoch,
                "epochs": self.config.train.epochs,
                "fraction": step / self.total,
            }
        )
        self.report(Progress("training", step, self.total, epoch, dict(self.values)))

    def epoch(self, epoch: int, step: int, learning_rate: float, seconds: float) -> None:
        """Evaluate the fixed sample and writes outputs, weights and metrics."""
        started = time.perf_counter()
        parts = [
            network_outputs(
                self.network,
                self.prepared.domains[domain].images,
                self.prepared.evaluated[domain],
                self.prepared.preprocess,
                domain,
                device=self.device,
            )
            for domain in DOMAINS
        ]
        outputs = Outputs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        labels = self.sample["label"].fillna(-1).to_numpy(np.int64)
        domains, splits = (
            self.sample["domain"].to_numpy(object),
            self.sample["split"].to_numpy(object),
        )
        rows = epoch_rows(
            epoch, step, outputs, labels, domains, splits, self.sample["group_id"].to_numpy(object)
        )
        rows.append(
            {
                "epoch": epoch,
                "step": step,
                "split": "train",
                "domain": "both",
                "name": "learning_rate",
                "value": learning_rate,
            }
        )
        self.writer.write_weights(
            epoch, {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        )
        self.writer.write_evaluation(
            epoch, self.sample["sample_id"].to_numpy(object), outputs.logits, outputs.latents
        )
        self.writer.append_history(rows)
        self.seconds["training"] += seconds
        self.seconds["evaluation"] += time.perf_counter() - started
        self.values |= {
            row["name"] + "/" + row["domain"]: row["value"]
            for row in rows
            if row["split"] == "validation"
        }
        chosen, value = select_epoch(self.run.history(), self.config)
        self.writer.update(
            selected_epoch=chosen,
            selection={
                "rule": self.config.train.selection,
                "value": value,
                "uses_target_labels": self.config.uses_target_labels,
            },
            seconds={name: round(value, 1) for name, value in self.seconds.items()},
        )
        self.report(Progress("training", step, self.total, epoch, dict(self.values)))
