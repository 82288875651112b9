"""Evidence for the verdicts, with and without target labels kept separate."""

from collections.abc import Mapping, Sequence

import pandas as pd

from daexplore.analysis.comparison.paired import Interval
from daexplore.domains import DOMAINS
from daexplore.engine.comparison.grouping import Method, source_judges
from daexplore.engine.comparison.reasons import ClassShare, Evidence, OracleEvidence
from daexplore.engine.comparison.resampling import trained_shares

__all__ = ["label_free_evidence", "oracle_evidence"]


def label_free_evidence(
    method: Method, baseline: Method, tables: Mapping[str, pd.DataFrame], classes: Sequence[str]
) -> Evidence:
    """What can be known of a method without target labels; only rows that are not marked oracle are
    read.

    Args:
        method: which.
        baseline: against what.
        tables: those of a ``Comparison``.
        classes: names of the labels.
    """
    free = {
        name: table[~table["oracle"].astype(bool)]
        for name, table in tables.items()
        if "oracle" in table
    }
    name, base = method.name, baseline.name

    def change(quantity: str, domain: str = "both") -> Interval:
        return _change(free["differences"], method=name, domain=domain, name=quantity)

    def values(quantity: str) -> tuple[float, float]:
        one, other = (
            _interval(free["metrics"], method=each, domain="both", name=quantity).value
            for each in (base, name)
        )
        return one, other

    def low(quantity: str) -> float:
        """The lower end for as many numbers as there are classes (Bonferroni, normal law)."""
        from scipy.stats import norm

        found = _interval(free["metrics"], method=name, domain="both", name=quantity)
        wider = norm.isf(0.025 / len(classes)) / norm.isf(0.025)
        return float(found.value - wider * (found.value - found.low))

    def seeds(each: str) -> tuple[float, float]:
        source, target = (
            _cell(free["drift"], "seeds_changed", method=each, domain=domain) for domain in DOMAINS
        )
        return source, target

    def drift(column: str, each: str = name) -> float:
        return _cell(free["drift"], column, method=each, domain="target")

    def share(kind: str, each: str = name) -> ClassShare:
        rows = _where(free["shares"], method=each, **{"class": kind})
        estimates = {how: _interval(rows, estimate=how) for how in ("predicted", "bbse", "em")}
        return ClassShare(
            kind,
            estimates["predicted"],
            estimates["bbse"],
            estimates["em"],
            bool(rows["possible"].all()),
        )

    # The share of the second of two classes says that of the first.
    told = classes[1:] if len(classes) == 2 else classes
    trained = trained_shares(method.runs[0], len(classes))

    return Evidence(
        method=name,
        baseline=base,
        source_accuracy=change("accuracy", "source"),
        mmd2=values("mmd2"),
        mmd2_change=change("mmd2"),
        class_mmd2={
            each: (*values(f"mmd2_predicted/{each}"), change(f"mmd2_predicted/{each}"))
            for each in classes
        },
        class_low={each: low(f"mmd2_predicted/{each}") for each in classes},
        domain_auc=values("domain_auc"),
        shares=tuple(share(each) for each in told),
        baseline_shares=tuple(share(each, base) for each in told),
        trained_shares=dict(zip(classes, trained.tolist(), strict=True)),
        aligns=bool(method.runs[0].config.alignments),
        seeds_changed=seeds(name),
        baseline_seeds_changed=seeds(base),
        excess=Interval(drift("excess"), drift("excess_low"), drift("excess_high")),
        seeds_kappa=Interval(
            drift("seeds_kappa"), drift("seeds_kappa_low"), drift("seeds_kappa_high")
        ),
        baseline_kappa=drift("seeds_kappa", base),
        ranks=(drift("rank"), drift("seeds_rank"), drift("seeds_rank", base)),
        seeds=(len(method.runs), len(baseline.runs)),
        baseline_possible=bool(
            free["shares"].loc[free["shares"]["method"] == base, "possible"].all()
        ),
        source_judges=source_judges(method),
    )


def oracle_evidence(
    method: Method, baseline: Method, tables: Mapping[str, pd.DataFrame], deciding: str
) -> OracleEvidence | None:
    """What target labels say of a method; None if there are none.

    Args:
        method: which.
        baseline: against what.
        tables: those of a ``Comparison``.
        deciding: "accuracy" or "balanced_accuracy".
    """
    flips = _where(tables["flips"], method=method.name, domain="target")
    if flips.empty:
        return None
    here = {"method": method.name, "domain": "target"}
    accuracy = _change(tables["differences"], name=deciding, **here)
    return OracleEvidence(
        method=method.name,
        baseline=baseline.name,
        accuracy=accuracy,
        auc=_change(tables["differences"], name="auc", **here),
        n=int(_cell(flips, "n")),
        galaxies=int(_cell(flips, "galaxies")),
        split=str(flips["split"].iloc[0]),
        fixed=_cell(flips, "fixed"),
        broken=_cell(flips, "broken"),
        p_grouped=_cell(flips, "p_grouped"),
        seeds=(len(method.runs), len(baseline.runs)),
        quantity=deciding.replace("_", " "),
        tests=int(_where(tables["differences"], domain="target")["p_holm"].notna().sum()),
        smallest=(accuracy.high - accuracy.low) / 2 * _SHOWN_FOUR_TIMES_IN_FIVE,
    )


_SHOWN_FOUR_TIMES_IN_FIVE = 1 + 0.8416 / 1.96
"""Half of a 95% interval, times this, is the difference that a test finds with a power of 80%."""


def _where(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    for name, value in where.items():
        table = table[table[name] == value]
    return table


def _cell(table: pd.DataFrame, column: str, **where: str) -> float:
    rows = _where(table, **where)
    return float("nan") if rows.empty else float(rows[column].to_numpy(float)[0])


def _change(table: pd.DataFrame, **where: str) -> Interval:
    """A difference with its corrected p-value."""
    found = _interval(table, **where)
    return Interval(found.value, found.low, found.high, _cell(table, "p_holm", **where))


def _interval(table: pd.DataFrame, **where: str) -> Interval:
    return Interval(*(_cell(table, column, **where) for column in ("value", "low", "high")))
