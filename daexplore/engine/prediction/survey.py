"""The galaxies of a survey, opened for runs that exist already."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from daexplore.config import ReadConfig
from daexplore.data import GalaxySet, open_described, read_galaxies
from daexplore.domains import DOMAINS
from daexplore.engine.progress import Progress, Report
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["open_survey"]


def open_survey(
    runs: Sequence[Run], data: str, read: ReadConfig | None, report: Report
) -> tuple[GalaxySet, str]:
    """The survey with the runs' classes, and its fingerprint.

    Labels are kept for the fingerprint's sake only; a class that the runs do not know counts as no
    label.

    Args:
        runs: for which it is opened.
        data: whatever ``read_galaxies`` understands, a preset, which represents its target, or one
            domain of it, such as demo:target. The target of one of the runs is opened as that run
            did, with the same ids.
        read: what is declared of the files; None where nothing is.
        report: called while a preset is simulated.

    Raises:
        InputError: it cannot be read, or it is what the runs were taught with.
    """
    galaxies = _with_classes(_open(runs, data, read, report), runs[0].classes)
    fingerprint = galaxies.fingerprint()
    for run in runs:
        if run.info["data"]["source"].get("fingerprint") == fingerprint:
            raise InputError(
                f"{data} is the source of the run {run.id}: the labelled galaxies that it was"
                " trained with. Give the survey's galaxies; for its performance on held-out ones"
                f" of its source use `daexplore evaluate {run.path}`."
            )
    return galaxies, fingerprint


def _open(runs: Sequence[Run], data: str, read: ReadConfig | None, report: Report) -> GalaxySet:
    from daexplore.data.simulate import PRESETS, open_preset

    preset, _, domain = data.partition(":")
    if preset in PRESETS:
        if domain not in ("", *DOMAINS):
            raise InputError(
                f"{data!r} is no domain of the preset {preset}: it has {preset}:source and"
                f" {preset}:target."
            )
        own = next((run for run in runs if run.config.data.target in (preset, data)), None)
        config = None if own is None else own.config.data
        number, seed = (None, 0) if config is None else (config.simulated, config.simulation_seed)
        return open_preset(
            preset,
            number,
            seed,
            progress=lambda done, total: report(Progress("simulating", done, total)),
        )[DOMAINS.index(domain) if domain else 1]
    path = Path(data).expanduser()
    for run in runs if read is None else ():
        described = run.info["data"]["target"]
        if (
            described.get("path")
            and path.exists()
            and Path(described["path"]).resolve() == path.resolve()
        ):
            return open_described(described)
    return read_galaxies(path, read)


def _with_classes(galaxies: GalaxySet, classes: tuple[str, ...]) -> GalaxySet:
    number = {
        index: classes.index(name) for index, name in enumerate(galaxies.classes) if name in classes
    }
    if galaxies.classes == classes:
        return galaxies
    return dataclasses.replace(
        galaxies,
        catalogue=galaxies.catalogue.assign(
            label=galaxies.catalogue["label"].map(number).astype("Int64")
        ),
        classes=classes,
    )
