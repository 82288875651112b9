"""Galaxies: opening, splitting, preprocessing and simulating them. Importing this package does not import torch."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daexplore.config import DataConfig
from daexplore.data.galaxies import GalaxySet
from daexplore.data.readers import check_domains, match_classes, read_galaxies
from daexplore.errors import InputError

__all__ = ["GalaxySet", "check_domains", "describe", "match_classes", "open_described", "open_domains", "read_galaxies"]


def open_domains(config: DataConfig, progress: Callable[[int, int], None] | None = None) -> tuple[GalaxySet, GalaxySet]:
    """Source and target of a config, checked and fit for each other: presets from the cache, anything else through a reader.

    Raises:
        InputError: data that cannot be read, or domains that do not go together.
    """
    source, target = (_open(name, domain, config, progress) for name, domain in ((config.source, 0), (config.target, 1)))
    if set(source.sample_ids) & set(target.sample_ids):
        source, target = _prefixed(source, "source"), _prefixed(target, "target")
    return check_domains(source, target)


def _open(name: str, domain: int, config: DataConfig, progress: Callable[[int, int], None] | None) -> GalaxySet:
    from daexplore.data.simulate import PRESETS, open_preset

    if name in PRESETS:
        return open_preset(name, config.simulated, config.simulation_seed, progress=progress)[domain]
    galaxies = read_galaxies(name, label=config.label)
    return dataclasses.replace(galaxies, provenance=galaxies.provenance | {"path": str(Path(name).absolute()), "label": config.label})


def _prefixed(galaxies: GalaxySet, prefix: str) -> GalaxySet:
    catalogue = galaxies.catalogue.assign(sample_id=prefix + "/" + galaxies.catalogue["sample_id"])
    return dataclasses.replace(galaxies, catalogue=catalogue, provenance=galaxies.provenance | {"prefix": prefix})


def describe(galaxies: GalaxySet) -> dict[str, Any]:
    """What a run records of a galaxy set: enough to open it again with ``open_described``."""
    return {
        "name": galaxies.name,
        "n": len(galaxies),
        "fingerprint": galaxies.fingerprint(),
        "bands": list(galaxies.bands),
        "pixel_scale": galaxies.pixel_scale,
        "path": galaxies.provenance.get("path"),
        "label": galaxies.provenance.get("label"),
        "prefix": galaxies.provenance.get("prefix"),
    }


def open_described(description: dict[str, Any]) -> GalaxySet:
    """The galaxy set that a run was made from.

    Raises:
        InputError: it is not on this machine.
    """
    path = description.get("path")
    if not path or not Path(path).exists():
        raise InputError(f"The images of {description.get('name')!r} are not on this machine; they were read from {path}.")
    galaxies = read_galaxies(path, label=description.get("label"))
    prefix = description.get("prefix")
    return _prefixed(galaxies, prefix) if prefix else galaxies
