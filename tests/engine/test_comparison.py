"""Methods compared on the same galaxies: pairing, matching, the oracle's mark, and runs that cannot
be compared.
"""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from comparing import known_run
from factories import make_run
from sklearn.metrics import accuracy_score, roc_auc_score

from daexplore.config import AlignmentConfig, DataConfig, TransferConfig
from daexplore.engine.comparison.comparison import Comparison
from daexplore.engine.comparison.grouping import group_methods
from daexplore.errors import InputError

KINDS = {"noda": 3, "mmd": 3, "dann": 3, "oracle": 2}


def runs_in(folder, **given):
    return [
        known_run(folder, kind, seed, **given)
        for kind, seeds in KINDS.items()
        for seed in range(seeds)
    ]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return runs_in(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def comparison(runs):
    return Comparison(runs, resamples=300)


def row(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_importing_it_loads_neither_torch_nor_the_screen():
    code = (
        "import sys, daexplore; assert 'daexplore.runs' not in sys.modules; daexplore.Comparison,"
        " daexplore.Run\nsys.exit(', '.join({'torch', 'sklearn', 'panel', 'holoviews'} &"
        " set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_runs_are_gathered_by_their_settings_apart_from_the_seed(runs, comparison):
    assert [(method.name, len(method.runs)) for method in comparison.methods] == [
        ("noDA", 3),
        ("MMD", 3),
        ("DANN", 3),
        ("oracle", 2),
    ]
    assert comparison.baseline is comparison.methods[0]
    assert comparison.oracle is comparison.methods[3]


def test_numbers_are_means_over_seeds_of_scikit_learn_s(runs, comparison):
    values = {}
    for run in runs:
        found = run.evaluation()
        here = found.mask("target", "test")
        values.setdefault(run.method, []).append(
            (
                accuracy_score(found.labels[here], found.predicted[here]),
                roc_auc_score(found.labels[here], found.probability[here]),
            )
        )
    means = {method: np.mean(each, axis=0) for method, each in values.items()}
    for number, name in enumerate(("accuracy", "auc")):
        found = row(comparison.metrics, method="MMD", domain="target", name=name)
        assert found["value"] == pytest.approx(means["mmd"][number])
        assert (found["seed_low"], found["seed_high"]) == pytest.approx(
            (min(v[number] for v in values["mmd"]), max(v[number] for v in values["mmd"]))
        )
        change = row(comparison.differences, method="MMD", domain="target", name=name)
        assert change["value"] == pytest.approx(means["mmd"][number] - means["noda"][number])
        assert change["low"] < change["value"] < change["high"]
        closed = row(comparison.gap, method="MMD", name=name)
        if np.isfinite(closed["value"]):
            expected = (means["mmd"][number] - means["noda"][number]) / (
                means["oracle"][number] - means["noda"][number]
            )
            assert closed["value"] == pytest.approx(expected)
            assert closed["low"] < expected < closed["high"]
    assert np.isfinite(row(comparison.gap, method="MMD", name="accuracy")["value"])


def test_flips_and_drift_are_counted_over_pairs_of_networks(runs, comparison):
    predicted = {
        kind: [r.evaluation() for r in runs if r.method == kind] for kind in ("noda", "mmd")
    }
    first = predicted["noda"][0]
    here = first.mask("target", "test")
    fixed = [
        np.sum((a.predicted[here] != a.labels[here]) & (b.predicted[here] == b.labels[here]))
        for a in predicted["noda"]
        for b in predicted["mmd"]
    ]
    changed = [
        np.mean(a.predicted[here] != b.predicted[here])
        for a in predicted["noda"]
        for b in predicted["mmd"]
    ]
    own = [
        np.mean(predicted["mmd"][i].predicted[here] != predicted["mmd"][j].predicted[here])
        for i in range(3)
        for j in range(i)
    ]
    assert row(comparison.flips, method="MMD", domain="target")["fixed"] == pytest.approx(
        np.mean(fixed)
    )
    drift = row(comparison.drift, method="MMD", domain="target")
    assert (drift["changed"], drift["seeds_changed"]) == pytest.approx(
        (np.mean(changed), np.mean(own))
    )
    assert drift["changed_low"] <= drift["changed"] <= drift["changed_high"]


def test_the_verdicts_know_help_from_swapped_classes(comparison):
    found = {(verdict.method, verdict.oracle): verdict for verdict in comparison.verdicts}
    assert set(found) == {
        (method, oracle) for method in ("MMD", "DANN") for oracle in (False, True)
    }
    assert found["MMD", True].outcome == "helped"
    assert found["MMD", False].outcome == "may have helped"
    assert found["DANN", True].outcome == "misleading"
    assert found["DANN", False].outcome == "warning"
    assert "swapped" in found["DANN", False].sentence


def test_class_shares_are_estimated_without_target_labels(comparison):
    truth = row(comparison.shares, estimate="labels", **{"class": "merger"})
    assert truth["oracle"]
    for kind in ("predicted", "bbse", "em"):
        found = row(comparison.shares, method="MMD", estimate=kind, **{"class": "merger"})
        assert found["low"] < truth["value"] < found["high"]
        assert not found["oracle"]
    assert not row(comparison.shares, method="noDA", estimate="bbse", **{"class": "merger"})[
        "possible"
    ]


def unmarked(comparison):
    """What is not marked oracle, as text in full precision."""
    tables = {name: table for name, table in comparison.tables().items() if "oracle" in table}
    free = {
        name: table[~table["oracle"].astype(bool)].to_json(orient="records", double_precision=15)
        for name, table in tables.items()
    }
    return free, [verdict.to_dict() for verdict in comparison.verdicts if not verdict.oracle]


def test_permuted_target_labels_change_only_what_is_marked_oracle(tmp_path, comparison):
    def permuted(labels):
        return np.random.default_rng(0).permutation(labels)

    other = Comparison(runs_in(tmp_path, target_labels=permuted), resamples=300)
    assert unmarked(other) == unmarked(comparison)
    marked = comparison.metrics[comparison.metrics["oracle"]]
    assert not np.allclose(marked["value"], other.metrics.loc[marked.index, "value"])
    assert {v.outcome for v in other.verdicts if v.oracle} != {
        v.outcome for v in comparison.verdicts if v.oracle
    }
    # Whatever stands on the target's labels is marked.
    assert comparison.flips.groupby("domain")["oracle"].all()["target"]
    assert comparison.metrics[comparison.metrics["method"] == "oracle"]["oracle"].all()
    assert comparison.gap["oracle"].all()


def test_a_target_without_labels_leaves_all_else(tmp_path, comparison):
    without = Comparison(
        runs_in(tmp_path, target_labels=lambda labels: pd.array([pd.NA] * len(labels), "Int64")),
        resamples=300,
    )
    assert unmarked(without) == unmarked(comparison)
    assert without.metrics[without.metrics["domain"] == "target"].empty
    assert not [verdict for verdict in without.verdicts if verdict.oracle]
    assert any("no labels" in note for note in without.notes)


def test_the_order_of_galaxies_in_a_run_does_not_matter(tmp_path, runs, comparison):
    import shutil

    import pyarrow.parquet as pq

    copies = []
    for number, run in enumerate(runs):
        path = shutil.copytree(run.path, tmp_path / run.id)
        file = next(path.glob("evaluations/*/outputs.parquet"))
        table = pq.read_table(file, partitioning=None)
        pq.write_table(table.take(np.random.default_rng(number).permutation(len(table))), file)
        copies.append(path)
    again = Comparison(copies, resamples=300)
    for name in ("metrics", "differences", "flips", "drift"):
        pd.testing.assert_frame_equal(
            again.tables()[name], comparison.tables()[name], rtol=1e-6, atol=1e-7
        )


def test_runs_of_other_galaxies_splits_or_classes_are_refused(tmp_path, runs):
    with pytest.raises(
        InputError,
        match=(
            r"cannot be compared: they saw other source galaxies, source with .* Compare runs"
            r" trained on the same"
        ),
    ):
        Comparison([runs[0], known_run(tmp_path, "mmd", fingerprint="1" * 16)])
    with pytest.raises(
        InputError, match=r"split differently; source/G\d+-0 is in .* data\.split_seed"
    ):
        Comparison([runs[0], known_run(tmp_path, "mmd", n=360)])
    with pytest.raises(InputError, match="their classes are non-merger, merger and a, b"):
        Comparison(
            [
                runs[0],
                make_run(tmp_path, "mmd", n=480, epochs=1, classes=("a", "b"), saliency=False),
            ]
        )
    with pytest.raises(InputError, match="test and validation; got 'train'"):
        Comparison(runs[:1], split="train")
    with pytest.raises(InputError, match="no runs"):
        Comparison([])
    with pytest.raises(
        InputError, match="No method among these runs is called 'lmmd'; there are 'noDA'"
    ):
        Comparison(runs, baseline="lmmd")


def test_another_baseline_and_none_at_all(runs):
    found = Comparison(runs[3:9], baseline="mmd", resamples=50)
    assert (found.baseline.name, set(found.differences["method"])) == ("MMD", {"DANN"})
    none = Comparison(runs[3:9], resamples=50)
    assert none.baseline is None
    assert none.differences.empty
    assert none.verdicts == ()
    assert any("name a baseline: MMD, DANN" in note for note in none.notes)


def test_one_name_for_two_settings_and_one_run_for_a_seed_trained_twice(tmp_path):
    strong = {"alignments": (AlignmentConfig("mmd", 3.0),)}
    runs = [
        known_run(tmp_path, "mmd", n=120),
        known_run(tmp_path, "mmd", n=120, **strong),
        known_run(tmp_path, "mmd", n=120),
    ]
    found = group_methods(runs)
    assert [method.name for method in found] == [
        "MMD (alignments.mmd.weight=1)",
        "MMD (alignments.mmd.weight=3)",
    ]
    assert found[0].runs == (runs[2],)


def test_seeds_that_start_from_their_own_seeds_are_one_method(tmp_path):
    starts = [TransferConfig(f"runs/20261123T081500-mmd-1a2b3c4{seed}") for seed in range(2)]
    runs = [
        known_run(tmp_path, "mmd", seed, n=120, transfer=start) for seed, start in enumerate(starts)
    ]
    other = known_run(
        tmp_path, "mmd", 0, n=120, transfer=TransferConfig("runs/20261123T081500-noda-1a2b3c4d")
    )
    assert [len(method.runs) for method in group_methods([*runs, other])] == [2, 1]


def test_noda_of_two_settings_asks_for_a_name(tmp_path):
    runs = [
        known_run(tmp_path, "noda", n=120, data=DataConfig(stretch=stretch))
        for stretch in ("linear", "asinh")
    ]
    with pytest.raises(
        InputError,
        match=r"Several methods could be the baseline .* 'noDA \(data\.stretch=linear\)'",
    ):
        Comparison(runs)
    assert Comparison(runs, baseline="noDA (data.stretch=asinh)", resamples=20).baseline.runs == (
        runs[1],
    )
