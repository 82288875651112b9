"""Result of an inspection: tables with fixed columns, and JSON."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Inspection"]


@dataclass(frozen=True, eq=False)
class Inspection:
    """How far apart a source and a target are, and in what.

    Every table is in long form; ``domain`` is "source" or "target", ``band`` a band's name, or ""
    where a number has none. Rows whose column ``oracle`` is true used target labels, for this
    report only. Intervals are 95%, resampling galaxies (groups), not images.

    Attributes:
        verdict: of the images as they come: "far apart", "apart", "the same" or "too few to
            decide".
        sentences: what was found, most important first; each a whole sentence.
        warnings: what may spoil a training or its evaluation; empty if nothing was found.
        advice: what to do next.
        domains: one row a domain: ``domain, name, images, used, galaxies, groups_known, bands,
            height, width, pixel_scale, nanojansky``. ``images`` are all of the set and ``used``
            those measured; ``bands`` is one text; ``pixel_scale`` [arcsec / pixel], NaN where
            unknown; ``nanojansky`` whether the flux scale is known, and fluxes below are in nJy.
        probe: can a classifier distinguish the domains from pixels? Two rows, ``images`` "as they
            come" and "normalised" (preprocessed as for a training, and each image on its own level
            and scale): ``images, auc, low, high, verdict, n_source, n_target, folds``. ``verdict``
            is "far apart", "apart", "the same" or "too few to decide".
        distances: one row a measured quantity and band, most different first: ``quantity, band,
            label, unit, scale, source, target, change, change_low, change_high, ks, ks_low,
            ks_high, chance, n_source, n_target, words``. ``label`` is the quantity in words;
            ``source`` and ``target`` are medians; ``change`` is target / source where ``scale`` is
            "log" and target - source where it is "linear"; ``ks`` is the Kolmogorov-Smirnov
            distance, 0 alike to 1 apart; ``chance`` is what domains drawn from one population stay
            below in 95% of cases, in all quantities together; ``words`` is a phrase such as "noise
            in g (×35)".
        summaries: one row a domain, quantity and band: ``domain, quantity, band, label, unit,
            scale, n, undefined, median, low, high, p05, p16, p84, p95``. Signal-to-noise, colours,
            sizes and so on are found here by ``quantity``; ``low`` and ``high`` are the median's
            interval, ``undefined`` counts images without a value (a colour of negative flux).
        distributions: a measured quantity in bins common to both: ``domain, quantity, band, left,
            right, share``; from the 1st to the 99th percentile with the rest in the outermost bins;
            even in the logarithm where ``scale`` is "log".
        histograms: pixel values in bins common to both domains: ``domain, band, left, right,
            share``; shares of a domain and band add up to 1. Bins are even in asinh(value / scale),
            so that faint and bright pixels both show.
        spectrum: radial power spectrum: ``domain, band, frequency, frequency_arcsec, power, p16,
            p84, n``. Cycles / pixel and cycles / arcsec (NaN where the pixel scale is unknown);
            ``power`` is the median over images of the power in a mode relative to the mean over all
            modes, so that white noise is 1 everywhere; 16th and 84th percentile of the images.
        classes: class balance: ``domain, label, images, galaxies, share, oracle``; "unlabelled"
            images have a row of that label, and their share is NaN: shares are of the labelled
            images.
        values: missing and odd pixels: ``domain, band, images, missing_images, missing_pixels,
            saturated_images, saturated_pixels, zero_pixels, constant_images``; the ``_pixels`` are
            shares of all pixels looked at.
        duplicates: near-duplicates among different galaxies: ``sample_id_a, sample_id_b, domain_a,
            domain_b, split_a, split_b, group_a, group_b, label_a, label_b, similarity, angle,
            mirrored, cluster, leak``. b turned by ``angle`` [degree] counter-clockwise (after
            mirroring it left to right) is a; ``leak`` where the two are in different splits; pairs
            of one ``cluster`` belong together. Target labels are not shown.
        leakage: what was checked about splits: ``check, count, of, problem, words``.
        measurements: one row a measured image: ``sample_id, domain, group_id, split, label`` and
            then ``quantity/band`` for each quantity. Not part of the JSON.
        walls: pictures of random galaxies of each domain and class: ``{"domain", "label", "n",
            "total", "sample_ids", "columns", "png", "oracle"}``, ``png`` a data URI of ``n`` equal
            tiles, ``columns`` a row.
        pairs: pictures of the most alike of ``duplicates``: ``{"sample_id_a", "sample_id_b",
            "png_a", "png_b"}``, data URIs; b as it is.
        numbers: plain numbers: ``prior_shift`` (total variation distance of the class shares, with
            "value", "low", "high", "oracle"; None where either has no labels), ``shared_groups``,
            ``duplicate_pairs``, ``leaks``, ``duplicates_searched``, ``similarity_threshold``,
            ``seed``; and of each domain, by "source" and "target", ``name, fingerprint, path,
            classes, account``.
    """

    verdict: str
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    advice: tuple[str, ...]
    domains: pd.DataFrame
    probe: pd.DataFrame
    distances: pd.DataFrame
    summaries: pd.DataFrame
    distributions: pd.DataFrame
    histograms: pd.DataFrame
    spectrum: pd.DataFrame
    classes: pd.DataFrame
    values: pd.DataFrame
    duplicates: pd.DataFrame
    leakage: pd.DataFrame
    measurements: pd.DataFrame
    walls: tuple[dict[str, Any], ...]
    pairs: tuple[dict[str, Any], ...]
    numbers: dict[str, Any]

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {
            field.name: value
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), pd.DataFrame)
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the measurements as JSON types; a table is ``{"columns": […], "data":
        [rows]}``, an undefined number None.
        """
        tables = {
            name: _split(table) for name, table in self.tables().items() if name != "measurements"
        }
        words = {
            name: list(getattr(self, name))
            for name in ("sentences", "warnings", "advice", "walls", "pairs")
        }
        return {
            "format": 1,
            "verdict": self.verdict,
            "numbers": self.numbers,
            "tables": tables,
        } | words


def _split(table: pd.DataFrame) -> dict[str, Any]:
    rows = [[_plain(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return {"columns": [str(name) for name in table.columns], "data": rows}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return (
        None if value is pd.NA or (isinstance(value, float) and not np.isfinite(value)) else value
    )
