"""Predicted catalogue of a survey: streamed, resumable, by one run or an ensemble."""

import hashlib
import json
import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import daexplore
from daexplore.analysis.calibration.ensembles import combine_members
from daexplore.analysis.calibration.temperature import apply_temperature
from daexplore.analysis.latents.typicality import EnsembleTypicality
from daexplore.analysis.metrics.classification import entropy
from daexplore.config import ReadConfig
from daexplore.data import GalaxySet
from daexplore.data.account import account_of
from daexplore.data.catalogues.survey_columns import survey_columns, survey_piece
from daexplore.data.catalogues.write import Column, catalogue_kind, check_text, write_catalogue
from daexplore.data.chunked_images import Images
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import DomainSteps
from daexplore.data.preprocessing.steps import record_step
from daexplore.engine.prediction.class_shares import (
    correct_for_shares,
    estimate_shares,
    no_shares,
    sampled_probabilities,
    share_notes,
)
from daexplore.engine.prediction.columns import header, predicted_columns, probability_names
from daexplore.engine.prediction.ensemble import (
    EnsembleMember,
    Temperature,
    open_member,
    open_runs,
    pooled_temperature,
    pooled_typicality,
)
from daexplore.engine.prediction.parts import Parts, open_parts, refuse_existing, writing
from daexplore.engine.prediction.survey import open_survey
from daexplore.engine.prediction.survey_fit import LOW, differences, own_typicality, typicality
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.errors import InputError
from daexplore.models import batch_norm_domain
from daexplore.runs import softmax

__all__ = ["CatalogueSummary", "predict"]

_PART = 2048


@dataclass(frozen=True)
class CatalogueSummary:
    """What was written.

    Attributes:
        path: the catalogue.
        galaxies: its rows.
        before: galaxies that an earlier, stopped prediction had done.
        counts: rows by predicted class.
        oracle: whether target labels taught one of the runs.
        notes: what a reader of the catalogue has to know, a sentence each; warnings first.
        untypical: images whose in-domain score is below ``survey_fit.LOW``; None where an earlier
            prediction had written the catalogue.
    """

    path: Path
    galaxies: int
    before: int
    counts: dict[str, int]
    oracle: bool
    notes: tuple[str, ...]
    untypical: int | None = None


def predict(
    runs: Sequence[str | Path],
    data: str,
    out: str | Path,
    *,
    read: ReadConfig | None = None,
    epoch: int | None = None,
    temperature: bool = False,
    correct_shares: bool = False,
    batch_size: int = 256,
    threads: int = 1,
    device: str = "auto",
    overwrite: bool = False,
    report: Report = no_report,
) -> CatalogueSummary:
    """Write what the runs say of each galaxy of a survey as a catalogue.

    Images are read, preprocessed as the target of each run and seen by its network batch by batch;
    what is finished is in the folder ``OUT.parts`` until the catalogue is complete. Started again
    after a stop of any kind with the same arguments it continues where it was, and the catalogue is
    the same byte for byte. The mean of the members' probabilities is the ensemble's
    (Lakshminarayanan et al. 2017, arXiv:1612.01474, sec. 2.4); their standard deviation and the
    entropy of the mean say how sure it is. No label of the survey is used.

    Args:
        runs: folders; several make an ensemble.
        data: see ``open_survey``.
        out: the catalogue: .fits, .ecsv, .vot or .parquet.
        read: what is declared of the survey's files.
        epoch: whose weights; None takes each run's selected one.
        temperature: whether to scale the probabilities by a temperature fitted on source validation
            images.
        correct_shares: whether to give probabilities under the survey's estimated class shares too,
            in further columns.
        batch_size: images at a time.
        threads: of the CPU.
        device: torch's name of it; "auto" takes a GPU where there is one.
        overwrite: whether a catalogue that is there may be replaced, and what is left of another
            prediction deleted.
        report: called with the progress.

    Raises:
        InputError: anything the user can fix.
    """
    for what, number in (("batch", batch_size), ("number of threads", threads)):
        if number < 1:
            raise InputError(f"The {what} must be at least 1, got {number}.")
    out = Path(out).expanduser().absolute()
    kind = catalogue_kind(out)
    refuse_existing(out, overwrite)
    opened = open_runs(runs)
    where = _device(device)
    torch.set_num_threads(threads)
    galaxies, fingerprint = open_survey(opened, data, read, report)
    members = [open_member(run, epoch, galaxies, where) for run in opened]
    fitted = pooled_temperature(members) if temperature else None
    typical = pooled_typicality(members)
    survey = survey_columns(galaxies)
    # Report what cannot be written or read before hours of work.
    for rows in _pieces(len(galaxies), _PART):
        check_text(kind, survey, survey_piece(galaxies, survey, rows))
    open_set = all("openset" in run.method.split("+") for run in opened)
    columns = [
        *survey,
        *predicted_columns(opened[0].classes, len(members), temperature, open_set, correct_shares),
    ]
    rows_a_part = max(1, _PART // batch_size) * batch_size
    settings = {
        "temperature": fitted.value if fitted else None,
        "batch_size": batch_size,
        "threads": threads,
        "device": where.type,
    }
    if correct_shares:
        settings["shares"] = "em"
    if len(members) > 1:
        settings["in_domain"] = "rank of the members' mean"
    identity = _identity(members, galaxies, fingerprint) | settings
    with open_parts(out, identity, len(galaxies), rows_a_part, overwrite) as parts:
        if parts is not None:
            before = _compute(parts, members, typical, fitted, galaxies, batch_size, where, report)
            scale = fitted.value if fitted else 1.0
            names = probability_names(opened[0].classes)
            shares = estimate_shares(members, sampled_probabilities(parts, names, scale))
            if correct_shares and shares is None:
                raise no_shares()
            counts, untypical = _assemble(
                parts,
                out,
                kind,
                columns,
                header(members, galaxies, fingerprint, fitted, shares if correct_shares else None),
                galaxies,
                members,
                partial(correct_for_shares, found=shares, temperature=scale)
                if correct_shares and shares
                else None,
                report,
            )
        else:
            before, counts, untypical, shares = len(galaxies), {}, None, None
    notes = [each for member in members for each in differences(member, galaxies)]
    notes += share_notes(shares, correct_shares) if shares else []
    if untypical is not None:
        own = own_typicality(members, typical)
        notes = [*typicality(members, untypical, len(galaxies), own), *notes]
    notes.sort(key=lambda note: not note.startswith("Warning"))
    return CatalogueSummary(
        out,
        len(galaxies),
        before,
        counts,
        any(member.oracle for member in members),
        (*dict.fromkeys(notes), *_notes(members, galaxies)),
        untypical,
    )


def _compute(
    parts: Parts,
    members: list[EnsembleMember],
    typical: EnsembleTypicality,
    temperature: Temperature | None,
    galaxies: GalaxySet,
    batch_size: int,
    device: torch.device,
    report: Report,
) -> int:
    """Every part that is not there yet; returns how many galaxies were done before."""
    missing = parts.missing()
    before = done = parts.total - sum(len(parts.range(number)) for number in missing)
    report(Progress("predicting", done, parts.total))
    for number in missing:
        found: list[tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]] = [
            ([], []) for _ in members
        ]
        rows = parts.range(number)
        for start in range(rows.start, rows.stop, batch_size):
            batch = np.arange(start, min(start + batch_size, rows.stop))
            for (latents, logits), (latent, logit) in zip(
                found, _outputs(members, galaxies, batch, device), strict=True
            ):
                latents.append(latent)
                logits.append(logit)
            done += len(batch)
            report(Progress("predicting", done, parts.total))
        outputs = [(np.concatenate(latents), np.concatenate(logits)) for latents, logits in found]
        parts.write(number, _columns(members, typical, temperature, outputs))
        release_pages(galaxies.images)
    return before


def _outputs(
    members: list[EnsembleMember],
    galaxies: GalaxySet,
    rows: NDArray[np.int64],
    device: torch.device,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Latents and logits of a batch from each member; members with the same preprocessing share
    it.
    """
    prepared: dict[DomainSteps, torch.Tensor] = {}
    results = []
    for member in members:
        steps = member.preprocess.target
        if steps not in prepared:
            try:
                prepared[steps] = as_batch(galaxies.images, rows, member.preprocess, "target").to(
                    device
                )
            except InputError as error:
                raise _damaged(galaxies, rows, error) from error
        with torch.inference_mode(), ExitStack() as stack:
            stack.enter_context(batch_norm_domain(member.network, "target"))
            outputs = member.network(prepared[steps])
            results.append(
                (outputs.latents.float().cpu().numpy(), outputs.logits.float().cpu().numpy())
            )
    return results


def _columns(
    members: list[EnsembleMember],
    typical: EnsembleTypicality,
    temperature: Temperature | None,
    outputs: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> dict[str, NDArray[np.float64]]:
    """What is kept of a part: probabilities, their spread, entropy and in-domain score."""
    each = np.stack([softmax(logits) for _, logits in outputs])
    ensemble = combine_members(each)
    probabilities = (
        apply_temperature(ensemble.logits, temperature.value)
        if temperature
        else ensemble.probabilities
    )
    names = probability_names(members[0].run.classes)
    columns = {name: probabilities[:, number] for number, name in enumerate(names)}
    if len(members) > 1:
        spread = each.std(0, ddof=1)
        columns |= {f"{name}_std": spread[:, number] for number, name in enumerate(names)}
    columns["entropy"] = entropy(probabilities) / np.log(2)
    columns["in_domain"] = typical.score([latents for latents, _ in outputs])
    return columns


def _assemble(
    parts: Parts,
    out: Path,
    kind: str,
    columns: list[Column],
    meta: Any,
    galaxies: GalaxySet,
    members: list[EnsembleMember],
    correct: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None,
    report: Report,
) -> tuple[dict[str, int], int]:
    """Write the catalogue aside and puts it in its place; returns the rows by predicted class, and
    the number of those with a low in-domain score.
    """
    classes = np.array(members[0].run.classes)
    counts = np.zeros(len(classes), np.int64)
    low = np.zeros(1, np.int64)
    survey = survey_columns(galaxies)
    names = probability_names(members[0].run.classes)
    corrected = [f"{name}_corrected" for name in names] if correct else []
    computed = tuple(
        column.name for column in columns[len(survey) + 1 :] if column.name not in corrected
    )

    def pieces() -> Iterator[dict[str, NDArray[Any]]]:
        for number in range(parts.count):
            values = parts.read(number, computed)
            probabilities = np.stack([values[name] for name in names], axis=1)
            predicted = probabilities.argmax(axis=1)
            if correct:
                values |= dict(zip(corrected, correct(probabilities).T, strict=True))
            np.add.at(counts, predicted, 1)
            low[0] += int((values["in_domain"] < LOW).sum())
            yield {
                **survey_piece(galaxies, survey, parts.range(number)),
                "predicted_class": classes[predicted],
                **values,
            }
            report(Progress("writing", parts.range(number).stop, parts.total))

    # Beside the parts, which are deleted at the end, so that a killed run leaves no stray file.
    aside = parts.folder / f".catalogue{out.suffix}"
    with writing(out):
        write_catalogue(aside, kind, columns, meta, parts.total, pieces())
        aside.replace(out)
    return dict(zip(members[0].run.classes, counts.tolist(), strict=True)), int(low[0])


def _identity(
    members: list[EnsembleMember], galaxies: GalaxySet, fingerprint: str
) -> dict[str, Any]:
    """What determines the numbers, as JSON types."""
    steps = [[record_step(step) for step in member.preprocess.target.steps] for member in members]
    return {
        "runs": [member.run.id for member in members],
        "epochs": [member.epoch for member in members],
        "weights": [member.weights for member in members],
        "data": fingerprint,
        "galaxies": len(galaxies),
        "preprocessing": hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:16],
        "versions": f"daexplore {daexplore.__version__}, torch {torch.__version__}",
    }


def _notes(members: list[EnsembleMember], galaxies: GalaxySet) -> tuple[str, ...]:
    notes = [
        f"{one.run.id} is {one.run.status}: its epoch {one.epoch} is used."
        for one in members
        if one.run.status != "finished"
    ]
    seen = max(member.seen for member in members)
    if seen:
        labels = (
            "with their labels (oracle)"
            if any(one.oracle and one.seen for one in members)
            else "without labels"
        )
        notes.append(
            f"{seen} of the {len(galaxies)} images were in the training of a run, {labels}."
        )
    account = account_of(galaxies)
    notes += [*map(str, account.passed_over), *account.warnings]
    return tuple(notes)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"The device {name!r} cannot be used: {str(error).splitlines()[0]} Take cpu, or auto."
        ) from error
    return device


def _damaged(galaxies: GalaxySet, rows: NDArray[np.int64], error: InputError) -> InputError:
    with np.errstate(over="ignore"):
        bad = rows[~np.isfinite(np.asarray(galaxies.images[rows], np.float32)).all(axis=(1, 2, 3))]
    if not len(bad):
        return error
    return InputError(
        f"The image of {galaxies.sample_ids[bad[0]]!r} (row {bad[0]} of {len(galaxies)}) holds NaN"
        " or infinite pixels. `daexplore ingest SURVEY DEST` interpolates such pixels, or rejects"
        " the images: predict from DEST."
    )


def release_pages(images: Images) -> None:
    """Return pages of a memory-mapped file back. The system would keep them as long as no other
    process needs memory, but they would count as this process's."""
    root: Any = images
    while isinstance(root, np.ndarray):
        root = root.base
    if isinstance(root, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        root.madvise(mmap.MADV_DONTNEED)


def _pieces(total: int, rows: int) -> Iterator[range]:
    return (range(start, min(start + rows, total)) for start in range(0, total, rows))
