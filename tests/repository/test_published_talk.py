"""The choice of a method without target labels, and the table that is made of measured figures."""

import pandas as pd
import pytest

from benchmarks.published.talk import choose, section
from daexplore.engine.training.label_free_scores import SCORES


def scores(**methods):
    """Scores that grow with the number given, in the right direction each; a constant predictor by
    "constant".
    """
    lines = []
    for name, good in methods.items():
        for seed in (0, 1):
            constant = good == "constant"
            value = 9.0 if constant else good + 0.01 * seed
            line = {f"{domain}/{score}": sign * value for score, (domain, sign) in SCORES.items()}
            line |= {
                "source/accuracy": 0.9,
                "source/majority": 0.5,
                "target/call_diversity": 0.0 if constant else 0.9,
            }
            lines.append({"method": name, "seed": seed} | line)
    return pd.DataFrame(lines)


def test_the_best_mean_rank_is_chosen_and_a_constant_predictor_is_not():
    method, ranks = choose(scores(A=1.0, B=2.0, C="constant"))
    assert method == "B"
    assert list(ranks.index) == ["B", "A"]
    # Source accuracy is equal in all: its rank is shared.
    assert ranks["B"] == pytest.approx((len(SCORES) - 1 + 1.5) / len(SCORES))


def test_a_method_that_lost_the_source_is_not_chosen():
    table = scores(A=1.0, B=2.0)
    table.loc[table["method"] == "B", "source/accuracy"] = 0.6
    assert choose(table)[0] == "A"


def test_the_table_holds_the_figures_and_the_choice():
    about = {"split": "test", "seeds": 2, "n": 1500, "galaxies": 750}
    lines = [
        {
            "line": "mean",
            "method": method,
            "domain": domain,
            "name": name,
            "value": value,
            "low": value - 0.01,
            "high": value + 0.01,
        }
        for method, value in (("noDA", 0.5), ("MMD", 0.7))
        for domain in ("source", "target")
        for name in ("accuracy", "auc")
    ]
    lines += [
        {
            "line": "gap",
            "method": "MMD",
            "domain": None,
            "name": "accuracy",
            "value": 0.66,
            "low": 0.6,
            "high": 0.7,
        }
    ]
    lines += [{"line": "verdict", "method": "MMD", "name": "may have helped"}]
    text = section(pd.DataFrame([line | about for line in lines]), scores(noDA=1.0, MMD=2.0))
    assert "| MMD | 87 / 77 | 0.700 [0.690, 0.710]" in text
    assert "0.660 [0.600, 0.700] | may have helped |  |" in text
    assert "Chosen without target labels: MMD, which closes 66% of the oracle's gap." in text
