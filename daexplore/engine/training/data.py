"""Data of a training: both domains, split, preprocessed and batched."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import DataConfig, RunConfig
from daexplore.data import describe, open_domains
from daexplore.data.conditions import Conditions, MeasuredConditions
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.loaders import DomainPairLoader, PairSampler
from daexplore.data.preprocessing.common_format import CommonFormat
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.readers import require_two_classes
from daexplore.data.splits import SPLITS, limit_rows, split_groups
from daexplore.domains import DOMAINS

__all__ = [
    "TrainingData",
    "build_conditions",
    "build_loader",
    "labelled_training_rows",
    "prepare_data",
]


@dataclass(frozen=True)
class TrainingData:
    """Both domains, split and with fitted preprocessing.

    Attributes:
        domains: the galaxy sets by "source" and "target".
        rows: the training rows by domain.
        evaluated: the fixed evaluation sample, a row number by domain.
        samples: all galaxies of the run: sample_id, group_id, domain, split, label and the
            catalogues' columns.
        preprocess: fitted on the training rows.
    """

    domains: dict[str, GalaxySet]
    rows: dict[str, NDArray[np.int64]]
    evaluated: dict[str, NDArray[np.int64]]
    samples: pd.DataFrame
    preprocess: Preprocess

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; those of the source, which is labelled."""
        return self.domains["source"].classes

    def description(self) -> dict[str, Any]:
        """The data section of run.json."""
        return {name: describe(galaxies) for name, galaxies in self.domains.items()}

    def evaluation_sample(self) -> pd.DataFrame:
        """The rows of ``samples`` that are evaluated every epoch, source first."""
        offset = len(self.domains["source"])
        return self.samples.iloc[
            np.concatenate([self.evaluated["source"], self.evaluated["target"] + offset])
        ].reset_index(drop=True)


def prepare_data(
    config: DataConfig,
    evaluation_limit: int,
    progress: Callable[[int, int], None] | None = None,
    recorded: Preprocess | None = None,
) -> TrainingData:
    """Open, checks, splits and fits.

    Args:
        config: which data, and how they are preprocessed.
        evaluation_limit: see ``TrainConfig``.
        progress: called with how many images of a preset are simulated.
        recorded: the steps and statistics of another run, to be used in place of fitting new ones.

    Raises:
        InputError: data that cannot be used, and why.
    """
    domains = dict(zip(DOMAINS, open_domains(config, progress), strict=True))
    splits = dict(
        zip(
            DOMAINS,
            split_groups(domains["source"], domains["target"], config.fractions, config.split_seed),
            strict=True,
        )
    )
    # Source images without a label teach nothing; target labels are not looked at.
    usable = {
        "source": domains["source"].labels >= 0,
        "target": np.ones(len(domains["target"]), bool),
    }
    rows, evaluated = {}, {}
    for name, galaxies in domains.items():
        chosen = {split: np.flatnonzero((splits[name] == split) & usable[name]) for split in SPLITS}
        rows[name] = limit_rows(galaxies, chosen["train"], config.limit, config.split_seed)
        evaluated[name] = np.concatenate(
            [
                limit_rows(galaxies, chosen[split], evaluation_limit, config.split_seed)
                for split in ("validation", "test")
            ]
        )
    require_two_classes(domains["source"], rows["source"])
    samples = pd.concat(
        [
            galaxies.catalogue.assign(domain=name, split=splits[name])
            for name, galaxies in domains.items()
        ],
        ignore_index=True,
    )
    if recorded is not None:
        return TrainingData(
            domains,
            rows,
            evaluated,
            samples,
            recorded.for_sets(domains["source"], domains["target"], config),
        )
    height, width = CommonFormat.of(config, domains["source"]).size
    if height != width:
        # The square's symmetries, by which images are augmented, need a square.
        config = dataclasses.replace(config, size=min(height, width))
    fit = Preprocess.fit(
        config, domains["source"], rows["source"], domains["target"], rows["target"]
    )
    return TrainingData(domains, rows, evaluated, samples, fit)


def build_loader(
    prepared: TrainingData, config: RunConfig, rank: int = 0, world: int = 1
) -> DomainPairLoader:
    """The training batches of this process. Target labels are not passed on: they end here, except
    for the oracle, which is trained on them.
    """
    teacher = config.train.supervision
    taught, labels = labelled_training_rows(prepared, teacher)
    target = prepared.rows["target"]
    balance = labels if config.train.class_balance == "batches" else None
    sampler = PairSampler(
        len(taught), len(target), config.train.batch_size, config.seed, rank, world, balance
    )
    return DomainPairLoader(
        prepared.domains[teacher].images,
        taught,
        labels,
        prepared.domains["target"].images,
        target,
        prepared.preprocess,
        sampler,
        config.train.augment,
        teacher,
        build_conditions(prepared, config),
        bool(config.alignments),
    )


def build_conditions(prepared: TrainingData, config: RunConfig) -> Conditions | None:
    """Observing conditions of the training images; None where none are asked for."""
    if config.train.conditions is None:
        return None
    measured = MeasuredConditions.of(
        config.data, prepared.preprocess, prepared.domains, prepared.rows
    )
    return Conditions(config.train.conditions, measured, config.data.normalise == "image")


def labelled_training_rows(
    prepared: TrainingData, domain: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The training rows whose labels teach, and those labels: the source's; for the oracle the
    target's, where it has any.
    """
    galaxies, rows = prepared.domains[domain], prepared.rows[domain]
    rows = rows[galaxies.labels[rows] >= 0]
    require_two_classes(galaxies, rows)
    return rows, galaxies.labels[rows]
