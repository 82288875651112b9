"""One small training, the same for every method: the package's own step, losses and choice of the
epoch, on arrays in memory.

What holds for all of it:

- A domain is split once into train, validation and test. A method sees the target's training images
  without their labels, and nothing else of the target. Only the oracle, which shows what could be
  had, learns from the target's labels.
- The epoch is chosen by the source's validation accuracy (the oracle's by the target's) in the
  second half of the training, by ``daexplore.engine.training.epoch_selection``. No target label
  stops a training or selects an epoch.
- Seeds 0 to 4 give the first weights, the order of the batches and, where a problem draws its
  training data, those too. The test images are the same for all methods and seeds.
- Every method has one setting for all seeds. What the settings are, and what they were chosen by,
  stands with each problem.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from daexplore.alignment import build_alignment
from daexplore.config import AlignmentConfig, RunConfig, TrainConfig
from daexplore.data.loaders import PairSampler
from daexplore.domains import DomainBatch
from daexplore.engine.training.epoch_selection import select_epoch
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import Network, batch_norm_domain
from daexplore.models.batch_norm import separate_norms

__all__ = ["SEEDS", "Method", "Outcome", "Part", "Problem", "configured", "train"]

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True, eq=False)
class Part:
    """Images (n, C, H, W) float32 of one domain and split, with their labels (n,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Method:
    """A line of a table.

    Attributes:
        name: of the line, unique.
        alignments: losses beside the task's.
        batch_norm: as in ``TrainConfig``.
        supervision: "target" for the oracle.
    """

    name: str
    alignments: tuple[AlignmentConfig, ...] = ()
    batch_norm: str = "auto"
    supervision: str = "source"


@dataclass(frozen=True)
class Problem:
    """A pair of domains and how networks are trained on it.

    Attributes:
        parts: seed -> (domain, split) -> part; the test parts must not depend on the seed.
        network: makes an untrained network.
        classes: how many there are.
        recipe: epochs, batch size, learning rate and weight decay; AdamW and its one-cycle schedule
            are the package's.
    """

    parts: Callable[[int], dict[tuple[str, str], Part]]
    network: Callable[[], Network]
    classes: int
    recipe: TrainConfig


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one training gave.

    Attributes:
        epoch: the one chosen.
        called: domain -> (n,) predicted classes of its test images.
        labels: domain -> (n,) true ones.
    """

    epoch: int
    called: dict[str, NDArray[np.int64]]
    labels: dict[str, NDArray[np.int64]]

    def accuracy(self, domain: str) -> float:
        """Of the test images."""
        return float((self.called[domain] == self.labels[domain]).mean())


def configured(problem: Problem, method: Method, seed: int) -> RunConfig:
    """The run as the package's own configuration."""
    recipe = replace(
        problem.recipe, augment=False, batch_norm=method.batch_norm, supervision=method.supervision
    )
    return RunConfig(alignments=method.alignments, train=recipe, seed=seed)


def train(problem: Problem, method: Method, seed: int) -> Outcome:
    """Train one method from one seed and reads the test images at the epoch chosen."""
    config, parts = configured(problem, method, seed), problem.parts(seed)
    teacher, target = parts[config.train.supervision, "train"], parts["target", "train"]
    torch.manual_seed(seed)
    network = problem.network()
    if config.batch_norm in ("adabn", "separate"):
        separate_norms(network, own_affine=config.batch_norm == "separate")
    losses = [
        (build_alignment(one, network.head.in_features, problem.classes), one.weight)
        for one in config.alignments
    ]
    adapter = AdaptationStep(network, losses, config.batch_norm)
    sampler = PairSampler(len(teacher.images), len(target.images), config.train.batch_size, seed)
    total = config.train.epochs * len(sampler)
    optimizer = torch.optim.AdamW(
        adapter.parameters(), lr=config.train.learning_rate, weight_decay=config.train.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.train.learning_rate, total_steps=total + 1, cycle_momentum=False
    )
    images, labels, others = (
        torch.from_numpy(teacher.images),
        torch.from_numpy(teacher.labels),
        torch.from_numpy(target.images),
    )
    history, states, step = [], {}, 0
    for epoch in range(1, config.train.epochs + 1):
        adapter.train()
        # Dropout draws from torch's own stream: tied to the epoch, as in the package.
        torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
        for rows, other_rows in sampler.steps(epoch):
            adapter(DomainBatch(images[rows], labels[rows], others[other_rows]), step / total)[
                "total"
            ].backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
        domain = config.train.supervision
        value = (
            predict(network, parts[domain, "validation"], domain)
            == parts[domain, "validation"].labels
        ).mean()
        history.append(
            {
                "epoch": epoch,
                "domain": domain,
                "split": "validation",
                "name": "accuracy",
                "value": value,
            }
        )
        states[epoch] = (
            {name: tensor.clone() for name, tensor in network.state_dict().items()}
            if 2 * epoch > config.train.epochs
            else None
        )
    chosen, _ = select_epoch(pd.DataFrame(history), config)
    network.load_state_dict(states[chosen])
    tests = {domain: parts[domain, "test"] for domain in ("source", "target")}
    called = {domain: predict(network, part, domain) for domain, part in tests.items()}
    return Outcome(chosen, called, {domain: part.labels for domain, part in tests.items()})


def predict(network: Network, part: Part, domain: str) -> NDArray[np.int64]:
    """(n,) most probable classes."""
    network.eval()
    with torch.no_grad(), batch_norm_domain(network, domain):
        found: NDArray[np.int64] = (
            network(torch.from_numpy(part.images)).logits.argmax(dim=1).numpy()
        )
    return found
