"""The domain distance of a run: each number is what another way of computing it gives, and says
what it was computed from.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from command import call
from factories import make_run

from daexplore.analysis.distance.class_conditional import class_conditional_mmd
from daexplore.analysis.distance.domain_probe import domain_probe, spread
from daexplore.analysis.distance.sinkhorn import sinkhorn_distance
from daexplore.engine.distance.domain_distance import domain_distance
from daexplore.engine.inference import Outputs
from daexplore.engine.training.epoch_metrics import epoch_rows
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Run
from daexplore.views.plots.distance_tests import class_bands, null_histogram, witness_margin

FEW = 19


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(
        tmp_path_factory.mktemp("runs"), "mmd", n=160, epochs=2, latent_dim=8, saliency=False
    )


@pytest.fixture(scope="module")
def found(run):
    return domain_distance(run, permutations=FEW)


def split_of(run, split="test"):
    evaluation = run.evaluation()
    return evaluation, *(
        np.flatnonzero(evaluation.mask(domain, split)) for domain in ("source", "target")
    )


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_mmd2_is_the_one_that_training_logs(run, split):
    evaluation = run.evaluation()
    outputs = Outputs(evaluation.latents, evaluation.logits)
    logged = epoch_rows(
        1, 1, outputs, evaluation.labels, evaluation.domain, evaluation.split, evaluation.group_ids
    )
    expected = next(
        row["value"] for row in logged if row["name"] == "mmd2" and row["split"] == split
    )
    found = domain_distance(run, split=split, permutations=FEW)
    assert found.measure("mmd2")["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("oracle", [False, True])
def test_class_conditional_values_compare_like_with_like(run, found, oracle):
    evaluation, source, target = split_of(run)
    classes = evaluation.labels if oracle else evaluation.predicted
    given = evaluation.latents[source], classes[source], evaluation.latents[target], classes[target]
    for kind, value in class_conditional_mmd(*given, SCALES).items():
        row = found.measure("class_mmd2", run.classes[kind], oracle)
        assert row["value"] == pytest.approx(value, abs=1e-6)
        assert (row["n_source"], row["n_target"]) == (
            (classes[source] == kind).sum(),
            (classes[target] == kind).sum(),
        )


def test_probe_and_transport_are_those_of_the_whole_latent(run, found):
    evaluation, source, target = split_of(run)
    rows = np.r_[source, target]
    auc = domain_probe(
        evaluation.latents[rows], evaluation.domain[rows], evaluation.group_ids[rows]
    ).auc
    probe = found.measure("probe_auc")
    assert probe["value"] == pytest.approx(auc)
    assert probe["low"] < auc < probe["high"]
    assert -2 <= found.measure("a_distance")["low"] <= found.measure("a_distance")["value"] <= 2
    unit = spread(evaluation.latents[source])
    expected = sinkhorn_distance(
        evaluation.latents[source] / unit, evaluation.latents[target] / unit
    )
    assert found.measure("sinkhorn")["value"] == pytest.approx(expected, rel=1e-5)


def test_every_number_says_what_it_was_computed_from(found):
    measures = found.measures
    assert set(measures["name"]) == {"mmd2", "class_mmd2", "probe_auc", "a_distance", "sinkhorn"}
    assert (measures[["n_source", "n_target"]] > 0).all(axis=None)
    assert set(measures["split"]) == {"test"}
    assert set(measures["domains"]) == {"source, target"}
    assert list(measures.loc[measures["oracle"], "name"]) == ["class_mmd2", "class_mmd2"]
    assert found.metadata["galaxies"] == {"source": 54, "target": 54, "both": 54}
    assert "54 source and 54 target" in found.summary


def test_apart_is_found_and_a_mere_renaming_is_not(run, tmp_path):
    apart = domain_distance(
        make_run(tmp_path, "noda", n=160, epochs=1, latent_dim=8, saliency=False), permutations=FEW
    )
    assert apart.measure("mmd2")["p_value"] == 1 / (1 + FEW)
    assert apart.measure("probe_auc")["low"] > 0.9
    assert "differ" in apart.summary
    null = make_run(tmp_path / "null", "noda", n=160, epochs=1, latent_dim=8, saliency=False)
    evaluation = null.evaluation()
    # The same latents in both domains, but for a scatter that knows nothing of the domain.
    half = len(evaluation) // 2
    rng = np.random.default_rng(0)
    latents = np.tile(evaluation.latents[:half], (2, 1)) + rng.normal(size=evaluation.latents.shape)
    table = pd.read_parquet(null.path / "evaluations/epoch=0001/outputs.parquet")
    table.assign(latent=list(latents.astype(np.float32))).to_parquet(
        null.path / "evaluations/epoch=0001/outputs.parquet"
    )
    equal = domain_distance(Run(null.path), permutations=FEW)
    assert equal.measure("mmd2")["p_value"] > 0.05
    assert equal.measure("sinkhorn")["p_value"] > 0.05
    assert "do not differ significantly" in equal.summary


def test_target_labels_touch_nothing_but_the_oracle(run, tmp_path):
    other = make_run(tmp_path, "mmd", n=160, epochs=2, latent_dim=8, saliency=False)
    samples = pd.read_parquet(other.path / "samples.parquet")
    target = samples["domain"] == "target"
    samples.loc[target, "label"] = 1 - samples.loc[target, "label"]
    samples.to_parquet(other.path / "samples.parquet")
    before, after = (domain_distance(one, permutations=FEW) for one in (run, Run(other.path)))
    keep = ~before.measures["oracle"]
    pd.testing.assert_frame_equal(before.measures[keep], after.measures[~after.measures["oracle"]])
    pd.testing.assert_frame_equal(before.witness, after.witness)
    assert not np.allclose(
        before.measures.loc[~keep, "value"], after.measures.loc[after.measures["oracle"], "value"]
    )
    samples.loc[target, "label"] = pd.NA
    samples.to_parquet(other.path / "samples.parquet")
    assert not domain_distance(Run(other.path), permutations=FEW).measures["oracle"].any()


def test_what_was_computed_is_kept_and_never_out_of_date(run, found, monkeypatch):
    monkeypatch.setattr("daexplore.engine.distance.domain_distance.measure_distance", None)
    again = domain_distance(Run(run.path), permutations=FEW)
    assert again.to_dict() == found.to_dict()
    pd.testing.assert_frame_equal(again.measures, found.measures)
    pd.testing.assert_frame_equal(again.witness, found.witness)
    np.testing.assert_array_equal(again.null, found.null)
    with pytest.raises(TypeError):
        domain_distance(run, permutations=FEW + 1)
    with pytest.raises(TypeError):
        domain_distance(run, epoch=1, permutations=FEW)


def test_a_damaged_file_is_computed_again(tmp_path):
    run = make_run(tmp_path, "noda", n=80, epochs=1, latent_dim=8, saliency=False)
    first = domain_distance(run, permutations=9)
    for file in run.path.glob("derived/domain-distance-*.json"):
        file.write_text(file.read_text()[:100])
    assert domain_distance(run, permutations=9).to_dict() == first.to_dict()


def test_a_limit_takes_whole_galaxies_and_leaves_the_witness_for_all(run):
    some = domain_distance(run, permutations=FEW, most=30)
    assert some.metadata["images"] == {"source": 30, "target": 30}
    assert some.metadata["galaxies"] == {"source": 30, "target": 30, "both": 30}
    assert len(some.witness) == 108
    assert some.witness["witness"].notna().all()


def test_the_extremes_are_at_the_ends_of_the_witness(found):
    for domain, ends in found.extremes(3).items():
        values = found.witness.loc[found.witness["domain"] == domain, "witness"]
        assert ends["most_source_like"][0] == values.idxmax()
        assert ends["most_target_like"] == list(values.nsmallest(3).index)
    means = found.witness.groupby("domain")["witness"].mean()
    assert means["source"] > means["target"]


def test_figures_show_the_numbers(found):
    mmd = found.measure("mmd2")
    histogram = null_histogram(
        found.null, mmd["value"], n=(mmd["n_source"], mmd["n_target"]), split="test"
    )
    _, bars, line = histogram
    assert bars.dimension_values(1).sum() == FEW
    assert line.dimension_values(0)[0] == mmd["value"]
    bands = class_bands(found.measures)
    assert [len(element) for element in bands] == [5, 3, 2]
    points = witness_margin(found.witness, split="test").Points.values()
    assert sum(len(element) for element in points) == len(found.witness)


def test_the_command_prints_what_the_function_gives(run, found, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "distance", run.path, "--permutations", FEW)
    assert code == 0
    assert found.summary in out
    assert out.count("oracle") >= 2
    assert found.extremes()["target"]["most_source_like"][0] in out
    code, out, _ = call(
        monkeypatch, capsys, "distance", run.path, "--permutations", FEW, "--format", "json"
    )
    assert code == 0
    assert json.loads(out) == found.to_dict()
    assert call(monkeypatch, capsys, "distance", run.path, "--format", "csv")[0] == 2
    code, _, err = call(monkeypatch, capsys, "distance", run.path, "--split", "train")
    assert code == 2
    assert "test or validation" in err


def test_too_few_galaxies_and_diverged_latents_are_refused(tmp_path):
    with pytest.raises(InputError, match="at least 10 of each"):
        domain_distance(make_run(tmp_path, n=24, epochs=1, latent_dim=8, saliency=False))


def test_it_is_imported_without_torch():
    code = "import sys, daexplore.engine.distance.domain_distance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, timeout=120).returncode == 0
