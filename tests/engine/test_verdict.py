"""Verdicts: what each piece of evidence leads to, and that the two kinds are kept apart."""

import dataclasses

import numpy as np
import pytest

from daexplore.analysis.comparison.paired import Interval
from daexplore.engine.comparison.reasons import (
    ClassShare,
    Evidence,
    OracleEvidence,
)
from daexplore.engine.comparison.verdict import label_free_verdict, oracle_verdict


def around(value, half=0.01):
    return Interval(value, value - half, value + half)


GOOD = Evidence(
    method="MMD",
    baseline="noDA",
    source_accuracy=around(0.0),
    mmd2=(0.5, 0.002),
    mmd2_change=around(-0.498),
    class_mmd2={"non-merger": (0.5, 0.003, around(-0.497)), "merger": (0.4, 0.002, around(-0.398))},
    domain_auc=(0.99, 0.55),
    shares=(ClassShare("merger", around(0.5, 0.03), around(0.52, 0.04), around(0.49, 0.04)),),
    seeds_changed=(0.08, 0.15),
    baseline_seeds_changed=(0.07, 0.2),
    excess=around(0.2),
    seeds_kappa=around(0.7, 0.05),
    ranks=(0.7, 0.8, 0.75),
    seeds=(3, 3),
)
ORACLE = OracleEvidence(
    "MMD", "noDA", around(0.2), around(0.05), 1500, 750, "test", 400.0, 100.0, 1e-9, (3, 3)
)


def test_good_evidence_may_mean_help_but_never_says_so():
    found = label_free_verdict(GOOD)
    assert (found.outcome, found.oracle) == ("may have helped", False)
    assert "only target labels can prove" in found.sentence
    assert {reason.sign for reason in found.reasons} == {"for", "unclear"}
    assert any(
        "at least 7.5% of the target are misclassified" in reason.text for reason in found.reasons
    )


def test_a_method_that_was_not_trained_on_the_source_as_it_is_is_not_judged_by_it():
    lost = dataclasses.replace(GOOD, source_accuracy=around(-0.3))
    assert label_free_verdict(lost).outcome == "negative transfer"
    found = label_free_verdict(dataclasses.replace(lost, source_judges=False))
    assert found.outcome == "may have helped"
    assert "do not judge it" in found.reasons[0].text


@pytest.mark.parametrize(
    ("change", "outcome", "said"),
    [
        ({"source_accuracy": around(-0.3)}, "negative transfer", "lost"),
        ({"source_accuracy": around(-0.05)}, "warning", "lost"),
        (
            {"source_accuracy": around(-0.05), "mmd2_change": around(0.0)},
            "negative transfer",
            "lost",
        ),
        ({"mmd2_change": around(-0.005)}, "no evidence", "MMD²"),
        (
            {"class_mmd2": {"merger": (0.4, 0.3, around(-0.1))}},
            "warning",
            "does not follow the whole",
        ),
        (
            {"class_mmd2": {"merger": (0.4, 0.5, around(0.1))}},
            "warning",
            "does not follow the whole",
        ),
        (
            {"class_mmd2": {"merger": (0.4, np.nan, around(np.nan))}},
            "warning",
            "hardly any galaxy of one domain as merger",
        ),
        (
            {"shares": (ClassShare("merger", around(0.02), around(0.0), around(0.0), False),)},
            "warning",
            "no mixture",
        ),
        (
            {"shares": (ClassShare("merger", around(0.9), around(0.5), around(0.6)),)},
            "warning",
            "far apart",
        ),
        ({"seeds_kappa": around(0.55, 0.05)}, "warning", "kappa 0.55 [0.50, 0.60]"),
        ({"ranks": (0.3, 0.5, 0.75)}, "warning", "between seeds 0.75 → 0.50"),
        ({"ranks": (0.2, 0.8, 0.75)}, "warning", "between the methods 0.20"),
    ],
)
def test_each_piece_of_evidence_counts(change, outcome, said):
    found = label_free_verdict(dataclasses.replace(GOOD, **change))
    assert found.outcome == outcome
    assert any(
        said in reason.text
        for reason in found.reasons
        if reason.sign in ("against", "warning", "unclear")
    )


def test_a_baseline_that_calls_one_class_alone_does_not_count_against_the_method():
    found = label_free_verdict(
        dataclasses.replace(GOOD, class_mmd2={"merger": (np.nan, 0.01, around(np.nan))})
    )
    assert found.outcome == "may have helped"
    assert any("calls too few of one domain" in reason.text for reason in found.reasons)
    assert not any("nan" in reason.text for reason in found.reasons)


def test_matched_marginals_with_doubtful_classes_are_called_so():
    assert (
        "classes may be swapped"
        in label_free_verdict(dataclasses.replace(GOOD, seeds_kappa=around(0.3))).sentence
    )


def test_a_single_seed_is_said():
    nothing = (np.nan, np.nan)
    evidence = dataclasses.replace(
        GOOD,
        seeds=(1, 3),
        seeds_changed=nothing,
        excess=Interval(*nothing, np.nan),
        seeds_kappa=Interval(*nothing, np.nan),
        ranks=(0.7, *nothing),
    )
    found = label_free_verdict(evidence)
    assert any("train at least 3" in reason.text for reason in found.reasons)
    assert not any("nan" in reason.text for reason in found.reasons)
    assert any(
        "train at least 3" in reason.text
        for reason in oracle_verdict(dataclasses.replace(ORACLE, seeds=(3, 1))).reasons
    )


@pytest.mark.parametrize(
    ("accuracy", "auc", "outcome"),
    [
        (0.2, 0.05, "helped"),
        (0.2, 0.0, "helped"),
        (0.12, -0.13, "misleading"),
        (-0.1, 0.1, "misleading"),
        (-0.1, 0.0, "negative transfer"),
        (0.0, -0.1, "negative transfer"),
        (0.0, 0.1, "no evidence"),
        (0.005, -0.005, "no evidence"),
    ],
)
def test_the_oracle_weighs_accuracy_and_auc(accuracy, auc, outcome):
    found = oracle_verdict(dataclasses.replace(ORACLE, accuracy=around(accuracy), auc=around(auc)))
    assert (found.outcome, found.oracle) == (outcome, True)
    assert any("1500 target test images of 750 galaxies" in reason.text for reason in found.reasons)


def test_a_better_baseline_that_was_impossible_speaks_for_the_method():
    found = label_free_verdict(dataclasses.replace(GOOD, baseline_possible=False))
    assert any(reason.sign == "for" and "no mixture" in reason.text for reason in found.reasons)
    assert found.to_dict()["reasons"][0].keys() == {"sign", "text"}


def test_one_network_each_speaks_of_two_networks_and_never_of_methods():
    for seeds in ((1, 1), (1, 3), (3, 1)):
        for evidence, judge in ((GOOD, label_free_verdict), (ORACLE, oracle_verdict)):
            found = judge(dataclasses.replace(evidence, seeds=seeds))
            assert found.outcome == "too few seeds"
            assert "This network of MMD" in found.sentence
            assert "at least 2 seeds" in found.sentence


def test_a_corrected_p_value_decides_and_not_the_interval():
    shown = Interval(0.1, -0.01, 0.2, 0.01)
    hidden = Interval(0.1, 0.01, 0.2, 0.2)
    assert (shown.above, hidden.above) == (True, False)
    change = dataclasses.replace(ORACLE, accuracy=hidden, auc=around(0.0, 0.02))
    assert oracle_verdict(change).outcome == "no evidence"
    assert "after Holm's correction" in oracle_verdict(change).reasons[0].text


def test_what_seeds_hide_is_called_too_few_seeds_and_not_no_difference():
    nothing = dataclasses.replace(ORACLE, accuracy=around(0.0), auc=around(0.0), smallest=0.03)
    assert oracle_verdict(nothing).outcome == "no evidence"
    for change in ({"seeds": (2, 2)}, {"smallest": 0.3}):
        found = oracle_verdict(dataclasses.replace(nothing, **change))
        assert found.outcome == "too few seeds"
        assert "would often be missed" in found.sentence


def test_what_is_as_true_of_the_baseline_is_not_held_against_a_method_that_claims_nothing():
    apart = ClassShare("merger", around(0.9), around(0.5), around(0.5))
    nothing = dataclasses.replace(GOOD, mmd2_change=around(0.0), shares=(apart,))
    assert label_free_verdict(nothing).outcome == "warning"
    shared = dataclasses.replace(nothing, baseline_shares=(apart,))
    assert label_free_verdict(shared).outcome == "no evidence"


def test_a_class_that_the_baseline_never_calls_is_no_warning_of_many():
    classes = {name: (np.nan, 0.3, Interval(*[np.nan] * 3)) for name in "abcdefghij"}
    assert label_free_verdict(dataclasses.replace(GOOD, class_mmd2=classes)).outcome == (
        "may have helped"
    )
    far = {name: (0.5, 0.3, around(-0.2)) for name in "abcdefghij"}
    noisy = dict.fromkeys(far, 0.0)
    found = dataclasses.replace(GOOD, class_mmd2=far)
    assert label_free_verdict(found).outcome == "warning"
    assert label_free_verdict(dataclasses.replace(found, class_low=noisy)).outcome == (
        "may have helped"
    )


def test_class_shares_that_differ_between_the_domains_are_a_named_reason():
    rare = ClassShare("merger", around(0.14, 0.02), around(0.12, 0.03), around(0.1, 0.03))
    evidence = dataclasses.replace(
        GOOD, shares=(rare,), trained_shares={"merger": 0.5, "non-merger": 0.5}, aligns=True
    )
    found = label_free_verdict(evidence)
    assert found.outcome == "warning"
    assert any("can swap classes" in reason.text for reason in found.reasons)
    assert label_free_verdict(dataclasses.replace(evidence, aligns=False)).outcome == (
        "may have helped"
    )
