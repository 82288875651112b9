"""The tab "Performance": what it counts, against scikit-learn and pandas, and what it draws
when.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bokeh.models import GlyphRenderer, Scatter
from factories import make_run
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance import tab as tab_module
from daexplore.app.tabs.performance.calibration import calibrations, temperatures
from daexplore.app.tabs.performance.confusion import confusions, with_intervals
from daexplore.app.tabs.performance.curves import areas, downsampled, points, rankings
from daexplore.app.tabs.performance.risk_coverage import risk_coverage_tables
from daexplore.app.tabs.performance.slices import slice_columns, sliced_metrics, slicing
from daexplore.app.tabs.performance.subjects import RESAMPLES, EvaluatedRun, subjects, unlabelled
from daexplore.app.tabs.registry import TabContext, noop
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.plots.confusion import UNLABELLED, confusion_tables, summary_confusion
from daexplore.views.plots.slices import slice_points, slice_tables, summary_slices

N = 360
SURVEYS = ["deep", "wide", "<b>", *(f"field {i:02d}" for i in range(14))]


def rewrite(run: Run, **columns: object) -> None:
    """Put columns into the run's samples."""
    file = run.path / "samples.parquet"
    frame = pd.read_parquet(file)
    frame.assign(**columns).to_parquet(file)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("performance")
    for method in ("noda", "mmd"):
        run = make_run(folder, method, n=N, epochs=2, saliency=False)
        count = len(run.samples)
        redshift = np.where(
            np.arange(count) % 10 == 0, np.nan, np.random.default_rng(2).gamma(2, 0.5, count)
        )
        survey = np.random.default_rng(3).choice(SURVEYS, count, p=[0.5, 0.3, 0.06] + [0.01] * 14)
        rewrite(
            run,
            redshift=redshift,
            survey=survey,
            nuclei=np.random.default_rng(4).integers(1, 4, count),
            constant=1.0,
        )
    return folder


@pytest.fixture
def state(root: Path) -> ExplorerState:
    return ExplorerState(root)


@pytest.fixture
def blind(root: Path, tmp_path: Path) -> ExplorerState:
    """The same runs, whose target has no labels."""
    for path in shutil.copytree(root, tmp_path / "blind").glob("*/"):
        run = Run(path)
        frame = run.samples
        rewrite(run, label=frame["label"].mask(frame["domain"] == "target").array)
    return ExplorerState(tmp_path / "blind")


def tied(subject: EvaluatedRun) -> EvaluatedRun:
    """The same with many equal scores."""
    found = subject.evaluation
    return EvaluatedRun(
        subject.run,
        subject.name,
        replace(found, logits=np.round(found.logits)),
        (*subject.key, "tied"),
    )


def of(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """The rows with these values."""
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def labelled(
    subject: EvaluatedRun, domain: str, split: str = "test"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities of class 1 and galaxies."""
    found = subject.evaluation
    mask = (found.domain == domain) & (found.split == split) & (found.labels >= 0)
    return found.labels[mask], found.probabilities[mask, 1], found.group_ids[mask]


def tab(state: ExplorerState, visible: bool = True) -> tuple[SimpleNamespace, object]:
    """The tab, built without a browser, and a switch for whether it is on screen."""
    switch = SimpleNamespace(visible=visible)
    furnished = tab_module.build_tab(TabContext(state, Session(), lambda: switch.visible, noop))
    return switch, furnished


def choose(furnished: object, name: str) -> None:
    furnished.view[0][0].value = name


def figures(furnished: object) -> dict[str, object]:
    from panel.pane import Bokeh

    return {pane.object.tags[0]: pane.object for pane in furnished.view.select(Bokeh)}


def words(furnished: object) -> str:
    from panel.pane import HTML

    return "\n".join(pane.object for pane in furnished.view[1].select(HTML))


@pytest.mark.parametrize("domain", ["source", "target"])
@pytest.mark.parametrize("ties", [False, True])
def test_curves_and_the_points_on_them_are_scikit_learns(
    state: ExplorerState, domain: str, ties: bool
) -> None:
    found = [tied(subject) if ties else subject for subject in subjects(state)]
    ranked = rankings(found, "test")
    for subject in found:
        labels, score, _ = labelled(subject, domain)
        ranking = ranked[subject.name, domain]
        fpr, tpr, thresholds = roc_curve(labels, score, drop_intermediate=False)
        np.testing.assert_allclose(ranking.fpr, fpr)
        np.testing.assert_allclose(ranking.tpr, tpr)
        np.testing.assert_allclose(ranking.thresholds, thresholds)
        precision, recall, _ = precision_recall_curve(labels, score)
        np.testing.assert_allclose(ranking.precision, precision[::-1])
        np.testing.assert_allclose(ranking.tpr, recall[::-1])
        assert ranking.areas["auc"]["value"] == pytest.approx(roc_auc_score(labels, score))
        assert ranking.areas["ap"]["value"] == pytest.approx(average_precision_score(labels, score))
        for threshold in (0.02, 0.37, 0.5, 0.91, float(score[3])):
            (tn, fp), (fn, tp) = confusion_matrix(labels, score > threshold)
            at = ranking.at(threshold)
            assert (at["fpr"], at["tpr"]) == (
                pytest.approx(fp / (fp + tn)),
                pytest.approx(tp / (tp + fn)),
            )
            assert at["precision"] == pytest.approx(
                tp / (tp + fp) if tp + fp else np.nan, nan_ok=True
            )


def test_bands_are_quantiles_of_resampled_galaxies(state: ExplorerState) -> None:
    subject = tied(subjects(state)[0])
    labels, score, groups = labelled(subject, "target")
    ranking = rankings([subject], "test")[subject.name, "target"]
    weights = group_weights(groups, RESAMPLES)
    average, precisions = [], []
    for weight in weights:
        precision, recall, _ = precision_recall_curve(labels, score, sample_weight=weight)
        average.append(average_precision_score(labels, score, sample_weight=weight))
        precisions.append(
            [precision[recall >= place - 1e-9][-1] for place in ranking.precision_band["recall"]]
        )
    assert ranking.areas["ap"]["low"] == pytest.approx(np.quantile(average, 0.025))
    assert ranking.areas["ap"]["high"] == pytest.approx(np.quantile(average, 0.975))
    np.testing.assert_allclose(
        ranking.precision_band["low"], np.quantile(precisions, 0.025, axis=0)
    )
    np.testing.assert_allclose(
        ranking.precision_band["high"], np.quantile(precisions, 0.975, axis=0)
    )


def test_a_drawn_curve_has_lost_no_corner(state: ExplorerState) -> None:
    ranked = rankings(subjects(state), "test")
    drawn = downsampled(ranked, "fpr", "tpr")
    for (run, domain), ranking in ranked.items():
        curve = drawn[(drawn["run"] == run) & (drawn["domain"] == domain)]
        upright = np.interp(
            ranking.fpr + 1e-9 * np.arange(len(ranking.fpr)),
            curve["fpr"] + 1e-9 * np.arange(len(curve)),
            curve["tpr"],
        )
        assert len(curve) <= len(ranking.fpr)
        assert curve.iloc[[0, -1]][["fpr", "tpr"]].to_numpy().tolist() == [[0, 0], [1, 1]]
        corners = np.c_[ranking.fpr, ranking.tpr][:, None] - curve[["fpr", "tpr"]].to_numpy()
        assert np.abs(corners).max(axis=2).min(axis=1).max() <= 1 / 600
        assert np.isfinite(upright).all()


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.77])
def test_confusion_counts_and_shares_are_scikit_learns(
    state: ExplorerState, threshold: float
) -> None:
    found = subjects(state)
    cells = with_intervals(found, "test", threshold)
    assert cells.drop(columns=["low", "high"]).equals(
        confusions(found, "test", threshold).drop(columns=["low", "high"])
    )
    for subject in found:
        for domain in ("source", "target"):
            labels, score, _ = labelled(subject, domain)
            mine = cells[(cells["run"] == subject.name) & (cells["domain"] == domain)]
            for name, normalize in (("count", None), ("share", "true")):
                table = mine.pivot(index="true", columns="called", values=name).loc[
                    list(subject.run.classes), list(subject.run.classes)
                ]
                np.testing.assert_allclose(
                    table, confusion_matrix(labels, score > threshold, normalize=normalize)
                )
            assert (mine["n"] == len(labels)).all()
    assert ((cells["low"] <= cells["share"]) & (cells["share"] <= cells["high"])).all()
    assert (cells["low"] < cells["high"]).all()


def test_confusion_of_three_classes_and_of_a_class_that_is_never_there(tmp_path: Path) -> None:
    run = make_run(tmp_path, "mmd", n=N, epochs=1, classes=("E", "S", "Irr"), saliency=False)
    rewrite(run, label=run.samples["label"].mask(run.samples["label"] == 2, 0).array)
    (subject,) = subjects(ExplorerState(tmp_path))
    cells = with_intervals([subject], "test", 0.5)
    found = subject.evaluation
    mask = found.mask("source", "test")
    table = (
        cells[cells["domain"] == "source"]
        .pivot(index="true", columns="called", values="count")
        .loc[["E", "S", "Irr"], ["E", "S", "Irr"]]
    )
    np.testing.assert_array_equal(
        table,
        confusion_matrix(found.labels[mask], found.logits[mask].argmax(axis=1), labels=[0, 1, 2]),
    )
    assert cells.loc[cells["true"] == "Irr", ["share", "low", "high"]].isna().all(axis=None)
    assert "<td>–</td>" in confusion_tables(cells)


def test_without_target_labels_the_page_says_so_and_shows_what_is_called(
    blind: ExplorerState,
) -> None:
    found = subjects(blind)
    cells = confusions(found, "test", 0.4)
    target = cells[cells["domain"] == "target"]
    assert set(target["true"]) == {UNLABELLED}
    for subject in found:
        mask = (subject.evaluation.domain == "target") & (subject.evaluation.split == "test")
        positive = subject.evaluation.probabilities[mask, 1] > 0.4
        assert target[target["run"] == subject.name]["count"].tolist() == [
            (~positive).sum(),
            positive.sum(),
        ]
        (sentence,) = unlabelled(found, "test", 0.4)
        assert f"{subject.name} {positive.mean():.1%} of {mask.sum()}" in sentence
    assert "oracle" not in confusion_tables(cells)
    assert "of the unlabelled predicted as merger" in summary_confusion(cells, "threshold 0.40")
    assert {domain for _, domain in rankings(found, "test")} == {"source"}
    _, furnished = tab(blind)
    for name in tab_module.SECTIONS:
        choose(furnished, name)
        assert not any(tag.endswith("target") for tag in figures(furnished))
        assert "labels" in words(furnished) or name == "Confusion"
    assert blind.alert == ""


def test_calibration_is_that_of_scikit_learn_and_pandas(state: ExplorerState) -> None:
    from scipy.optimize import minimize_scalar

    found = subjects(state)
    tables = calibrations(found, "test")
    for subject in found:
        fitted = labelled(subject, "source", "validation")
        mask = subject.rows("source", "validation")
        logits = subject.evaluation.logits[mask].astype(float)
        gap = logits[:, 1] - logits[:, 0]
        best = minimize_scalar(
            lambda t, gap=gap, y=fitted[0]: log_loss(y, 1 / (1 + np.exp(-gap / t))),
            bounds=(0.05, 20),
            method="bounded",
        )
        (fit,) = tables["fits"][tables["fits"]["who"] == subject.name].to_dict("records")
        assert fit["temperature"] == pytest.approx(best.x, rel=1e-2)
        assert fit["n"] == len(fitted[0])
        for domain in ("source", "target"):
            labels, _, _ = labelled(subject, domain)
            logits = subject.evaluation.logits[subject.rows(domain, "test")].astype(float)
            gap = logits[:, 1] - logits[:, 0]
            for stage, temperature in (("before", 1.0), ("after", fit["temperature"])):
                p = 1 / (1 + np.exp(-gap / temperature))
                scores = of(
                    tables["scores"], who=subject.name, domain=domain, stage=stage
                ).set_index("name")
                assert scores.loc["brier", "value"] == pytest.approx(brier_score_loss(labels, p))
                assert scores.loc["nll", "value"] == pytest.approx(
                    np.logaddexp(0, np.where(labels == 1, -gap, gap) / temperature).mean()
                )
                assert (scores["n"] == len(labels)).all()
                bins = of(tables["bins"], who=subject.name, domain=domain, stage=stage)
                expected = (
                    pd.DataFrame({"p": p, "y": labels})
                    .groupby(pd.qcut(p, 10, labels=False, duplicates="drop"))
                    .agg({"p": "mean", "y": "mean"})
                )
                np.testing.assert_allclose(bins["probability"], expected["p"], atol=1e-9)
                assert bins["counts"].sum() == len(labels)
    assert f"(n = {N // 6})" in temperatures(tables["fits"], "test")
    assert "flatters" in temperatures(tables["fits"], "validation")


def test_risk_at_full_coverage_is_the_share_of_errors(state: ExplorerState) -> None:
    found = subjects(state)
    tables = risk_coverage_tables(found, "test")
    for subject in found:
        for domain in ("source", "target"):
            labels, score, _ = labelled(subject, domain)
            wrong, sure = (score > 0.5) != labels, np.maximum(score, 1 - score)
            curve = of(tables["curves"], who=subject.name, domain=domain).set_index("coverage")[
                "risk"
            ]
            assert curve.iloc[-1] == pytest.approx(wrong.mean())
            aurc = of(tables["selective"], who=subject.name, domain=domain, name="aurc")[
                "value"
            ].item()
            assert aurc == pytest.approx(np.mean([wrong[sure >= limit].mean() for limit in sure]))


def reference(subject: EvaluatedRun, domain: str, column: str) -> pd.DataFrame:
    """What pandas knows of the test galaxies of a domain."""
    frame = subject.run.samples.loc[subject.evaluation.sample_ids].assign(
        p=subject.evaluation.probabilities[:, 1]
    )
    return frame[(frame["split"] == "test") & (frame["domain"] == domain)][
        [column, "label", "p", "group_id"]
    ]


def test_slices_of_numbers_hold_equally_many_and_their_metrics_are_pandas(
    state: ExplorerState,
) -> None:
    found = subjects(state)
    assert slice_columns(found) == ["mass_ratio", "redshift", "survey", "nuclei"]
    parts = slicing(found, "redshift", "test")
    rows = {
        metric: sliced_metrics(found, parts, "test", 0.3, metric)
        for metric in ("accuracy", "recall", "precision", "auc")
    }
    pooled = pd.concat(
        [reference(found[0], domain, "redshift") for domain in ("source", "target")]
    )["redshift"]
    edges = np.nanquantile(pooled, np.linspace(0, 1, 6))
    assert parts.names[-1] == "missing"
    assert len(parts.names) == 6
    for subject in found:
        for domain in ("source", "target"):
            frame = reference(subject, domain, "redshift")
            place = pd.Series(np.searchsorted(edges[1:-1], frame["redshift"]), frame.index).mask(
                frame["redshift"].isna(), 5
            )
            for number, mine in frame.groupby(place):
                truth, called = mine["label"].to_numpy(int), (mine["p"] > 0.3).to_numpy(int)
                expected = {
                    "accuracy": accuracy_score(truth, called),
                    "recall": recall_score(truth, called),
                    "precision": precision_score(truth, called),
                    "auc": roc_auc_score(truth, mine["p"]),
                }
                for metric, value in expected.items():
                    table = rows[metric]
                    row = table[
                        (table["run"] == subject.name)
                        & (table["domain"] == domain)
                        & (table["place"] == number)
                    ].iloc[0]
                    if mine["group_id"].nunique() < 10:
                        assert row["small"]
                        continue
                    assert row["value"] == pytest.approx(value)
                    assert row["low"] <= value <= row["high"]
                    assert row["n"] == len(mine)
    assert (
        rows["accuracy"]
        .groupby(["run", "domain"])["n"]
        .sum()
        .eq(len(reference(found[0], "source", "redshift")))
        .all()
    )


def test_slices_of_names_join_the_rare_and_call_the_small_too_small(state: ExplorerState) -> None:
    found = subjects(state)
    parts = slicing(found, "survey", "test")
    rows = sliced_metrics(found, parts, "test", 0.5, "accuracy")
    assert not parts.ordered
    assert len(parts.names) <= 13
    frame = reference(found[1], "target", "survey")
    right = (frame["p"] > 0.5).astype(int) == frame["label"].astype(int)
    expected = right.groupby(frame["survey"]).agg(["mean", "size"])
    mine = rows[(rows["run"] == found[1].name) & (rows["domain"] == "target")].set_index("slice")
    for name in ("deep", "wide"):
        assert mine.loc[name, "value"] == pytest.approx(expected.loc[name, "mean"])
        assert mine.loc[name, "n"] == expected.loc[name, "size"]
    assert mine["n"].sum() == len(frame)
    small = mine[mine["small"]]
    assert (small["galaxies"] < 10).all()
    assert len(small)
    assert small["value"].isna().all()
    about = {"metric": "accuracy", "column": "survey", "split": "test"}
    markup = slice_tables(rows, **about)
    assert f"too small ({int(small['galaxies'].iloc[0])} galaxies)" in markup
    assert "&lt;b&gt;" in markup
    assert "<b>" not in markup
    assert "slices are too small" in summary_slices(rows, **about)


def test_whole_numbers_of_few_values_are_categories_and_unknown_columns_are_refused(
    state: ExplorerState,
) -> None:
    found = subjects(state)
    assert slicing(found, "nuclei", "test").names == ("1", "2", "3")
    with pytest.raises(
        InputError, match="a catalogue column 'mass'; there are mass_ratio, redshift"
    ):
        slicing(found, "mass", "test")


def test_the_share_called_needs_no_labels(blind: ExplorerState) -> None:
    found = subjects(blind)
    rows = sliced_metrics(found, slicing(found, "nuclei", "test"), "test", 0.4, "called")
    for subject in found:
        frame = reference(subject, "target", "nuclei")
        mine = rows[(rows["run"] == subject.name) & (rows["domain"] == "target")]
        np.testing.assert_allclose(
            mine["value"], (frame["p"] > 0.4).groupby(frame["nuclei"]).mean()
        )
    assert sliced_metrics(found, slicing(found, "nuclei", "test"), "test", 0.4, "accuracy")[
        "domain"
    ].unique().tolist() == ["source"]


def test_slices_are_drawn_where_their_numbers_are(state: ExplorerState) -> None:
    found = subjects(state)
    parts = slicing(found, "redshift", "test")
    rows = sliced_metrics(found, parts, "test", 0.5, "accuracy")
    target = rows[rows["domain"] == "target"]
    plot = slice_points(
        target,
        metric="accuracy",
        column="redshift",
        ordered=True,
        runs=[subject.name for subject in found],
    )
    drawn = plot.values()
    assert [type(element).__name__ for element in drawn] == ["ErrorBars", "Curve", "Points"] * 2
    for subject, element in zip(found, (drawn[2], drawn[5]), strict=True):
        mine = target[(target["run"] == subject.name) & ~target["small"]]
        np.testing.assert_array_equal(element.dimension_values("value"), mine["value"])
        np.testing.assert_array_equal(np.rint(element.dimension_values("at")), mine["place"])


def test_a_section_is_made_when_it_is_first_shown_and_draws_only_what_changed(
    state: ExplorerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counting(name: str, make: object) -> object:
        return lambda *given: (made.append(name), make(*given))[1]

    monkeypatch.setattr(
        tab_module,
        "SECTIONS",
        {name: counting(name, make) for name, make in tab_module.SECTIONS.items()},
    )
    switch, furnished = tab(state)
    assert made == ["ROC"]
    assert set(figures(furnished)) == {"roc-source", "roc-target"}
    choose(furnished, "Precision-recall")
    assert made == ["ROC", "Precision-recall"]
    assert set(figures(furnished)) == {"pr-source", "pr-target"}
    choose(furnished, "ROC")
    first = figures(furnished)
    assert made == ["ROC", "Precision-recall"]
    switch.visible = False
    state.show(epoch=1)
    assert figures(furnished) == first
    switch.visible = True
    furnished.entered()
    assert figures(furnished)["roc-source"] is not first["roc-source"]


@pytest.mark.parametrize(
    ("name", "kind", "columns"),
    [("ROC", "roc", ("fpr", "tpr")), ("Precision-recall", "pr", ("recall", "precision"))],
)
def test_the_threshold_moves_the_points_and_nothing_else(
    state: ExplorerState, name: str, kind: str, columns: tuple[str, str]
) -> None:
    _, furnished = tab(state)
    choose(furnished, name)
    before = figures(furnished)
    lines = {
        id(r): r.data_source.data
        for f in before.values()
        for r in f.select(GlyphRenderer)
        if not isinstance(r.glyph, Scatter)
    }
    state.show(threshold=0.83)
    after = figures(furnished)
    assert after == before
    assert all(
        r.data_source.data is lines[id(r)]
        for f in after.values()
        for r in f.select(GlyphRenderer)
        if id(r) in lines
    )
    for domain in ("source", "target"):
        dots = [
            r.data_source.data
            for r in after[f"{kind}-{domain}"].renderers
            if isinstance(r.glyph, Scatter)
        ]
        for dot, subject in zip(dots, subjects(state), strict=True):
            labels, score, _ = labelled(subject, domain)
            (tn, fp), (fn, tp) = confusion_matrix(labels, score > 0.83)
            expected = {
                "fpr": fp / (fp + tn),
                "tpr": tp / (tp + fn),
                "recall": tp / (tp + fn),
                "precision": tp / (tp + fp),
            }
            assert [dot[column][0] for column in columns] == pytest.approx(
                [expected[column] for column in columns]
            )
    assert "At threshold 0.83" in words(furnished)


def test_every_section_speaks_of_n_split_and_oracle_and_follows_the_threshold(
    state: ExplorerState,
) -> None:
    _, furnished = tab(state)
    for name in tab_module.SECTIONS:
        choose(furnished, name)
        text = words(furnished)
        assert "oracle" in text
        assert f"{N // 2 - N // 6}" in text
        assert "test" in text
        assert "Computing" not in text
    choose(furnished, "Confusion")
    state.show(threshold=0.31)
    assert "threshold 0.31" in words(furnished)
    choose(furnished, "All metrics")
    assert "threshold 0.31" in words(furnished)
    choose(furnished, "Slices")
    assert "threshold 0.31" in figures(furnished)["slices-source"].title.text
    assert state.alert == ""


def test_calibration_shows_the_stage_that_was_chosen(state: ExplorerState) -> None:
    _, furnished = tab(state)
    choose(furnished, "Calibration")
    tables = calibrations(subjects(state), "test")["bins"]
    stage = furnished.view[1][0][0][0]
    for value in ("before", "after"):
        stage.value = value
        drawn = [
            r.data_source.data
            for r in figures(furnished)["reliability-target"].renderers
            if isinstance(r.glyph, Scatter)
        ]
        for dot, subject in zip(drawn, subjects(state), strict=True):
            bins = of(tables, who=subject.name, domain="target", stage=value)
            np.testing.assert_allclose(dot["probability"], bins["probability"])
            np.testing.assert_allclose(dot["frequency"], bins["frequency"])


def test_a_run_that_cannot_be_read_is_named_and_the_others_are_shown(
    root: Path, tmp_path: Path
) -> None:
    state = ExplorerState(shutil.copytree(root, tmp_path / "runs"))
    lost = state.runs[1]
    (lost.path / "evaluations" / "epoch=0002" / "outputs.parquet").unlink()
    _, furnished = tab(state)
    assert set(figures(furnished)) == {"roc-source", "roc-target"}
    assert lost.label in state.alert
    assert len(areas(rankings(subjects(state), "test"), "auc")) == 2
    assert len(points(rankings(subjects(state), "test"), 0.5)) == 2
