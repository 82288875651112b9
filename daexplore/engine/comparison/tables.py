"""Tables of a comparison: metrics, differences, flips, drift, class shares, oracle gap."""

from collections.abc import Iterator, Sequence
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
from daexplore.analysis.comparison.paired import combine_over_seeds, interval, mcnemar
from daexplore.config import differences
from daexplore.domains import DOMAINS
from daexplore.engine.comparison.grouping import CommonSample, Method
from daexplore.engine.comparison.resampling import MethodResamples, uses_target_labels

__all__ = [
    "difference_table",
    "drift_table",
    "flip_table",
    "gap_table",
    "metric_table",
    "settings_table",
    "share_table",
]

_INTERVAL = ["value", "low", "high"]
_COUNTS = ["n", "galaxies", "oracle"]


def metric_table(
    drawn: Sequence[MethodResamples], sample: CommonSample, level: float, seed: int
) -> pd.DataFrame:
    """Mean over seeds of each number, its interval over galaxies and seeds, and the band of the
    seeds.
    """
    rows: list[dict[str, Any]] = [
        {"method": each.method.name, "domain": domain, "split": sample.split, "name": name}
        | _interval(_bounded(combine_over_seeds([values], _first, seed), name), level)
        | {
            "seed_low": float(values[:, 0].min()),
            "seed_high": float(values[:, 0].max()),
            "seeds": len(values),
        }
        | _counts(sample, domain, name, each.method)
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
            *_INTERVAL,
            "seed_low",
            "seed_high",
            "seeds",
            *_COUNTS,
        ],
    )


def difference_table(
    drawn: Sequence[MethodResamples],
    baseline: MethodResamples | None,
    sample: CommonSample,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Each method minus the baseline, number by number, on the same galaxies."""
    rows: list[dict[str, Any]] = [
        {
            "method": each.method.name,
            "baseline": base.method.name,
            "domain": domain,
            "split": sample.split,
            "name": name,
        }
        | _interval(
            combine_over_seeds([values, base.draws[domain, name]], np.subtract, seed), level
        )
        | {"seeds": len(values), "baseline_seeds": len(base.draws[domain, name])}
        | _counts(sample, domain, name, each.method, base.method)
        for each, base in _pairs(drawn, baseline)
        for (domain, name), values in each.draws.items()
        if (domain, name) in base.draws
    ]
    columns = [
        "method",
        "baseline",
        "domain",
        "split",
        "name",
        *_INTERVAL,
        "seeds",
        "baseline_seeds",
        *_COUNTS,
    ]
    return pd.DataFrame(rows, columns=columns)


def flip_table(
    drawn: Sequence[MethodResamples], baseline: MethodResamples | None, sample: CommonSample
) -> pd.DataFrame:
    """Labelled images fixed, broken and unchanged, in the mean over all pairs of networks, with
    McNemar's test.
    """
    rows = []
    for each, base in _pairs(drawn, baseline):
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
                | _counts(sample, domain, "accuracy", each.method, base.method)
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
    return pd.DataFrame(rows, columns=[*columns, "p_exact", "p_grouped", "pairs", *_COUNTS])


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
            row |= _interval(
                seed_kappa(each.predicted[:, here], every[:, here]), level, "seeds_kappa"
            )
            if baseline is not None and each is not baseline:
                base = seed_disagreement(baseline.predicted[:, here])
                changed = disagreement(baseline.predicted[:, here], each.predicted[:, here])
                share = _weighted(changed, every[:, here])
                excess = _weighted(changed - (own + base) / 2, every[:, here])
                row |= {"baseline": baseline.method.name, "rank": _ranks([each, baseline], here)}
                row |= _interval(share, level, "changed") | _interval(excess, level, "excess")
            oracle = each.method.oracle or (baseline is not None and baseline.method.oracle)
            row |= {"seeds": len(each.predicted)} | _counts(
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
        rows, columns=["method", "baseline", "domain", "split", *columns, "seeds", *_COUNTS]
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
                row |= _interval(_bounded(combine_over_seeds([values], _first, seed)), level) | {
                    "possible": possible,
                    "seeds": len(found),
                }
                rows.append(
                    row | _counts(sample, "target", "", oracle=each.method.oracle, labelled=False)
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
        rows.append(line | value | _counts(sample, "target", "", oracle=True))
    return pd.DataFrame(
        rows,
        columns=["method", "split", "class", "estimate", *_INTERVAL, "possible", "seeds", *_COUNTS],
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
    for each, base in _pairs(drawn, baseline) if oracle is not None else ():
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
            gap = combine_over_seeds([parts[2], parts[1]], np.subtract, seed)
            closed = combine_over_seeds(parts, _closed, seed)
            row: dict[str, Any] = {
                "method": each.method.name,
                "baseline": base.method.name,
                "oracle_method": oracle.method.name,
                "split": sample.split,
            }
            # Where the gap itself may be nothing, its share is anything.
            about = (
                _interval(closed, level)
                if interval(gap, level).above
                else dict.fromkeys(_INTERVAL, np.nan)
            )
            row |= (
                {"name": name}
                | about
                | _interval(gap, level, "gap")
                | {"seeds": len(each.predicted)}
            )
            rows.append(row | _counts(sample, "target", name, each.method))
    columns = [
        "method",
        "baseline",
        "oracle_method",
        "split",
        "name",
        *_INTERVAL,
        "gap",
        "gap_low",
        "gap_high",
        "seeds",
    ]
    return pd.DataFrame(rows, columns=[*columns, *_COUNTS])


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


def _pairs(
    drawn: Sequence[MethodResamples], baseline: MethodResamples | None
) -> Iterator[tuple[MethodResamples, MethodResamples]]:
    if baseline is not None:
        yield from ((each, baseline) for each in drawn if each is not baseline)


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


def _interval(draws: NDArray[np.float64], level: float, name: str = "") -> dict[str, Any]:
    found = interval(draws, level)
    names = (name, f"{name}_low", f"{name}_high") if name else _INTERVAL
    return dict(zip(names, (found.value, found.low, found.high), strict=True))


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


def _counts(
    sample: CommonSample,
    domain: str,
    name: str,
    *methods: Method,
    oracle: bool = False,
    labelled: bool = True,
) -> dict[str, Any]:
    """On how many images and galaxies a number rests, and whether target labels had a part in
    it.
    """
    here = sample.inside(domain) if domain != "both" else np.ones(len(sample.labels), bool)
    labelled = labelled and (domain != "both" or name.startswith("mmd2_true/"))
    if labelled:
        here = here & (sample.labels >= 0)
    mark = (
        oracle
        or any(method.oracle for method in methods)
        or (labelled and uses_target_labels(domain, name))
    )
    return {"n": int(here.sum()), "galaxies": len(set(sample.groups[here])), "oracle": bool(mark)}
