"""How well a survey fits what a run's network has seen: said before its numbers are believed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.latents.typicality import EnsembleTypicality
from daexplore.data import GalaxySet
from daexplore.data.account import account_of
from daexplore.data.readers.listing import SAME_SCALE
from daexplore.engine.prediction.ensemble import EnsembleMember, shared_rows

__all__ = ["LOW", "differences", "own_typicality", "typicality"]

LOW = 0.05
"""In-domain scores below it are rare among the source's own galaxies: one in twenty."""

_SAMPLE = 256
_SPREAD = 1.5
_SHIFT = 0.5
_MANY = 0.2


def differences(member: EnsembleMember, galaxies: GalaxySet) -> list[str]:
    """In what the survey differs from the run's own target, one sentence each. No label is used.

    Args:
        member: the run, made ready for the survey.
        galaxies: the survey.
    """
    described = member.run.info["data"]["target"]
    return [
        *_bands(described, galaxies),
        *_scale(member, described, galaxies),
        *_unit(member, described, galaxies),
        *_level(member, galaxies),
    ]


def typicality(
    members: Sequence[EnsembleMember], untypical: int, total: int, own: Mapping[str, int]
) -> list[str]:
    """What share of the survey looks like nothing the networks saw, beside that of their own
    target.

    Args:
        members: the runs.
        untypical: images of the survey whose in-domain score is below ``LOW``.
        total: images of the survey.
        own: "low" and "n" of the runs' own held-out target images.
    """
    if not total:
        return []
    share = untypical / total
    usual = f"; of the run's own held-out target {own['low']} of {own['n']}" if own["n"] else ""
    told = (
        f"{untypical} of {total} images ({share:.1%}) look like nothing the network saw: their"
        f" in_domain is below {LOW} (one in twenty of the source's{usual})."
    )
    expected = own["low"] / own["n"] if own["n"] else LOW
    if share <= max(_MANY, 2 * expected):
        return [told]
    return [
        f"Warning: {told} The probabilities of these images mean little. A run trained with this"
        " survey as its target may help: daexplore train --source SOURCE --target SURVEY --method"
        f" {_method(members)}. See also how they differ: daexplore inspect SOURCE SURVEY."
    ]


def _method(members: Sequence[EnsembleMember]) -> str:
    """The method of the first member that aligns domains, else "mmd"."""
    return next((one.run.method for one in members if one.run.config.alignments), "mmd")


def own_typicality(
    members: Sequence[EnsembleMember], typical: EnsembleTypicality
) -> dict[str, int]:
    """How many of the held-out target images that all runs evaluated have a low in-domain score,
    and of how many.
    """
    rows = shared_rows(members, "target", "test")
    if not len(rows[0]):
        return {"low": 0, "n": 0}
    evaluations = [member.run.evaluation(member.epoch) for member in members]
    both = zip(evaluations, rows, strict=True)
    scores = typical.score([one.latents[chosen] for one, chosen in both])
    return {"low": int((scores < LOW).sum()), "n": len(scores)}


def _bands(described: Mapping[str, Any], galaxies: GalaxySet) -> list[str]:
    known = [str(band) for band in described.get("bands") or ()]
    if not known or {band.lower() for band in known} == {band.lower() for band in galaxies.bands}:
        return []
    return [
        f"Its bands are {', '.join(galaxies.bands)}; the run's target had {', '.join(known)}."
        " They were matched as the training matched them."
    ]


def _scale(member: EnsembleMember, described: Mapping[str, Any], galaxies: GalaxySet) -> list[str]:
    before, now = described.get("pixel_scale"), galaxies.pixel_scale
    if before is None or member.preprocess.standard.pixel_scale is not None:
        return []
    if now is None:
        return [
            f"Its pixel scale is unknown, that of the run's target was {before:.4g} arcsec. If you"
            " know it: --set data.target_read.pixel_scale=ARCSEC, and it is compared."
        ]
    if abs(now / before - 1) <= SAME_SCALE:
        return []
    return [
        f"Warning: a pixel of the survey is {now:.4g} arcsec wide, one of the run's target was"
        f" {before:.4g}: to the network its galaxies are {now / before:.2f} times as small. A run"
        f" trained with --set data.pixel_scale={max(now, before):.4g} resamples whatever it is"
        " given."
    ]


def _unit(member: EnsembleMember, described: Mapping[str, Any], galaxies: GalaxySet) -> list[str]:
    if member.preprocess.standard.units != "native":
        return []
    taken = (described.get("account") or {}).get("taken", ())
    before = next((each["value"] for each in taken if each["what"] == "unit"), "unknown")
    now = next(each.value for each in account_of(galaxies).taken if each.what == "unit")
    if "unknown" in (before, now) or before == now:
        return []
    return [
        f"Warning: one unit of the survey's pixels is {now}, of the run's target it was {before}. A"
        " run trained with --set data.units=nanojansky brings both to one unit."
    ]


def _level(member: EnsembleMember, galaxies: GalaxySet) -> list[str]:
    """Pixels after the run's steps, which gave its own target mean 0 and deviation 1."""
    if member.run.config.data.normalise != "domain":
        return []
    rows = np.unique(np.linspace(0, len(galaxies) - 1, _SAMPLE).astype(int))
    images = np.stack([np.asarray(galaxies.images[row], np.float32) for row in rows])
    if not np.isfinite(images).all():
        return []
    pixels: NDArray[np.float32] = member.preprocess.apply(images, "target")
    mean, spread = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    odd = [
        f"{band}: {middle:+.2f} and {width:.2f}"
        for band, middle, width in zip(member.preprocess.bands, mean, spread, strict=True)
        if abs(middle) > _SHIFT or not 1 / _SPREAD <= width <= _SPREAD
    ]
    if not odd:
        return []
    return [
        "Warning: after the run's preprocessing the survey's pixels do not have the mean 0 and the"
        f" deviation 1 that the run's target had ({'; '.join(odd)}; {len(rows)} images). Unit,"
        " background or depth differ."
    ]
