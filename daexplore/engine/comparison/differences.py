"""Differences of methods from the baseline, with corrected p-values."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from daexplore.analysis.comparison.paired import difference_draws, difference_p_value, holm
from daexplore.engine.comparison.grouping import CommonSample, seeds_paired
from daexplore.engine.comparison.resampling import MethodResamples
from daexplore.engine.comparison.rows import (
    COUNTS,
    INTERVAL,
    counts_of,
    interval_of,
    pairs_with,
    scatter_of,
)

__all__ = ["deciding_metric", "difference_table"]


def difference_table(
    drawn: Sequence[MethodResamples],
    baseline: MethodResamples | None,
    sample: CommonSample,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Each method minus the baseline, number by number, on the same galaxies.

    Seeds that both methods have are paired. ``p`` is the p-value of "no difference";
    ``p_holm`` is it after Holm's correction over the methods and numbers that a verdict rests on
    together, NaN for other numbers.
    """
    rows: list[dict[str, Any]] = [
        {
            "method": each.method.name,
            "baseline": base.method.name,
            "domain": domain,
            "split": sample.split,
            "name": name,
        }
        | _difference(each, base, (domain, name), sample, level, seed)
        | {"seeds": len(values), "baseline_seeds": len(base.draws[domain, name])}
        | counts_of(sample, domain, name, each.method, base.method)
        for each, base in pairs_with(drawn, baseline)
        for (domain, name), values in each.draws.items()
        if (domain, name) in base.draws
    ]
    columns = [
        "method",
        "baseline",
        "domain",
        "split",
        "name",
        *INTERVAL,
        "p",
        "p_holm",
        "paired",
        "seeds",
        "baseline_seeds",
        *COUNTS,
    ]
    table = pd.DataFrame(rows, columns=columns)
    judged = ~table["method"].isin([each.method.name for each in drawn if each.method.oracle])
    for family in _families(sample):
        members = judged & family(table)
        table.loc[members, "p_holm"] = holm(table.loc[members, "p"].to_numpy(np.float64))
    return table


def deciding_metric(sample: CommonSample) -> str:
    """Which share of right calls decides a verdict with target labels: accuracy, or balanced
    accuracy where a class has less than ``_EVEN`` of its equal share.
    """
    labels = sample.labels[sample.inside("target") & (sample.labels >= 0)]
    counts = np.unique(labels, return_counts=True)[1]
    even = len(counts) > 1 and counts.min() * len(counts) >= _EVEN * counts.sum()
    return "accuracy" if even or len(counts) < 2 else "balanced_accuracy"


_EVEN = 0.8


def _families(sample: CommonSample) -> list[Callable[[pd.DataFrame], "pd.Series[bool]"]]:
    """The numbers that are tested together: those of one kind of verdict, over all methods."""
    deciding = deciding_metric(sample)
    return [
        lambda rows: (rows["domain"] == "target") & rows["name"].isin([deciding, "auc"]),
        lambda rows: (rows["domain"] == "source") & (rows["name"] == "accuracy"),
        lambda rows: rows["name"] == "mmd2",
        lambda rows: rows["name"].str.startswith("mmd2_predicted/"),
    ]


def _difference(
    each: MethodResamples,
    base: MethodResamples,
    key: tuple[str, str],
    sample: CommonSample,
    level: float,
    seed: int,
) -> dict[str, Any]:
    domain, name = key
    one, other = each.draws[key], base.draws[key]
    paired = seeds_paired(each.method, base.method)
    galaxies = len(set(sample.groups[sample.inside(domain)])) if domain != "both" else 0
    galaxies = galaxies or len(set(sample.groups))
    scatter = scatter_of(domain, name)
    # A paired share in which no galaxy differs: two more of them, one each way (Agresti & Min 2005,
    # Statistics in Medicine 24, 729).
    floor = 1 / (galaxies + 2) if domain != "both" else 0.0
    draws = difference_draws(one, other, paired, scatter, floor, seed)
    if scatter:
        draws = np.clip(draws, -1, 1)
    p_value = difference_p_value(one, other, galaxies, paired, scatter, floor)
    return interval_of(draws, level) | {"p": p_value, "p_holm": np.nan, "paired": paired}
