"""Tables of an inspection; ``daexplore.engine.inspection.result`` defines their columns."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.images.ks_distance import (
    basic_bootstrap_interval,
    ks_distances,
    ks_interval,
    medians,
    permute_labels,
)
from daexplore.analysis.images.measure import QUANTITIES, Measured
from daexplore.analysis.images.pixel_probe import PixelProbe
from daexplore.analysis.images.pixel_statistics import frequencies
from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.domains import DOMAINS
from daexplore.engine.inspection.domain_sample import DomainSample, groups_known

__all__ = [
    "Units",
    "classes",
    "distances",
    "distributions",
    "domains",
    "histograms",
    "measurements",
    "prior_shift",
    "probe",
    "spectrum",
    "summaries",
    "values",
]

_RESAMPLES = 200
_RELABELLINGS = 100
_BINS = 40


@dataclass(frozen=True)
class Units:
    """Whether both domains know their flux scale and their pixel scale, so that numbers can be
    compared in them.
    """

    nanojansky: bool
    arcsec: bool

    def of(self, quantity: str) -> str:
        """The unit of a quantity."""
        unit = QUANTITIES[quantity][1]
        return {
            "flux": "nJy" if self.nanojansky else "",
            "pixel": "arcsec" if self.arcsec else "pixel",
        }.get(unit, unit)


def domains(sides: list[DomainSample], units: Units) -> pd.DataFrame:
    """One row a domain."""
    rows = []
    for side in sides:
        n, _, height, width = side.images.shape
        scale = np.nan if side.galaxies.pixel_scale is None else side.galaxies.pixel_scale
        about = (
            side.domain,
            side.galaxies.name,
            n,
            len(side.rows),
            len(set(side.groups)),
            groups_known(side.galaxies),
        )
        rows.append(
            (*about, ", ".join(side.galaxies.bands), height, width, scale, units.nanojansky)
        )
    names = (
        "domain name images used galaxies groups_known bands height width pixel_scale nanojansky"
    )
    return pd.DataFrame(rows, columns=names.split())


def probe(probes: Mapping[str, PixelProbe]) -> pd.DataFrame:
    """One row a version of the images."""
    return pd.DataFrame([{"images": name} | asdict(each) for name, each in probes.items()])


def distances(
    sides: list[DomainSample], measured: list[Measured], units: Units, seed: int
) -> pd.DataFrame:
    """One row a quantity and band, most different first."""
    both = pd.concat([each.quantities for each in measured], ignore_index=True)
    groups = np.concatenate([side.groups[side.rows] for side in sides])
    target = np.repeat([False, True], [len(side.rows) for side in sides])
    weights = group_weights(groups, _RESAMPLES, seed)
    dealt = permute_labels(target, groups, _RELABELLINGS, seed)
    rows, chance = [], np.zeros(_RELABELLINGS)
    for column in both:
        value = both[column].to_numpy(np.float64)
        by_chance = ks_distances(value, dealt)
        chance = np.fmax(chance, by_chance)
        rows.append(
            _distance(str(column), value, target, weights, units)
            | _ks(value, target, weights, by_chance)
        )
    table = pd.DataFrame(rows).assign(chance=float(np.quantile(chance, 0.95)))
    columns = (
        "quantity band label unit scale source target change change_low change_high ks ks_low"
        " ks_high chance n_source n_target words"
    )
    return table.sort_values("ks", ascending=False, kind="stable", ignore_index=True)[
        columns.split()
    ]


def _distance(
    column: str,
    value: NDArray[np.float64],
    target: NDArray[np.bool_],
    weights: NDArray[np.float64],
    units: Units,
) -> dict[str, Any]:
    quantity, band = column.split("/", 1)
    label, _, scale = QUANTITIES[quantity]
    once = np.ones((1, len(value)))
    middle = [float(medians(value[side], once[:, side])[0]) for side in (~target, target)]
    drawn = [medians(value[side], weights[:, side]) for side in (~target, target)]
    compare = np.divide if scale == "log" else lambda a, b: a - b
    with np.errstate(divide="ignore", invalid="ignore"):
        change = float(compare(np.float64(middle[1]), np.float64(middle[0])))
        changes = np.asarray(compare(drawn[1], drawn[0]), np.float64)
    changes = changes[np.isfinite(changes)]
    low, high = (
        np.quantile(changes, (0.025, 0.975))
        if len(changes) and np.isfinite(change)
        else (np.nan, np.nan)
    )
    counts = [int(np.isfinite(value[side]).sum()) for side in (~target, target)]
    return {
        "quantity": quantity,
        "band": band,
        "label": label,
        "unit": units.of(quantity),
        "scale": scale,
        "source": middle[0],
        "target": middle[1],
        "change": change if np.isfinite(change) else np.nan,
        "change_low": float(low),
        "change_high": float(high),
        "n_source": counts[0],
        "n_target": counts[1],
        "words": _words(label, quantity, band, units.of(quantity), scale, middle, change),
    }


def _ks(
    value: NDArray[np.float64],
    target: NDArray[np.bool_],
    weights: NDArray[np.float64],
    by_chance: NDArray[np.float64],
) -> dict[str, float]:
    ks = float(ks_distances(value, target)[0])
    known = np.isfinite(ks) and np.isfinite(by_chance).any()
    low, high = (
        ks_interval(ks, ks_distances(value, target, weights), by_chance)
        if known
        else (np.nan, np.nan)
    )
    return {"ks": ks, "ks_low": low, "ks_high": high}


def _words(
    label: str, quantity: str, band: str, unit: str, scale: str, middle: list[float], change: float
) -> str:
    where = f"{label} {band}" if quantity == "colour" else f"{label} in {band}"
    if not np.isfinite(middle).all():
        return f"{where} (undefined in the {'source' if not np.isfinite(middle[0]) else 'target'})"
    if scale == "linear":
        return f"{where} ({change:+.2g}{f' {unit}' if unit else ''})"
    if not np.isfinite(change) or change <= 0:
        return f"{where} ({middle[0]:.3g} against {middle[1]:.3g})"
    return f"{where} (×{change:.3g})"


def summaries(
    sides: list[DomainSample], measured: list[Measured], units: Units, seed: int
) -> pd.DataFrame:
    """One row a domain, quantity and band."""
    rows = []
    for side, each in zip(sides, measured, strict=True):
        weights = group_weights(side.groups[side.rows], _RESAMPLES, seed)
        for column in each.quantities:
            quantity, band = str(column).split("/", 1)
            value = each.quantities[column].to_numpy(np.float64)
            known = value[np.isfinite(value)]
            spots = (
                np.quantile(known, (0.5, 0.05, 0.16, 0.84, 0.95))
                if len(known)
                else np.full(5, np.nan)
            )
            drawn = medians(value, weights)
            low, high = np.nanquantile(drawn, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
            label, _, scale = QUANTITIES[quantity]
            about = (
                side.domain,
                quantity,
                band,
                label,
                units.of(quantity),
                scale,
                len(known),
                len(value) - len(known),
            )
            rows.append((*about, spots[0], low, high, *spots[1:]))
    names = "domain quantity band label unit scale n undefined median low high p05 p16 p84 p95"
    return pd.DataFrame(rows, columns=names.split())


def distributions(measured: list[Measured]) -> pd.DataFrame:
    """Histograms of the quantities in common bins."""
    rows: list[tuple[Any, ...]] = []
    for column in measured[0].quantities:
        quantity, band = str(column).split("/", 1)
        parts = [each.quantities[column].to_numpy(np.float64) for each in measured]
        logarithmic = QUANTITIES[quantity][2] == "log"
        parts = [part[np.isfinite(part) & (part > 0 if logarithmic else True)] for part in parts]
        known = np.concatenate(parts)
        if not len(known):
            continue
        low, high = np.quantile(known, (0.01, 0.99))
        if not low < high:
            low, high = (low / 1.1, high * 1.1) if logarithmic else (low - 0.5, high + 0.5)
        edges = (np.geomspace if logarithmic else np.linspace)(low, high, _BINS + 1)
        rows += [
            (domain, quantity, band, *bin)
            for domain, part in _named(parts)
            for bin in _shares(part, edges)
        ]
    return pd.DataFrame(rows, columns=["domain", "quantity", "band", "left", "right", "share"])


def histograms(measured: list[Measured], bands: tuple[str, ...]) -> pd.DataFrame:
    """Pixel values in bins even in asinh(value / scale), the scale their typical distance from
    their median.
    """
    rows: list[tuple[Any, ...]] = []
    for i, band in enumerate(bands):
        parts = [each.sample[:, i].ravel().astype(np.float64) for each in measured]
        both = np.concatenate(parts)
        scale = float(min(_spread(part) for part in parts))
        low, high = np.arcsinh(np.quantile(both, (0.0005, 0.9995)) / scale)
        edges = np.sinh(np.linspace(low - 0.1, high + 0.1, 2 * _BINS + 1)) * scale
        rows += [
            (domain, band, *bin) for domain, part in _named(parts) for bin in _shares(part, edges)
        ]
    return pd.DataFrame(rows, columns=["domain", "band", "left", "right", "share"])


def _spread(values: NDArray[np.float64]) -> float:
    deviation = np.abs(values - np.median(values))
    return float(np.median(deviation) or values.std() or 1.0)


def _named(parts: list[Any]) -> Iterator[tuple[str, Any]]:
    yield from zip(DOMAINS, parts, strict=True)


def _shares(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> Iterator[tuple[float, float, float]]:
    """What is outside the edges counts in the outermost bins."""
    count = np.bincount(
        np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2),
        minlength=len(edges) - 1,
    )
    shares = count / max(1, count.sum())
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True)


def spectrum(
    sides: list[DomainSample], measured: list[Measured], bands: tuple[str, ...]
) -> pd.DataFrame:
    """Median radial power spectra with their spread over images."""
    tables = []
    for side, each in zip(sides, measured, strict=True):
        edges = frequencies(each.spectra.shape[-1])
        middle = (edges[1:] + edges[:-1]) / 2
        for i, band in enumerate(bands):
            power = each.spectra[:, i][np.isfinite(each.spectra[:, i]).all(axis=-1)].astype(
                np.float64
            )
            spots = (
                np.quantile(power, (0.5, 0.16, 0.84), axis=0)
                if len(power)
                else np.full((3, len(middle)), np.nan)
            )
            frame = pd.DataFrame(
                {
                    "frequency": middle,
                    "frequency_arcsec": middle / (side.galaxies.pixel_scale or np.nan),
                }
            )
            frame = frame.assign(power=spots[0], p16=spots[1], p84=spots[2], n=len(power))
            # A ring of a small image may hold no mode at all.
            frame = frame[frame["power"] > 0] if len(power) else frame.iloc[:0]
            frame.insert(0, "domain", side.domain)
            frame.insert(1, "band", band)
            tables.append(frame)
    return pd.concat(tables, ignore_index=True)


def classes(sides: list[DomainSample]) -> pd.DataFrame:
    """Class balance; the target's is oracle."""
    rows = []
    for side in sides:
        labelled = int((side.labels != "unlabelled").sum())
        for label in (*side.galaxies.classes, "unlabelled"):
            mine = side.labels == label
            if label == "unlabelled" and not mine.any():
                continue
            share = mine.sum() / labelled if label != "unlabelled" and labelled else np.nan
            oracle = side.domain == "target" and label != "unlabelled"
            if labelled or label == "unlabelled":
                rows.append(
                    (
                        side.domain,
                        label,
                        int(mine.sum()),
                        len(set(side.groups[mine])),
                        share,
                        oracle,
                    )
                )
    return pd.DataFrame(rows, columns=["domain", "label", "images", "galaxies", "share", "oracle"])


def prior_shift(sides: list[DomainSample], seed: int) -> dict[str, Any] | None:
    """Total variation distance between the domains' class shares: half the sum of their
    differences. None where one has no labels.
    """
    drawn, values = [], []
    for side in sides:
        labels = side.galaxies.labels
        known = np.flatnonzero(labels >= 0)
        if not len(known):
            return None
        hot = labels[known, None] == np.arange(len(side.galaxies.classes))
        weights = group_weights(side.groups[known], _RESAMPLES, seed + (side.domain == "target"))
        values.append(hot.mean(axis=0))
        drawn.append(weights @ hot / weights.sum(axis=1, keepdims=True))
    value = float(np.abs(values[0] - values[1]).sum() / 2)
    low, high = basic_bootstrap_interval(
        value, np.abs(drawn[0] - drawn[1]).sum(axis=1) / 2, 0.0, 1.0
    )
    return {"value": value, "low": low, "high": high, "oracle": True}


def values(measured: list[Measured], bands: tuple[str, ...]) -> pd.DataFrame:
    """Missing, saturated, empty and constant pixels."""
    rows = []
    for domain, each in _named(measured):
        for i, band in enumerate(bands):
            odd = {name: part[:, i] for name, part in each.odd.items()}
            shares = [
                (int((odd[name] > 0).sum()), float(odd[name].mean()))
                for name in ("missing", "saturated")
            ]
            rows.append(
                (
                    domain,
                    band,
                    len(odd["zero"]),
                    *shares[0],
                    *shares[1],
                    float(odd["zero"].mean()),
                    int(odd["constant"].sum()),
                )
            )
    names = (
        "domain band images missing_images missing_pixels saturated_images saturated_pixels"
        " zero_pixels constant_images"
    )
    return pd.DataFrame(rows, columns=names.split())


def measurements(sides: list[DomainSample], measured: list[Measured]) -> pd.DataFrame:
    """One row a measured image."""
    tables = []
    for side, each in zip(sides, measured, strict=True):
        known = {
            "sample_id": side.galaxies.sample_ids,
            "group_id": side.groups,
            "split": side.splits,
            "label": side.labels,
        }
        frame = pd.DataFrame({name: column[side.rows] for name, column in known.items()})
        frame.insert(1, "domain", side.domain)
        tables.append(pd.concat([frame, each.quantities], axis=1))
    return pd.concat(tables, ignore_index=True)
