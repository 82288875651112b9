"""Uncertainties of runs: nothing is fitted on what it scores, ensembles join only equals, and what
is shown is what was computed.
"""

import dataclasses
import json

import holoviews as hv
import numpy as np
import pyarrow.parquet as pq
import pytest
from command import call
from factories import make_run
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from daexplore.analysis.calibration.domain_shift import (
    density_ratio,
    mixing_pairs,
    pseudocal,
    transcal,
)
from daexplore.analysis.calibration.temperature import apply_temperature, fit_temperature
from daexplore.engine.calibration.calibrate import Uncertainty, uncertainty
from daexplore.engine.calibration.predictors import fit, matched, predictors
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.plots import reliability as views


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [make_run(root, "mmd", seed=seed, n=600, epochs=1, saliency=False) for seed in (0, 1)]


@pytest.fixture(scope="module")
def found(runs):
    return uncertainty(runs, resamples=100)


def only(rows, **wanted):
    (row,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


def scrambled(run, split, domain=None, labels=True, outputs=True):
    """The run's predictor and evaluation with labels, logits and latents of some galaxies replaced
    by noise.
    """
    evaluation = run.evaluation()
    at, rng = evaluation.mask(domain, split), np.random.default_rng(0)
    changes = {}
    if labels:
        changes["labels"] = np.where(at, rng.integers(0, 2, len(evaluation)), evaluation.labels)
    if outputs:
        for name in ("logits", "latents"):
            values = getattr(evaluation, name)
            changes[name] = np.where(at[:, None], rng.normal(size=values.shape), values).astype(
                np.float32
            )
    changed = dataclasses.replace(evaluation, **changes)
    return predictors([run], ["run"], [changed])[0], changed


@pytest.mark.parametrize("method", ["temperature", "transcal"])
def test_no_test_galaxy_and_no_target_label_changes_what_is_fitted(runs, method):
    run = runs[0]
    expected = fit(predictors([run], ["run"], [run.evaluation()])[0], run.evaluation(), method)
    assert fit(*scrambled(run, "test"), method) == expected
    assert fit(*scrambled(run, None, "target", outputs=False), method) == expected
    # The same test would see a change of what may be fitted on.
    assert fit(*scrambled(run, "validation", "source"), method) != expected


def test_no_test_galaxy_changes_an_in_domain_score_of_others(runs):
    from daexplore.engine.calibration.calibrate import _in_domain

    run = runs[0]
    expected = _in_domain(predictors([run], ["run"], [run.evaluation()])[0], run.evaluation())
    changed = _in_domain(*scrambled(run, None, "target"))
    source = run.evaluation().mask("source")
    np.testing.assert_array_equal(changed[source], expected[source])
    assert not np.array_equal(changed, expected)


def test_a_galaxy_in_validation_and_test_is_refused(tmp_path):
    run = make_run(tmp_path, n=200, epochs=1, saliency=False)
    assert not set.intersection(
        *(
            set(run.evaluation().group_ids[run.evaluation().mask(split=s)])
            for s in ("validation", "test")
        )
    )
    samples = pq.read_table(run.path / "samples.parquet").to_pandas()
    at = samples.index[(samples["split"] == "validation") & (samples["domain"] == "target")][0]
    samples.loc[at, "split"] = "test"
    samples.to_parquet(run.path / "samples.parquet")
    with pytest.raises(InputError, match="in validation and in test"):
        uncertainty([Run(run.path)])


def test_numbers_are_those_of_test_galaxies(runs, found):
    evaluation = runs[0].evaluation()
    source = evaluation.mask("source", "validation")
    temperature = fit_temperature(evaluation.logits[source], evaluation.labels[source])
    fitted = only(found.fits, who=runs[0].label)
    assert fitted["temperature"] == temperature
    assert (fitted["n"], fitted["on"]) == (int(source.sum()), "labelled source validation")
    for domain in ("source", "target"):
        test = evaluation.mask(domain, "test")
        for stage, t in (("before", 1.0), ("after", temperature)):
            row = only(found.scores, who=runs[0].label, domain=domain, stage=stage, name="nll")
            assert row["value"] == pytest.approx(
                log_loss(evaluation.labels[test], softmax(evaluation.logits[test] / t, axis=1)),
                rel=1e-5,
            )
            assert (row["n"], row["split"], row["oracle"]) == (
                int(test.sum()),
                "test",
                domain == "target",
            )
        bins = [
            row
            for row in found.reliability
            if (row["who"], row["domain"], row["stage"]) == (runs[0].label, domain, "before")
        ]
        assert sum(row["counts"] for row in bins) == test.sum()
    assert not any(row["oracle"] for row in found.in_domain + found.fits)


def test_the_ensemble_pools_and_then_calibrates(runs, found):
    evaluations = [run.evaluation() for run in runs]
    pooled = np.mean([evaluation.probabilities for evaluation in evaluations], axis=0)
    test, validation = (evaluations[0].mask("source", split) for split in ("test", "validation"))
    labels = evaluations[0].labels
    before = only(found.scores, who="ensemble of 2", domain="source", stage="before", name="nll")
    assert before["value"] == pytest.approx(log_loss(labels[test], pooled[test]))
    temperature = only(found.fits, who="ensemble of 2")["temperature"]
    assert temperature == pytest.approx(
        fit_temperature(np.log(pooled[validation]), labels[validation])
    )
    assert {row["ranking"] for row in found.selective if row["who"] == "ensemble of 2"} == {
        "confidence",
        "in-domain",
        "agreement",
    }


def test_members_are_matched_by_id_and_others_refused(runs, tmp_path):
    evaluation = runs[1].evaluation()
    order = np.random.default_rng(0).permutation(len(evaluation))
    shuffled = dataclasses.replace(
        evaluation,
        **{
            f.name: getattr(evaluation, f.name)[order]
            for f in dataclasses.fields(evaluation)
            if f.name != "epoch"
        },
    )

    class Shuffled(Run):
        def evaluation(self, epoch=None):
            return shuffled

    again = matched([runs[0], Shuffled(runs[1].path)], ["a", "b"])[1]
    np.testing.assert_array_equal(again.logits, evaluation.logits)
    with pytest.raises(InputError, match="evaluated on other galaxies"):
        uncertainty([runs[0], make_run(tmp_path, n=200, epochs=1, saliency=False)])
    with pytest.raises(InputError, match="has the classes"):
        uncertainty(
            [runs[0], make_run(tmp_path, n=600, epochs=1, classes=("a", "b", "c"), saliency=False)]
        )
    other = make_run(tmp_path, n=600, epochs=1, seed=2, saliency=False)
    samples = pq.read_table(other.path / "samples.parquet").to_pandas()
    samples["split"] = samples["split"].replace({"validation": "test", "test": "validation"})
    samples.to_parquet(other.path / "samples.parquet")
    with pytest.raises(InputError, match="differ in the split"):
        uncertainty([runs[0], Run(other.path)])


def test_a_kept_result_is_the_same_and_never_out_of_date(runs, found):
    files = list((runs[0].path / "derived").glob("uncertainty-*.json"))
    assert len(files) == 1
    assert uncertainty(runs, resamples=100).to_dict() == found.to_dict()
    assert (
        Uncertainty.from_dict(json.loads(json.dumps(found.to_dict()))).to_dict() == found.to_dict()
    )
    kept = json.loads(files[0].read_text())
    files[0].write_text(json.dumps(kept | {"method": "from the file"}))
    assert uncertainty(runs, resamples=100).method == "from the file"
    assert uncertainty(runs, resamples=100, seed=1).method == "temperature"
    files[0].write_text("{}")
    assert uncertainty(runs, resamples=100).to_dict() == found.to_dict()


def test_density_ratios_are_those_of_two_normals():
    rng = np.random.default_rng(0)
    source, target = (
        rng.normal(size=(4000, 3)),
        rng.normal(size=(2000, 3)) + np.array([1.0, 0.0, 0.0]),
    )
    ratio, area = density_ratio(source, target)
    expected = np.exp(source[:, 0] - 0.5)
    assert np.corrcoef(np.log(ratio), source[:, 0])[0, 1] > 0.99
    assert np.median(np.abs(np.log(ratio / expected))) < 0.1
    assert area == pytest.approx(0.760, abs=0.02)  # Phi(1 / sqrt 2)
    # All rows of a galaxy are scored by a classifier that saw none of them.
    groups = np.arange(4000) % 2000
    assert not np.array_equal(density_ratio(source, target, groups, np.arange(2000))[0], ratio)
    with pytest.raises(InputError, match="validate on more"):
        density_ratio(source[:3], target[:3])


def test_transcal_finds_a_known_shift():
    """The target has more of the galaxies on which the network is too sure: the truth is known by
    its own labels.
    """
    rng = np.random.default_rng(1)
    hard = [rng.random(4000) < share for share in (0.2, 0.6)]
    margins = [np.where(rng.random(4000) < 0.5, 3.0, -3.0) for _ in hard]
    truths = [
        (rng.random(4000) < expit(margin * np.where(one, 0.2, 1))).astype(int)
        for one, margin in zip(hard, margins, strict=True)
    ]
    logits = [np.c_[-margin / 2, margin / 2] for margin in margins]
    plain = fit_temperature(logits[0], truths[0])
    shifted = transcal(logits[0], truths[0], logits[1], np.where(hard[0], 0.6 / 0.2, 0.4 / 0.8))
    assert shifted.accuracy == pytest.approx(
        (logits[1].argmax(axis=1) == truths[1]).mean(), abs=0.03
    )
    assert shifted.exponent == 1
    assert apply_temperature(logits[1], shifted.temperature).max(axis=1).mean() == pytest.approx(
        shifted.accuracy
    )
    losses = [
        log_loss(truths[1], apply_temperature(logits[1], t)) for t in (plain, shifted.temperature)
    ]
    assert losses[1] < losses[0] - 0.02
    few = transcal(logits[0], truths[0], logits[1], np.where(np.arange(4000) < 10, 1e6, 1.0))
    assert few.exponent < 1
    assert few.effective == pytest.approx(1000, rel=0.01)


def test_pseudocal_takes_calls_for_labels():
    logits = np.random.default_rng(2).normal(size=(50, 3))
    rows, partners = mixing_pairs(logits, seed=1)
    assert (logits[rows].argmax(axis=1) != logits[partners].argmax(axis=1)).all()
    assert len(rows) > 20
    calls = logits[rows].argmax(axis=1)
    assert pseudocal(logits[partners], calls) == fit_temperature(logits[partners], calls)
    with pytest.raises(InputError, match="predicts one class for all target galaxies"):
        pseudocal(np.zeros((0, 3)), np.zeros(0, int))


def test_views_hold_the_numbers(found):
    tables = found.tables()
    bins = tables["reliability"]
    panels = views.reliability_panels(bins)
    assert len(panels) == 4
    part = bins[(bins["domain"] == "target") & (bins["stage"] == "after")]
    diagram = views.reliability_diagram(part)
    points = np.vstack(
        [element.array([0, 1]) for element in diagram.traverse(lambda e: e, [hv.Points])]
    )
    np.testing.assert_allclose(points, part[["probability", "frequency"]])
    bars = np.vstack([element.array() for element in diagram.traverse(lambda e: e, [hv.ErrorBars])])
    np.testing.assert_allclose(bars[:, 1] - bars[:, 2], part["low"])
    np.testing.assert_allclose(bars[:, 1] + bars[:, 3], part["high"])
    curves = views.risk_coverage_panels(tables["risk_coverage"], ranking="agreement")
    assert "kept by agreement: n = 200" in str(
        curves.traverse(lambda e: e.opts.get("plot").kwargs.get("title"), [hv.Overlay])
    )
    for plot in (panels, curves):
        hv.render(plot, backend="bokeh")
    row = only(found.scores, who="ensemble of 2", domain="target", stage="after", name="ece")
    text = views.summary_reliability(tables["scores"])
    assert "ensemble of 2 " in text
    assert f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}] after" in text
    assert "200 test galaxies of the target (oracle)" in text
    assert "kept by confidence" in views.summary_risk_coverage(tables["selective"])
    assert "not known" in views.summary_reliability(tables["scores"].iloc[:0])


def test_the_command_prints_and_gives_json(runs, monkeypatch, capsys):
    paths = [run.path for run in runs]
    code, out, _ = call(monkeypatch, capsys, "calibrate", *paths)
    assert code == 0
    for words in (
        "temperature",
        "labelled source validation",
        "ensemble of 2",
        "oracle",
        "before",
        "after",
        "resampling galaxies",
    ):
        assert words in out
    code, out, _ = call(
        monkeypatch, capsys, "calibrate", paths[0], "--method", "transcal", "--format", "json"
    )
    assert code == 0
    assert json.loads(out)["fits"][0]["details"]["effective"] > 0
    for options, words in (
        (["--method", "guess"], "temperature, transcal"),
        (["--format", "xml"], "text or json"),
        (["--mc-dropout", "1"], "at least 2"),
        (["--method", "pseudocal"], "not on this machine"),
    ):
        code, _, err = call(monkeypatch, capsys, "calibrate", paths[0], *options)
        assert code == 2
        assert words in err


@pytest.mark.slow
def test_a_trained_network_with_dropout_goes_all_the_way(tmp_path, monkeypatch, capsys):
    from factories import make_galaxies

    make_galaxies(tmp_path / "data", 200, size=16)
    options = [
        "--epochs",
        "12",
        "--set",
        "model.options.dropout=0.3",
        "--seed",
        "0,1",
        "--runs",
        tmp_path / "runs",
    ]
    assert call(monkeypatch, capsys, "train", "--data", tmp_path / "data", *options)[0] == 0
    paths = sorted((tmp_path / "runs").glob("2*"))
    code, out, _ = call(monkeypatch, capsys, "calibrate", *paths, "--mc-dropout", 5)
    assert code == 0
    assert "noDA · seed 1 · MC dropout" in out
    code, out, err = call(
        monkeypatch, capsys, "calibrate", *paths, "--method", "pseudocal", "--format", "json"
    )
    assert code == 0, err
    fits = json.loads(out)["fits"]
    assert [row["kind"] for row in fits] == ["network", "network", "ensemble"]
    assert all(
        row["details"]["mixtures"] > 0 and row["on"] == "mixtures of unlabelled target validation"
        for row in fits
    )
