"""Tables of a comparison: metrics, differences, flips, drift, class shares, oracle gap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.comparison.flips import (
    disagreement,
    flips,
    rank_agreement,
    seed_disagreement,
    seed_kappa,
    seed_rank_agreement,
)
from daexplore.analysis.comparison.paired import (
    combine_over_seeds,
    interval,
    mcnemar,
)
from daexplore.config import differences
from daexplore.domains import DOMAINS
from daexplore.engine.comparison.grouping import CommonSample, Method
from daexplore.engine.comparison.resampling import MethodResamples
from daexplore.engine.comparison.rows import (
    COUNTS,
    INTERVAL,
    counts_of,
    interval_of,
    pairs_with,
    scatter_of,
)

__all__ = [
    "drift_table",
    "flip_table",
    "gap_table",
    "metric_table",
    "settings_table",
    "share_table",
]


def metric_table(
    drawn: Sequence[MethodResamples], sample: CommonSample, level: float, seed: int
) -> pd.DataFrame:
    """Mean over seeds of each number, its interval over galaxies and seeds, and the band of the
    seeds.
    """
    rows: list[dict[str, Any]] = [
        {"method": each.method.name, "domain": domain, "split": sample.split, "name": name}
        | _mean(each, domain, name, level, seed)
        | {
            "seed_low": float(values[:, 0].min()),
            "seed_high": float(values[:, 0].max()),
            "seeds": len(values),
        }
        | counts_of(sample, domain, name, each.method)
        for each in drawn
        for (domain, name), values in each.draws.items()
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "method",
            "domain",
            "split",
            "name",
            *INTERVAL,
            "seed_low",
            "seed_high",
            "seeds",
            *COUNTS,
        ],
    )


def _mean(
    drawn: MethodResamples, domain: str, name: str, level: float, seed: int
) -> dict[str, Any]:
    """Mean over seeds with its interval; at the edges the ends over galaxies are exact, and those
    over seeds are added to them in squares.
    """
    values, scatter = drawn.draws[domain, name], scatter_of(domain, name)
    draws = _bounded(combine_over_seeds([values], _first, seed, scatter), name)
    found = interval_of(draws, level)
    ends = drawn.edges.get((domain, name))
    if ends is None:
        return found
    alone = np.repeat(values[:, :1], values.shape[1], axis=1)
    over_seeds = interval(
        combine_over_seeds([alone], _first, seed, scatter_of(domain, name)), level
    )
    low, high = ends.mean(axis=0)
    value = found["value"]
    below = np.hypot(value - low, value - over_seeds.low)
    above = np.hypot(high - value, over_seeds.high - value)
    return found | {"low": float(max(value - below, 0)), "high": float(min(value + above, 1))}


def flip_table(
    drawn: Sequence[MethodResamples], baseline: MethodResamples | None, sample: CommonSample
) -> pd.DataFrame:
    """Labelled images fixed, broken and unchanged, in the mean over all pairs of networks, with
    McNemar's test.
    """
    rows = []
    for each, base in pairs_with(drawn, baseline):
        for domain in DOMAINS:
            here = sample.inside(domain) & (sample.labels >= 0)
            if not here.any():
                continue
            found = flips(sample.labels[here], base.predicted[:, here], each.predicted[:, here])
            test = mcnemar(found.fixed, found.broken, sample.groups[here])
            about: dict[str, Any] = {
                "method": each.method.name,
                "baseline": base.method.name,
                "domain": domain,
                "split": sample.split,
            }
            counts = {
                name: float(getattr(found, name).sum(axis=1).mean())
                for name in ("fixed", "broken", "right", "wrong")
            }
            tested = {
                name: getattr(test, name)
                for name in ("galaxies_fixed", "galaxies_broken", "p_exact", "p_grouped")
            }
            rows.append(
                about
                | counts
                | tested
                | {"pairs": len(found.fixed)}
                | counts_of(sample, domain, "accuracy", each.method, base.method)
            )
    columns = [
        "method",
        "baseline",
        "domain",
        "split",
        "fixed",
        "broken",
        "right",
        "wrong",
        "galaxies_fixed",
        "galaxies_broken",
    ]
    return pd.DataFrame(rows, columns=[*columns, "p_exact", "p_grouped", "pairs", *COUNTS])


def drift_table(
    drawn: Sequence[MethodResamples],
    baseline: MethodResamples | None,
    sample: CommonSample,
    weights: NDArray[np.float64],
    level: float,
) -> pd.DataFrame:
    """How many images change their class from the baseline to each method, compared with two
    seeds of one method; no labels used.
    """
    rows = []
    every = np.vstack([np.ones(weights.shape[1]), weights])
    for each in drawn:
        for domain in DOMAINS:
            here = sample.inside(domain)
            own = seed_disagreement(each.predicted[:, here])
            row: dict[str, Any] = {
                "method": each.method.name,
                "baseline": "",
                "domain": domain,
                "split": sample.split,
            }
            row |= {"seeds_changed": float(own.mean()), "seeds_rank": _ranks([each], here)}
            row |= interval_of(
                seed_kappa(each.predicted[:, here], every[:, here]), level, "seeds_kappa"
            )
            if baseline is not None and each is not baseline:
                base = seed_disagreement(baseline.predicted[:, here])
                changed = disagreement(baseline.predicted[:, here], each.predicted[:, here])
                share = _weighted(changed, every[:, here])
                excess = _weighted(changed - (own + base) / 2, every[:, here])
                row |= {"baseline": baseline.method.name, "rank": _ranks([each, baseline], here)}
                row |= interval_of(share, level, "changed") | interval_of(excess, level, "excess")
            oracle = each.method.oracle or (baseline is not None and baseline.method.oracle)
            row |= {"seeds": len(each.predicted)} | counts_of(
                sample, domain, "", oracle=oracle, labelled=False
            )
            rows.append(row)
    columns = [
        "changed",
        "changed_low",
        "changed_high",
        "seeds_changed",
        "excess",
        "excess_low",
        "excess_high",
        "rank",
        "seeds_rank",
    ]
    columns += ["seeds_kappa", "seeds_kappa_low", "seeds_kappa_high"]
    return pd.DataFrame(
        rows, columns=["method", "baseline", "domain", "split", *columns, "seeds", *COUNTS]
    )


def share_table(
    drawn: Sequence[MethodResamples],
    sample: CommonSample,
    classes: Sequence[str],
    level: float,
    seed: int,
) -> pd.DataFrame:
    """The target's class shares as called, as BBSE and EM estimate them from source validation,
    and, for the oracle, as labelled.
    """
    rows: list[dict[str, Any]] = []
    for each in drawn:
        for kind, found in each.shares.items():
            possible = bool(np.mean([share.possible for share in found]) >= 0.5)
            for number, name in enumerate(classes):
                values = np.stack(
                    [np.r_[share.shares[number], share.draws[:, number]] for share in found]
                )
                row: dict[str, Any] = {
                    "method": each.method.name,
                    "split": sample.split,
                    "class": name,
                    "estimate": kind,
                }
                row |= interval_of(
                    _bounded(combine_over_seeds([values], _first, seed, scatter_of("target", ""))),
                    level,
                ) | {
                    "possible": possible,
                    "seeds": len(found),
                }
                rows.append(
                    row | counts_of(sample, "target", "", oracle=each.method.oracle, labelled=False)
                )
    labelled = sample.inside("target") & (sample.labels >= 0)
    for number, name in enumerate(classes) if labelled.any() else ():
        line: dict[str, Any] = {
            "method": "",
            "split": sample.split,
            "class": name,
            "estimate": "labels",
            "possible": True,
            "seeds": 0,
        }
        value = {
            "value": float((sample.labels[labelled] == number).mean()),
            "low": np.nan,
            "high": np.nan,
        }
        rows.append(line | value | counts_of(sample, "target", "", oracle=True))
    return pd.DataFrame(
        rows,
        columns=["method", "split", "class", "estimate", *INTERVAL, "possible", "seeds", *COUNTS],
    )


def gap_table(
    drawn: Sequence[MethodResamples],
    baseline: MethodResamples | None,
    oracle: MethodResamples | None,
    sample: CommonSample,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Share of the way from the baseline to the oracle that each method goes: (method - baseline) /
    (oracle - baseline), on the target.
    """
    rows = []
    for each, base in pairs_with(drawn, baseline) if oracle is not None else ():
        if oracle is None or each is oracle:
            continue
        for name in ("accuracy", "balanced_accuracy", "auc"):
            parts = [
                found.draws["target", name]
                for found in (each, base, oracle)
                if ("target", name) in found.draws
            ]
            if len(parts) < 3:
                continue
            scatter = scatter_of("target", name)
            gap = combine_over_seeds([parts[2], parts[1]], np.subtract, seed, scatter)
            closed = combine_over_seeds(parts, _closed, seed, scatter)
            row: dict[str, Any] = {
                "method": each.method.name,
                "baseline": base.method.name,
                "oracle_method": oracle.method.name,
                "split": sample.split,
            }
            # Where the gap itself may be nothing, its share is anything.
            about = (
                interval_of(closed, level)
                if interval(gap, level).above
                else dict.fromkeys(INTERVAL, np.nan)
            )
            row |= (
                {"name": name}
                | about
                | interval_of(gap, level, "gap")
                | {"seeds": len(each.predicted)}
            )
            rows.append(row | counts_of(sample, "target", name, each.method))
    columns = [
        "method",
        "baseline",
        "oracle_method",
        "split",
        "name",
        *INTERVAL,
        "gap",
        "gap_low",
        "gap_high",
        "seeds",
    ]
    return pd.DataFrame(rows, columns=[*columns, *COUNTS])


def settings_table(methods: Sequence[Method]) -> pd.DataFrame:
    """The settings in which the methods differ, one column a method; None where a method has no
    such setting.
    """
    table = differences([method.runs[0].config for method in methods])
    lines: list[dict[str, Any]] = [
        {"setting": name}
        | {method.name: value for method, value in zip(methods, values, strict=True)}
        for name, values in table.items()
        if name != "seed"
    ]
    return pd.DataFrame(lines, columns=["setting", *(method.name for method in methods)]).astype(
        object
    )


def _first(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values


def _bounded(draws: NDArray[np.float64], name: str = "") -> NDArray[np.float64]:
    """Shares and scores are within 0 and 1, whatever a normal law over seeds says; a squared MMD
    may be negative.
    """
    return draws if name.startswith("mmd2") else np.asarray(np.clip(draws, 0, 1))


def _closed(
    method: NDArray[np.float64], baseline: NDArray[np.float64], oracle: NDArray[np.float64]
) -> NDArray[np.float64]:
    gap = oracle - baseline
    return np.asarray(
        np.divide(method - baseline, gap, out=np.full(len(gap), np.nan), where=gap != 0)
    )


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights @ values / np.maximum(weights.sum(axis=1), 1e-12))


def _ranks(pair: Sequence[MethodResamples], here: NDArray[np.bool_]) -> float:
    """Mean rank correlation over pairs of networks and over classes (two classes have one ranking)
    of the probabilities.
    """
    classes = pair[0].probabilities.shape[2]
    scores = [
        [each.probabilities[:, here, number] for each in pair]
        for number in range(1 if classes == 2 else 0, classes)
    ]
    return float(
        np.mean(
            [
                seed_rank_agreement(each[0]) if len(each) == 1 else rank_agreement(*each)
                for each in scores
            ]
        )
    )
