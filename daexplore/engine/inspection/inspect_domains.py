"""Inspection of two domains: everything about them that a training does not show."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.images.measure import Measured, measure
from daexplore.analysis.images.pixel_probe import PixelProbe, pixel_features, pixel_probe
from daexplore.config import DataConfig
from daexplore.data.account import account_of
from daexplore.data.bands import channel_order
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.splits import split_groups
from daexplore.domains import DOMAINS
from daexplore.engine.inspection import tables
from daexplore.engine.inspection.domain_sample import DomainSample, ReorderedChannels, groups_known
from daexplore.engine.inspection.duplicates import duplicate_pairs, leakage_checks
from daexplore.engine.inspection.findings import advice, findings, warnings
from daexplore.engine.inspection.galleries import pair_pictures, random_galleries
from daexplore.engine.inspection.result import Inspection
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.errors import InputError

__all__ = ["inspect_domains"]

_BINS = 48
_THUMBNAIL = 12
_PROBED = 2000


def inspect_domains(
    source: GalaxySet,
    target: GalaxySet,
    config: DataConfig | None = None,
    splits: dict[str, NDArray[Any]] | None = None,
    sample: int = 4000,
    seed: int = 0,
    report: Report = no_report,
) -> Inspection:
    """Measure both domains, compares them, and looks for copies of one galaxy in different splits.

    Target labels are used for the class balance and the pictures only, and what they touch is
    marked "oracle".

    Args:
        source: the labelled domain.
        target: the survey, with its classes numbered as the source's (``match_classes``).
        config: how a training would split and preprocess them.
        splits: of each domain's images, as a run made them; None splits as a training with this
            config would.
        sample: images a domain that are measured at most, chosen at random; copies are looked for
            among all.
        seed: of the samples.
        report: called with the progress.

    Raises:
        InputError: no bands in common.
    """
    config = config or DataConfig()
    sides = _sides(source, target, config, splits, sample, seed)
    bands = source.bands
    bins = min(_BINS, min(min(side.images.shape[2:]) for side in sides) // 2)
    size = min(_THUMBNAIL, min(min(side.images.shape[2:]) for side in sides))
    units = tables.Units(
        nanojansky=source.flux_scale is not None and target.flux_scale is not None,
        arcsec=source.pixel_scale is not None and target.pixel_scale is not None,
    )
    total, done = sum(len(side.rows) for side in sides), 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        report(Progress("measuring", done, total))

    measured = []
    for side in sides:
        scales = (
            side.flux_scale if units.nanojansky else None,
            float(side.galaxies.pixel_scale or 1) if units.arcsec else 1.0,
        )
        measured.append(measure(side.images, side.rows, bands, bins, size, *scales, step))
    report(Progress("comparing", 0, 3))
    probes = {"as they come": _probe(sides, measured, seed, own_scale=False)}
    report(Progress("comparing", 1, 3))
    normalised, trouble = _normalised(sides, config, bins, size)
    if normalised:
        probes["normalised"] = _probe(sides, normalised, seed, own_scale=True)
    report(Progress("comparing", 2, 3))
    distances = tables.distances(sides, measured, units, seed)
    report(Progress("comparing", 3, 3))
    duplicates, threshold = duplicate_pairs(
        sides, lambda count, of: report(Progress("copies", count, of))
    )
    found: dict[str, Any] = {
        "domains": tables.domains(sides, units),
        "probe": tables.probe(probes),
        "distances": distances,
        "summaries": tables.summaries(sides, measured, units, seed),
        "distributions": tables.distributions(measured),
        "histograms": tables.histograms(measured, bands),
        "spectrum": tables.spectrum(sides, measured, bands),
        "classes": tables.classes(sides),
        "values": tables.values(measured, bands),
        "duplicates": duplicates,
        "leakage": leakage_checks(sides, duplicates),
        "measurements": tables.measurements(sides, measured),
        "walls": random_galleries(sides, seed),
        "pairs": pair_pictures(sides, duplicates),
        "numbers": {
            "prior_shift": tables.prior_shift(sides, seed),
            "shared_groups": len(set(sides[0].groups) & set(sides[1].groups)),
            "duplicate_pairs": len(duplicates),
            "leaks": int(duplicates["leak"].sum()),
            "duplicates_searched": sum(len(side.searched) for side in sides),
            "similarity_threshold": threshold,
            "seed": seed,
        }
        | {side.domain: _about(side) for side in sides},
    }
    verdict = str(found["probe"]["verdict"].iloc[0])
    said = findings(found), (*trouble, *warnings(found)), advice(found)
    return Inspection(verdict, *said, **found)


def _sides(
    source: GalaxySet,
    target: GalaxySet,
    config: DataConfig,
    splits: dict[str, NDArray[Any]] | None,
    sample: int,
    seed: int,
) -> list[DomainSample]:
    order = channel_order(target.bands, source.bands, source.bands, config.match_bands)
    if splits is None:
        try:
            splits = dict(
                zip(
                    DOMAINS,
                    split_groups(source, target, config.fractions, config.split_seed),
                    strict=True,
                )
            )
        except InputError:
            # Too few galaxies for three splits can still be compared.
            splits = {
                domain: np.full(len(galaxies), "")
                for domain, galaxies in zip(DOMAINS, (source, target), strict=True)
            }
    sides = []
    for domain, galaxies, channels in zip(
        DOMAINS, (source, target), (tuple(range(len(source.bands))), order), strict=True
    ):
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(len(galaxies))[:sample])
        sides.append(
            DomainSample(
                domain, galaxies, ReorderedChannels(galaxies.images, channels), rows, splits[domain]
            )
        )
    return sides


def _probe(
    sides: list[DomainSample], measured: list[Measured], seed: int, own_scale: bool
) -> PixelProbe:
    """On at most 2000 images a domain: more sharpen the interval of a question that is then long
    answered.
    """
    kept = [np.arange(len(side.rows))[:: -(-len(side.rows) // _PROBED)] for side in sides]
    pairs = list(zip(measured, kept, strict=True))
    features = pixel_features(
        np.concatenate([each.thumbnails[rows] for each, rows in pairs]),
        pd.concat([each.quantities.iloc[rows] for each, rows in pairs], ignore_index=True),
        own_scale,
    )
    groups = np.concatenate(
        [side.groups[side.rows][rows] for side, rows in zip(sides, kept, strict=True)]
    )
    return pixel_probe(
        features, np.repeat([False, True], [len(rows) for rows in kept]), groups, seed
    )


def _normalised(
    sides: list[DomainSample], config: DataConfig, bins: int, size: int
) -> tuple[list[Measured], tuple[str, ...]]:
    """The same measured on what a network would see, with the statistics of the sampled training
    images.
    """
    train = [
        side.rows[(side.splits[side.rows] == "train") | (side.splits[side.rows] == "")]
        for side in sides
    ]
    try:
        fitted = Preprocess.fit(config, sides[0].galaxies, train[0], sides[1].galaxies, train[1])
        seen = [_Seen(side, fitted) for side in sides]
        bins, size = min(bins, min(fitted.size) // 2), min(size, *fitted.size)
        return [
            measure(images, side.rows, fitted.bands, bins, size)
            for images, side in zip(seen, sides, strict=True)
        ], ()
    except InputError as error:
        return [], (f"A training could not use these images as they are: {error}",)


class _Seen:
    """Images as a network would see them, row by row."""

    def __init__(self, side: DomainSample, fitted: Preprocess) -> None:
        self._side, self._fitted = side, fitted

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        return self._fitted.apply(
            np.asarray(self._side.galaxies.images[rows], np.float32), self._side.domain
        )


def _about(side: DomainSample) -> dict[str, Any]:
    galaxies = side.galaxies
    return {
        "name": galaxies.name,
        "fingerprint": galaxies.fingerprint(),
        "path": galaxies.provenance.get("path"),
        "classes": list(galaxies.classes),
        "groups_known": groups_known(galaxies),
        "account": account_of(galaxies).to_json(),
    }
