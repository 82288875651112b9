"""Ensemble members of a prediction, each with its network prepared for the survey."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from daexplore.analysis.calibration.ensembles import combine_members
from daexplore.analysis.calibration.temperature import fit_temperature
from daexplore.analysis.latents.typicality import EnsembleTypicality, SourceTypicality
from daexplore.data import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.preprocessing.steps import SelectBands
from daexplore.engine.inference import load_network
from daexplore.errors import InputError
from daexplore.models import Network
from daexplore.runs import Evaluation, Run

__all__ = [
    "EnsembleMember",
    "Temperature",
    "open_member",
    "open_runs",
    "pooled_temperature",
    "pooled_typicality",
    "shared_rows",
]

_MOST_RUNS = 99
_LEAST_SHARED = 20


class Temperature(NamedTuple):
    """A fitted temperature, and on how many images."""

    value: float
    images: int


@dataclass(frozen=True, eq=False)
class EnsembleMember:
    """One run, ready to say something of the survey's galaxies.

    Attributes:
        run: its folder.
        epoch: whose weights.
        weights: first sixteen hexadecimal digits of the SHA-256 of their file.
        network: with these weights.
        preprocess: of the run, its target's steps made those of the survey.
        in_domain: fitted on the latents of the run's source validation images.
        validation: number of these.
        seen: images of the survey that it was trained on, its target's training split.
    """

    run: Run
    epoch: int
    weights: str
    network: Network
    preprocess: Preprocess
    in_domain: SourceTypicality
    validation: int
    seen: int

    @property
    def oracle(self) -> bool:
        """Whether target labels taught it."""
        return self.run.config.uses_target_labels


def open_runs(paths: Sequence[str | Path]) -> list[Run]:
    """The runs, fit for each other: the same classes in the same order, the same bands.

    Raises:
        InputError: none, one twice, one that cannot be read or has no trained epoch, or runs that
            do not go together.
    """
    if not paths:
        raise InputError(
            "A prediction needs at least one run: give its folder with --run RUN; several make an"
            " ensemble."
        )
    if len(paths) > _MOST_RUNS:
        raise InputError(
            f"An ensemble may have {_MOST_RUNS} runs at most, since its header numbers them with"
            f" two digits; got {len(paths)}."
        )
    runs = [Run(path) for path in paths]
    folders = [run.path.resolve() for run in runs]
    twice = next((run for i, run in enumerate(runs) if folders[i] in folders[:i]), None)
    if twice is not None:
        raise InputError(
            f"The run {twice.id} is named twice. The members of an ensemble must be different runs,"
            " such as other seeds."
        )
    for run in runs:
        if run.selected_epoch is None:
            raise InputError(
                f"The run {run.id} ({run.status}) has no trained epoch yet. Wait for its first, or"
                " take another run."
            )
    first = runs[0]
    for run in runs[1:]:
        if run.classes != first.classes:
            raise InputError(
                f"The runs of an ensemble must have the same classes in the same order: {first.id}"
                f" has {', '.join(first.classes)}; {run.id} has {', '.join(run.classes)}. Predict"
                " with one at a time."
            )
        bands = [Preprocess.from_dict(one.info["preprocessing"]).bands for one in (first, run)]
        if {band.lower() for band in bands[0]} != {band.lower() for band in bands[1]}:
            raise InputError(
                f"The runs of an ensemble must have the same bands: {first.id} has"
                f" {', '.join(bands[0])}; {run.id} has {', '.join(bands[1])}. Predict with one at a"
                " time."
            )
    return runs


def open_member(
    run: Run, epoch: int | None, galaxies: GalaxySet, device: torch.device
) -> EnsembleMember:
    """A run made ready for a survey. No label of the survey is looked at.

    Args:
        run: the run.
        epoch: whose weights; None takes the selected one.
        galaxies: the survey, treated with the statistics of the run's target.
        device: where the network goes.

    Raises:
        InputError: weights or outputs of that epoch are missing; the survey lacks a band, or does
            not say what the run's steps need to know; its images are those that the run was taught
            with.
    """

    evaluation = run.evaluation(epoch)
    network = load_network(run, evaluation.epoch)
    file = run.path / "weights" / f"epoch-{evaluation.epoch:04d}.safetensors"
    held_out = evaluation.mask("source", "validation")
    return EnsembleMember(
        run,
        evaluation.epoch,
        hashlib.sha256(file.read_bytes()).hexdigest()[:16],
        network.to(device),
        _for_survey(run, galaxies),
        SourceTypicality.fit(evaluation.latents[held_out], groups=evaluation.group_ids[held_out]),
        int(held_out.sum()),
        _seen(run, galaxies),
    )


def pooled_temperature(members: Sequence[EnsembleMember]) -> Temperature:
    """Temperature of the members' mean: pooled first, then scaled, since the mean of calibrated
    members is too unsure (Rahaman & Thiery 2021, arXiv:2007.08792).

    Fitted on the labelled source images that are in the validation of all members, so that none of
    them trained one.

    Raises:
        InputError: there are fewer than 20 of these.
    """
    evaluations = [member.run.evaluation(member.epoch) for member in members]
    known = [
        evaluation.mask("source", "validation") & (evaluation.labels >= 0)
        for evaluation in evaluations
    ]
    chosen = _shared(evaluations, known)
    shared = chosen[0]
    if len(shared) < _LEAST_SHARED:
        raise InputError(
            f"A temperature needs {_LEAST_SHARED} labelled source images that are in the validation"
            f" of every run; there are {len(shared)}. Take runs of the same source and split, or"
            " leave --temperature out."
        )
    pooled = combine_members(
        np.stack([one.probabilities[index] for one, index in zip(evaluations, chosen, strict=True)])
    )
    return Temperature(
        fit_temperature(pooled.logits, evaluations[0].labels[chosen[0]]), len(shared)
    )


def pooled_typicality(members: Sequence[EnsembleMember]) -> EnsembleTypicality:
    """One in-domain score of all members, from the source images that all of them validated on."""
    if len(members) == 1:
        return EnsembleTypicality((members[0].in_domain,), None)
    evaluations = [member.run.evaluation(member.epoch) for member in members]
    held_out = [evaluation.mask("source", "validation") for evaluation in evaluations]
    chosen = _shared(evaluations, held_out)
    groups = evaluations[0].group_ids[chosen[0]]
    if len(np.unique(groups)) < _LEAST_SHARED:
        return EnsembleTypicality(tuple(member.in_domain for member in members), None)
    both = zip(evaluations, chosen, strict=True)
    return EnsembleTypicality.fit([one.latents[rows] for one, rows in both], groups)


def shared_rows(
    members: Sequence[EnsembleMember], domain: str, split: str
) -> list[NDArray[np.int64]]:
    """For each member the rows of the images that all of them evaluated, in one order."""
    evaluations = [member.run.evaluation(member.epoch) for member in members]
    return _shared(evaluations, [each.mask(domain, split) for each in evaluations])


def _shared(
    evaluations: Sequence[Evaluation], masks: Sequence[NDArray[np.bool_]]
) -> list[NDArray[np.int64]]:
    rows = [
        dict(zip(one.sample_ids[mask], np.flatnonzero(mask), strict=True))
        for one, mask in zip(evaluations, masks, strict=True)
    ]
    names = [name for name in rows[0] if all(name in other for other in rows)]
    return [np.array([own[name] for name in names], np.int64) for own in rows]


def _for_survey(run: Run, galaxies: GalaxySet) -> Preprocess:
    """The steps of the run's target for this set. Channels of the names that the run's own target
    has take the places that those took.
    """
    preprocess = Preprocess.from_dict(run.info["preprocessing"])
    order = None
    if galaxies.bands == preprocess.target.bands:
        chosen = next(
            (step.order for step in preprocess.target.steps if isinstance(step, SelectBands)),
            range(len(galaxies.bands)),
        )
        order = tuple(chosen)
    try:
        return preprocess.for_galaxy_set("target", galaxies, None, order)
    except InputError as error:
        missing = _undeclared(preprocess, galaxies)
        if not missing:
            raise
        raise InputError(
            f"The run {run.id} brings its images to a common form, and the survey"
            f" {galaxies.name!r} does not say what that needs. Declare it:"
            f" {' '.join(f'--set data.target_read.{each}' for each in missing)}"
        ) from error


def _undeclared(preprocess: Preprocess, galaxies: GalaxySet) -> list[str]:
    """What the survey does not say and the run's steps need, as settings that predict takes."""
    form, bands = preprocess.standard, len(galaxies.bands)
    each = ",".join(["NUMBER"] * bands)
    resampled = form.pixel_scale is not None or form.psf_fwhm is not None
    wanted = {
        f"zero_points='[{each}]'": form.units == "nanojansky" and galaxies.flux_scale is None,
        "pixel_scale=ARCSEC": resampled and galaxies.pixel_scale is None,
        f"psf_fwhm='[{each}]'": form.psf_fwhm is not None and galaxies.psf_fwhm is None,
    }
    return [setting for setting, missing in wanted.items() if missing]


def _seen(run: Run, galaxies: GalaxySet) -> int:
    samples = run.samples
    trained = samples.index[(samples["domain"] == "target") & (samples["split"] == "train")]
    return int(galaxies.catalogue["sample_id"].isin(trained).sum())
