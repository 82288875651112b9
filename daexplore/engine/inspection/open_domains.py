"""The two domains of an inspection, opened without the demands that a training makes of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from daexplore.config import DataConfig
from daexplore.data import GalaxySet, match_classes, open_domains, read_galaxies
from daexplore.domains import DOMAINS
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
    opened = [
        _open(name, domain, config, progress)
        for domain, name in enumerate((config.source, config.target))
    ]
    if set(opened[0].sample_ids) & set(opened[1].sample_ids):
        opened = [
            _prefixed(galaxies, prefix) for galaxies, prefix in zip(opened, DOMAINS, strict=True)
        ]
    source, target = opened
    try:
        return *match_classes(source, target), ()
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


def _open(
    name: str, domain: int, config: DataConfig, progress: Callable[[int, int], None] | None
) -> GalaxySet:
    from daexplore.data.simulate import PRESETS, open_preset

    if name in PRESETS:
        return open_preset(name, config.simulated, config.simulation_seed, progress=progress)[
            domain
        ]
    read = (config.source_read, config.target_read)[domain]
    if read.label is not None or config.label is None:
        return read_galaxies(name, read)
    try:
        return read_galaxies(name, dataclasses.replace(read, label=config.label))
    except InputError:
        # A survey need not have the column that the source's labels are in.
        if domain == 0:
            raise
        return read_galaxies(name, read)


def _prefixed(galaxies: GalaxySet, prefix: str) -> GalaxySet:
    return dataclasses.replace(
        galaxies,
        catalogue=galaxies.catalogue.assign(
            sample_id=prefix + "/" + galaxies.catalogue["sample_id"]
        ),
    )
