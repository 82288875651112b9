"""The ranking without target labels: order, guard, agreement, and what it does not look at."""

import json

import numpy as np
import pytest
from comparing import known_run
from factories import make_run
from scipy.stats import rankdata

from daexplore.engine.comparison.ranking import FAILURES, rank_methods
from daexplore.engine.training.label_free_scores import SCORES, run_scores
from daexplore.errors import InputError
from daexplore.views.comparison.ranking import ranking_frames, ranking_json, ranking_lines


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    kinds = ("noda", "mmd", "dann", "oracle")
    return [known_run(folder, kind, seed) for kind in kinds for seed in range(2)]


def test_ranks_are_those_of_each_score_s_mean_over_seeds(runs):
    found = rank_methods(runs)
    assert set(found.failures) == set(SCORES) == set(FAILURES)
    by_method: dict[str, list[dict]] = {}
    for run in runs:
        if run.method != "oracle":
            by_method.setdefault(run.label.partition(" · ")[0], []).append(
                run_scores(run.evaluation())
            )
    passing = [
        name
        for name in by_method
        if found.methods.loc[found.methods["method"] == name, "passes"].all()
    ]
    for name, (domain, sign) in SCORES.items():
        means = [np.mean([each[domain, name] for each in by_method[method]]) for method in passing]
        shown = found.methods[(found.methods["score"] == name) & found.methods["passes"]]
        assert list(shown["method"]) == passing
        np.testing.assert_allclose(shown["value"], means)
        np.testing.assert_array_equal(shown["rank"], rankdata(-sign * np.array(means)))


def test_a_constant_prediction_is_not_ranked(tmp_path, runs):
    constant = make_run(tmp_path, "constant")
    with pytest.raises(InputError, match="cannot be compared"):
        rank_methods([*runs, constant])
    found = rank_methods(runs)
    failed = found.methods[~found.methods["passes"]]
    assert failed["rank"].isna().all()
    ranked = [name for name in found.order if name not in set(failed["method"])]
    assert found.order[: len(ranked)] == tuple(ranked)


def test_target_labels_have_no_part_in_it(tmp_path, runs):
    kinds = ("noda", "mmd", "dann")

    def shuffled(labels):
        return np.random.default_rng(0).permutation(labels)

    permuted = [
        known_run(tmp_path, kind, seed, target_labels=shuffled) for kind in kinds for seed in (0, 1)
    ]
    one, other = rank_methods(runs), rank_methods(permuted)
    assert one.order == other.order
    np.testing.assert_array_equal(one.methods["value"], other.methods["value"])
    assert any("target labels taught" in note for note in one.notes)
    with pytest.raises(InputError, match="taught by target labels"):
        rank_methods([run for run in runs if run.method == "oracle"])


def test_it_reads_as_tables_sentences_and_json(runs):
    found = rank_methods(runs)
    titles, frames = zip(*ranking_frames(found), strict=True)
    assert "validation images" in titles[0]
    assert list(frames[0]["method"]) == list(found.order)
    assert any("No target label was used" in line for line in ranking_lines(found))
    again = json.loads(ranking_json(found))
    assert again["order"] == list(found.order)
    assert len(again["methods"]) == len(found.methods)
