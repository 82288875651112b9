"""The two domains of an inspection, opened without the demands that a training makes of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from daexplore.config import DataConfig
from daexplore.data import GalaxySet, match_classes, open_domains
from daexplore.data.datasets import open_unchecked
from daexplore.data.readers.match_domains import compare_origin
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["open_pair", "open_run"]


def open_pair(
    config: DataConfig, progress: Callable[[int, int], None] | None = None
) -> tuple[GalaxySet, GalaxySet, tuple[str, ...]]:
    """Source and target of a config. Missing labels, unmatched classes and missing pixels are no
    errors here: they are what is inspected.

    Returns:
        Source, target with the source's classes, and what had to be left out.

    Raises:
        InputError: data that cannot be read.
    """
    source, target = open_unchecked(config, progress)
    try:
        return *compare_origin(*match_classes(source, target)), ()
    except InputError as error:
        unlabelled = target.catalogue.assign(
            label=target.catalogue["label"].astype("Int64").mask(target.labels >= 0)
        )
        target = dataclasses.replace(target, catalogue=unlabelled, classes=source.classes)
        return source, target, (f"{error} The target is shown without labels.",)


def open_run(
    folder: str | Path,
) -> tuple[DataConfig, GalaxySet, GalaxySet, dict[str, NDArray[Any]]]:
    """The settings of a run's data, both domains, and the splits it made.

    Raises:
        InputError: the run cannot be read, or its images are not on this machine.
    """
    run = Run(folder)
    source, target = open_domains(run.config.data)
    splits = {}
    for domain, galaxies in (("source", source), ("target", target)):
        recorded = run.samples["split"].reindex(galaxies.sample_ids)
        if recorded.isna().any():
            raise InputError(
                f"The run {folder} knows nothing of the {domain} galaxy"
                f" {recorded.index[recorded.isna()][0]!r}: its images have changed since. Inspect"
                " them with daexplore inspect SOURCE TARGET."
            )
        splits[domain] = recorded.to_numpy(str)
    return run.config.data, source, target, splits
