"""Opening the source and target of a configuration, and reopening the galaxies of a run."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import DataConfig, ReadConfig, from_dict, to_dict
from daexplore.data.account import account_of
from daexplore.data.catalogues.labels import NO_LABELS
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.join_sets import join_sets
from daexplore.data.readers import check_domains, read_galaxies
from daexplore.domains import DOMAINS
from daexplore.errors import InputError

__all__ = [
    "check_unchanged",
    "describe",
    "load_images",
    "load_pictures",
    "open_described",
    "open_domains",
    "open_one",
    "open_unchecked",
]


_COPIED = ("parts", "pictures")
_FEW = 3


def open_domains(
    config: DataConfig, progress: Callable[[int, int], None] | None = None
) -> tuple[GalaxySet, GalaxySet]:
    """Source and target of a config, checked and fit for each other: presets from the cache,
    anything else through a reader.

    Raises:
        InputError: data that cannot be read, or domains that do not go together.
    """
    source, target = open_unchecked(config, progress)
    return check_domains(source, target, config.match_bands, config.bands)


def open_unchecked(
    config: DataConfig, progress: Callable[[int, int], None] | None = None
) -> tuple[GalaxySet, GalaxySet]:
    """The same as each was read: the domains may have other classes and bands.

    Raises:
        InputError: data that cannot be read.
    """
    sources = [open_one(name, 0, config, progress) for name in config.sources]
    source = _joined(sources)
    target = open_one(config.target, 1, config, progress)
    if set(source.sample_ids) & set(target.sample_ids):
        source, target = _prefixed(source, "source"), _prefixed(target, "target")
    return source, target


def open_one(
    name: str,
    domain: int,
    config: DataConfig,
    progress: Callable[[int, int], None] | None = None,
) -> GalaxySet:
    """One set by its name or path.

    Args:
        name: a preset, one domain of it, or a path.
        domain: 0 for what is read as a source, 1 for a target.
        config: how it is read.
        progress: called with how many images of a preset are simulated.

    Raises:
        InputError: it cannot be read.
    """
    from daexplore.data.simulate import PRESETS, open_preset

    preset, _, part = name.partition(":")
    if preset in PRESETS:
        if part not in ("", *DOMAINS):
            raise InputError(
                f"{name!r} is no domain of the preset {preset}: it has {preset}:source and"
                f" {preset}:target."
            )
        return open_preset(preset, config.simulated, config.simulation_seed, progress=progress)[
            DOMAINS.index(part) if part else domain
        ]
    galaxies, read = _read(Path(name), domain, config)
    if read.catalogue is not None:  # The run may be opened from another folder.
        read = dataclasses.replace(
            read, catalogue=galaxies.provenance.get("catalogue", read.catalogue)
        )
    return dataclasses.replace(
        galaxies,
        provenance=galaxies.provenance
        | {
            "path": str(Path(name).absolute()),
            "read": to_dict(read),
        },
    )


def _read(path: Path, domain: int, config: DataConfig) -> tuple[GalaxySet, ReadConfig]:
    """The set, and how it was read. A label column declared for both domains may be absent in the
    target: then it has no labels.
    """
    own = (config.source_read, config.target_read)[domain]
    if own.label is not None or config.label is None:
        return read_galaxies(path, own), own
    shared = dataclasses.replace(own, label=config.label)
    try:
        return read_galaxies(path, shared), shared
    except InputError:
        if domain == 0:
            raise
        unlabelled = dataclasses.replace(own, label=NO_LABELS)
        galaxies = read_galaxies(path, unlabelled)
        told = f"The target has no usable column {config.label!r}: it counts as unlabelled."
        notes = [*galaxies.provenance.get("notes", ()), told]
        provenance = galaxies.provenance | {"notes": notes}
        return dataclasses.replace(galaxies, provenance=provenance), unlabelled


def _joined(sets: Sequence[GalaxySet]) -> GalaxySet:
    """The sets as one, with the description of each in its provenance."""
    joined = join_sets(sets)
    if len(sets) == 1:
        return joined
    parts = [describe(galaxies) for galaxies in sets]
    return dataclasses.replace(joined, provenance=joined.provenance | {"parts": parts})


def _prefixed(galaxies: GalaxySet, prefix: str) -> GalaxySet:
    catalogue = galaxies.catalogue.assign(sample_id=prefix + "/" + galaxies.catalogue["sample_id"])
    return dataclasses.replace(
        galaxies, catalogue=catalogue, provenance=galaxies.provenance | {"prefix": prefix}
    )


def describe(galaxies: GalaxySet) -> dict[str, Any]:
    """What a run records of a galaxy set: enough to open it again with ``open_described``."""
    return {
        "name": galaxies.name,
        "n": len(galaxies),
        "fingerprint": galaxies.fingerprint(),
        "image_fingerprint": galaxies.image_fingerprint(),
        "bands": list(galaxies.bands),
        "pixel_scale": galaxies.pixel_scale,
        "path": galaxies.provenance.get("path"),
        "read": galaxies.provenance.get("read"),
        "prefix": galaxies.provenance.get("prefix"),
        "simulated": _simulated(galaxies.provenance),
        "account": account_of(galaxies).to_json(),
        "origin": galaxies.origin,
        **{key: galaxies.provenance[key] for key in _COPIED if key in galaxies.provenance},
    }


def _simulated(provenance: dict[str, Any]) -> dict[str, Any] | None:
    """What simulates the same galaxies again."""
    if "simulator" not in provenance:
        return None
    return {
        "preset": provenance["simulator"],
        "version": provenance["version"],
        "seed": provenance["seed"],
        "condition": provenance.get("condition"),
    }


def open_described(description: dict[str, Any]) -> GalaxySet:
    """The galaxy set that a run was made from.

    Raises:
        InputError: it is not on this machine, or other galaxies are in its place.
    """
    parts = description.get("parts")
    if parts:
        galaxies = _joined([_open_part(part) for part in parts])
        return _as_described(galaxies, description)
    path = description.get("path")
    if not path or not Path(path).exists():
        raise InputError(
            f"The images of {description.get('name')!r} are not on this machine; they were read"
            f" from {path}."
        )
    return _as_described(_reopened(Path(path), description), description)


def _as_described(galaxies: GalaxySet, description: dict[str, Any]) -> GalaxySet:
    prefix = description.get("prefix")
    galaxies = _prefixed(galaxies, prefix) if prefix else galaxies
    check_unchanged(galaxies, description)
    return galaxies


def _open_part(description: dict[str, Any]) -> GalaxySet:
    """One of several joined sets; a preset's is simulated again where it is not on this machine."""
    simulated, path = description.get("simulated"), description.get("path")
    if simulated and not (path and Path(path).exists()):
        from daexplore.data.simulate import open_preset

        pair = open_preset(simulated["preset"], int(description["n"]), int(simulated["seed"]))
        found = {galaxies.image_fingerprint(): galaxies for galaxies in pair}
        if description.get("image_fingerprint") in found:
            return found[description["image_fingerprint"]]
    return open_described(description)


def check_unchanged(galaxies: GalaxySet, description: dict[str, Any]) -> None:
    """Make sure that a set is the one that a run was made from. Descriptions of earlier versions do
    not say enough for that.

    Raises:
        InputError: it holds other galaxies, or their images are others.
    """
    recorded = description.get("image_fingerprint")
    if recorded is None or recorded == galaxies.image_fingerprint():
        return
    before, now = description.get("n"), len(galaxies)
    what = f"{now} galaxies, not {before}" if before != now else "other images or other ids"
    raise InputError(
        f"The galaxies of {description.get('name')!r} have changed since the run was made:"
        f" {description.get('path')} now holds {what}. What a run says of them would be wrong. Put"
        " the images back that it was made from, or train again."
    )


def _reopened(path: Path, description: dict[str, Any]) -> GalaxySet:
    """Descriptions written before there was "read" know nothing but a label column, which was then
    ignored where there was none.
    """
    if description.get("read") or description.get("label") is None:
        return read_galaxies(
            path, from_dict(ReadConfig, description.get("read") or {}, "run.json, data")
        )
    try:
        return read_galaxies(path, label=description["label"])
    except InputError:
        return read_galaxies(path)


def load_pictures(
    description: dict[str, Any],
    domain: str,
    sample_ids: Sequence[str],
    open_set: Callable[[dict[str, Any]], GalaxySet] = open_described,
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Images to look at: of vectors, the images they were made from. Otherwise as ``load_images``.

    Raises:
        InputError: as ``load_images``, or the set holds vectors of unknown images.
    """
    pictures = description.get("pictures")
    if pictures:
        prefix = description.get("prefix")
        start = len(prefix) + 1 if prefix else 0
        return load_images(pictures, domain, [str(name)[start:] for name in sample_ids], open_set)
    pixels, bands = load_images(description, domain, sample_ids, open_set)
    if pixels.shape[2:] == (1, 1) and pixels.shape[1] > _FEW:
        raise InputError(
            f"{description.get('name')!r} holds vectors, and it is not known of which images."
            " `daexplore embed` makes vectors that remember theirs."
        )
    return pixels, bands


def load_images(
    description: dict[str, Any],
    domain: str,
    sample_ids: Sequence[str],
    open_set: Callable[[dict[str, Any]], GalaxySet] = open_described,
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Images of some galaxies of the set that a run was made from, and the names of their bands.

    A simulated set that is not on this machine need not be simulated whole for that: its galaxies
    come out bit by bit the same one by one.

    Args:
        description: of the set, as ``describe`` gives it.
        domain: "source" or "target".
        sample_ids: n ids.
        open_set: opens the set, for callers that keep it open.

    Returns:
        (n, C, H, W) images and C names.

    Raises:
        InputError: neither the images nor what would simulate them again are on this machine, or
            they do not hold a galaxy.
    """
    path, simulated = description.get("path"), description.get("simulated")
    if simulated and not (path and Path(path).exists()):
        from daexplore.data.simulate import PRESETS, reobserve

        preset = PRESETS.get(simulated["preset"])
        if preset is not None and preset.version == simulated["version"]:
            # A domain of a preset can be in the place of the other one.
            known = {one.name: one for one in (preset.source, preset.target)}
            usual = preset.source if domain == "source" else preset.target
            condition = known.get(str(simulated.get("condition")), usual)
            return (
                reobserve(preset.name, list(sample_ids), condition, simulated["seed"]),
                preset.bands,
            )
    galaxies = open_set(description)
    return np.asarray(galaxies.images[galaxies.rows(list(sample_ids))]), galaxies.bands
