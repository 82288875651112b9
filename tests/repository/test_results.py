"""README.md shows what the results file says, and nothing else."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_run
from sklearn.metrics import balanced_accuracy_score

from daexplore.config import AlignmentConfig, RunConfig, TrainConfig, TransferConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("results", ROOT / "benchmarks" / "results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_means_over_seeds_and_paired_differences(module, tmp_path):
    for method in ("noda", "mmd"):
        for seed in (0, 1, 2):
            make_run(tmp_path, method, seed)
    runs = module.finished(tmp_path)
    table = module.summary(runs).set_index(["what", "domain", "name"])
    scores: dict[str, list[float]] = {"noda": [], "mmd": []}
    for run in runs:
        evaluation = run.evaluation()
        here = evaluation.mask("target", "test")
        scores[run.method].append(
            balanced_accuracy_score(evaluation.labels[here], evaluation.predicted[here])
        )
    mean = {method: np.mean(values) for method, values in scores.items()}
    found = table.loc["MMD", "target", "balanced_accuracy"]
    assert found["value"] == pytest.approx(mean["mmd"], abs=1e-4)
    assert found["std_over_seeds"] == pytest.approx(np.std(scores["mmd"], ddof=1), abs=1e-4)
    assert found["low"] < found["value"] < found["high"]
    difference = table.loc["MMD minus noDA", "target", "balanced_accuracy"]
    assert difference["value"] == pytest.approx(mean["mmd"] - mean["noda"], abs=2e-4)
    assert (table["oracle"] == (table.index.get_level_values("domain") == "target")).all()


def test_a_transferred_run_is_a_method_of_its_own(module, tmp_path):
    transferred = RunConfig(
        alignments=(AlignmentConfig("mmd"),),
        transfer=TransferConfig("elsewhere"),
        train=TrainConfig(epochs=2),
    )
    make_run(tmp_path, config=transferred, epochs=2)
    make_run(tmp_path, "mmd", epochs=2)
    assert [module.method_of(run) for run in module.finished(tmp_path)] == [
        "mmd",
        "mmd+transfer (recorded)",
    ]


def test_the_readme_s_table_is_the_results_file(module):
    shown = re.search(
        r"<!-- results -->\n(.*?)\n<!-- /results -->", (ROOT / "README.md").read_text(), re.DOTALL
    )[1]
    results = pd.read_csv(ROOT / "docs" / "results" / "distant.csv")
    assert shown == module.markdown(results)


def test_the_readme_s_second_table_is_the_summary_of_the_nearby_runs(module):
    shown = re.search(
        r"<!-- nearby -->\n(.*?)\n<!-- /nearby -->",
        (ROOT / "docs" / "results" / "nearby.md").read_text(),
        re.DOTALL,
    )[1]
    means = pd.read_csv(ROOT / "docs" / "results" / "nearby-summary.csv")
    assert shown == module.with_intervals(means)
    results = pd.read_csv(ROOT / "docs" / "results" / "nearby.csv")
    assert set(results.groupby("method")["seed"].unique().map(tuple)) == {(0, 1, 2, 3, 4)}
    auc = (
        results[(results["domain"] == "target") & (results["name"] == "auc")]
        .groupby("method", sort=False)["value"]
        .mean()
    )
    summarised = means[(means["domain"] == "target") & (means["name"] == "auc")]["value"][
        : len(auc)
    ]
    np.testing.assert_allclose(auc, summarised, atol=1e-4)


def test_the_readme_quotes_the_control_as_measured():
    control = pd.read_csv(ROOT / "docs" / "results" / "control.csv")
    values = control[(control["domain"] == "target") & (control["name"] == "accuracy")]["value"]
    assert len(values) == 3
    assert f"{values.mean():.3f} ± {values.std():.3f}" in (ROOT / "README.md").read_text()


def test_every_seed_is_in_the_results_file_and_target_figures_are_marked():
    results = pd.read_csv(ROOT / "docs" / "results" / "distant.csv")
    assert set(results.groupby("method")["seed"].unique().map(tuple)) == {(0, 1, 2)}
    assert (results["oracle"] == (results["domain"] == "target")).all()
    assert results["n"].min() > 1000
