"""The tab "Domain distance": its numbers against naive loops and the run folders, its verdicts on
runs whose truth is known.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from comparing import known_run
from factories import make_run
from sklearn.metrics import roc_auc_score

from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.distance import tab as tab_module
from daexplore.app.tabs.distance.markup import judgements_html, numbers_html
from daexplore.app.tabs.distance.tables import DistanceTables
from daexplore.app.tabs.distance.tasks import null_task
from daexplore.app.tabs.distance.witness_galleries import PER_GALLERY, extremes, galleries_html
from daexplore.app.tabs.registry import TabContext, noop
from daexplore.engine.distance.measures import Settings, measure_distance
from daexplore.runs import Run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distance")
    for method in ("noda", "mmd"):
        make_run(
            folder / "runs",
            method,
            n=240,
            epochs=2,
            data_path=folder / "data",
            size=12,
            saliency=False,
        )
    return folder / "runs"


@pytest.fixture
def state(root: Path) -> ExplorerState:
    return ExplorerState(root)


@pytest.fixture(scope="module")
def done(root: Path) -> DistanceTables:
    found = DistanceTables(ExplorerState(root))
    for task in found.tasks():
        task.memo.get(task.key, task.make)
    return found


def loops(run: Run, epoch: int, bandwidths: tuple[float, ...]) -> float:
    """The unbiased MMD^2 of Gretton et al. 2012, eq. 3, pair by pair, in units of the source's rms
    distance from its mean.
    """
    found = run.evaluation(epoch)
    sides = [
        found.latents[found.mask(domain, "test")].astype(float) for domain in ("source", "target")
    ]
    unit = np.sqrt(((sides[0] - sides[0].mean(axis=0)) ** 2).sum(axis=1).mean())

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        squared = ((a - b) ** 2).sum() / unit**2
        return float(np.mean([np.exp(-squared / (2 * each)) for each in bandwidths]))

    x, y = sides
    within = [
        np.mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j])
        for z in (x, y)
    ]
    return float(sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y]))


def test_the_distance_of_an_epoch_is_the_naive_loops_and_its_band_is_chance(
    done: DistanceTables, state: ExplorerState
) -> None:
    curves = done.curves()
    assert len(curves) == sum(len(run.evaluated) for run in state.runs)
    for run in state.runs:
        task = null_task(run, 1, "test", done.bandwidths, state.label(run))
        test = task.memo.peek(task.key)
        assert test.value == pytest.approx(loops(run, 1, done.bandwidths), abs=1e-5)
        row = curves[(curves["run"] == state.label(run)) & (curves["epoch"] == 1)].iloc[0]
        history = run.history()
        logged = history[
            (history["name"] == "mmd2") & (history["split"] == "test") & (history["epoch"] == 1)
        ]["value"].item()
        assert row["value"] == logged
        assert row["null_low"] < 0 < row["null_high"] < logged
        assert row["p_value"] < 0.05
        assert [row["n_source"], row["n_target"]] == [
            int(run.evaluation(1).mask(domain, "test").sum()) for domain in ("source", "target")
        ]


def test_all_measures_are_those_of_the_command_line(
    done: DistanceTables, state: ExplorerState
) -> None:
    run = state.runs[0]
    found = done.measured(run)
    assert found is not None
    settings = Settings(done.bandwidths, 1000, 0, 2000)
    _, table, null, _ = measure_distance(
        run.evaluation(), "test", tuple(run.classes), settings, lambda _: None
    )
    here = table[table["name"] != "sinkhorn"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.measures.reset_index(drop=True), here)
    np.testing.assert_array_equal(found.null, null)


def test_paths_are_what_was_logged_and_the_ends_of_the_witness_separate_the_domains(
    done: DistanceTables, state: ExplorerState
) -> None:
    paths = done.paths()
    for run in state.runs:
        history = (
            run.history().query("split == 'test'").set_index(["name", "domain", "epoch"])["value"]
        )
        mine = paths[paths["run"] == state.label(run)].set_index("epoch")
        for epoch in run.evaluated:
            assert mine.loc[epoch, "mmd2"] == history["mmd2", "both", epoch]
            assert mine.loc[epoch, "accuracy"] == history["accuracy", "target", epoch]
        assert list(mine.index[mine["selected"]]) == [run.selected_epoch]
    run = state.runs[0]
    found = done.measured(run)
    assert found is not None
    assert roc_auc_score(found.witness["domain"] == "source", found.witness["witness"]) > 0.9
    ends = extremes(found, run.classes)
    top = found.witness["witness"].nlargest(PER_GALLERY)
    assert [each.sample_id for each in ends["most_source_like"]] == list(top.index)
    assert {each.domain for each in ends["most_source_like"]} == {"source"}
    assert {each.domain for each in ends["most_target_like"]} == {"target"}
    galleries = galleries_html(
        "noDA",
        "epoch 2, test",
        ends,
        None,
        len(found.witness),
        ends["most_source_like"][2].sample_id,
    )
    assert galleries.count(top.index[2]) >= 1


@pytest.mark.parametrize(("method", "outcome"), [("mmd", "helped"), ("dann", "no evidence")])
def test_verdicts_of_runs_whose_truth_is_known(tmp_path: Path, method: str, outcome: str) -> None:
    for seed in range(3):
        for kind in ("noda", method):
            known_run(tmp_path, kind, seed)
    state = ExplorerState(tmp_path)
    first = {
        kind: next(run.id for run in state.evaluated_runs if (run.method, run.seed) == (kind, 0))
        for kind in ("noda", method)
    }
    state.set_runs([first["noda"], first[method]])
    found = DistanceTables(state)
    [before] = found.judgements({})
    assert before.note == "Being computed …"
    (task,) = (task for task in found.tasks() if task.kind == "verdict")
    task.memo.get(task.key, task.make)
    [judgement] = found.judgements({})
    assert judgement.seeds == (3, 3)
    free, oracle = judgement.verdicts
    assert (free.oracle, oracle.oracle) == (False, True)
    assert (outcome == "helped") == (oracle.outcome == "helped")
    text = judgements_html([judgement], "test")
    assert "<i>oracle</i> with target labels" in text
    assert "3 + 3 trainings" in text
    assert free.outcome in text


def test_negative_transfer_is_said_where_the_target_is_called_worse(tmp_path: Path) -> None:
    # Called from the other side: what is best becomes the baseline, and the method that swaps
    # galaxies is judged against it.
    for seed in range(3):
        known_run(tmp_path, "mmd", seed)
        known_run(tmp_path, "dann", seed)
    state = ExplorerState(tmp_path)
    first = {
        kind: next(run.id for run in state.evaluated_runs if (run.method, run.seed) == (kind, 0))
        for kind in ("mmd", "dann")
    }
    state.set_runs([first["mmd"], first["dann"]])
    found = DistanceTables(state)
    (task,) = (task for task in found.tasks() if task.kind == "verdict")
    task.memo.get(task.key, task.make)
    [judgement] = found.judgements({})
    assert judgement.verdicts[-1].outcome == "negative transfer"
    assert "<span class='outcome bad'>negative transfer</span>" in judgements_html(
        [judgement], "test"
    )


def test_what_is_not_computed_yet_is_a_dash_and_a_failure_is_said(
    done: DistanceTables, state: ExplorerState
) -> None:
    labels = [state.label(run) for run in state.runs]
    assert (
        numbers_html(pd.DataFrame(), labels, ["noDA: it broke"])
        == "<p class='hint lost'>noDA: it broke</p>"
    )
    half = done.measures().query("run == @labels[0]")
    text = numbers_html(half, labels, [])
    assert "computing …" in text
    assert text.count("<td>–</td>") == len(half)
    value = half[half["name"] == "probe_auc"]["value"].item()
    assert f"{value:.3f}" in text


def test_the_room_draws_only_on_screen_and_asks_for_what_is_missing(
    state: ExplorerState, done: DistanceTables
) -> None:
    from panel.pane import Bokeh

    switch = SimpleNamespace(visible=False)
    tab = tab_module.build_tab(TabContext(state, Session(), lambda: switch.visible, noop))
    assert not tab.view.select(Bokeh)
    switch.visible = True
    tab.entered()
    titles = [pane.object.title.text for pane in tab.view.select(Bokeh)]
    assert len(titles) == 3
    n = int(state.runs[0].evaluation().mask("target", "test").sum())
    assert all("test" in title for title in titles), titles
    assert sum(str(n) in title for title in titles) >= 2, titles
    curves = tab.view.select(Bokeh)[0].object
    assert list(curves.xaxis[0].ticker.ticks) == [1, 2]
    assert not done.notes()
