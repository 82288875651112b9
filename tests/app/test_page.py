"""The parts of the comparison that can be seen without a browser: the galaxy's strip, the alerts,
the UMAP of a child process.
"""

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_run
from shown import shown

from daexplore.app.components import galaxy_details
from daexplore.app.components.galaxy_details import GalaxyDetails
from daexplore.app.components.metric_tables import differences_table
from daexplore.app.core.session import Session, show_errors
from daexplore.app.latents import embeddings, umap
from daexplore.app.latents.embeddings import coordinates, submit_umap
from daexplore.app.latents.view import LatentView, scene
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.compare.tab import CompareTab
from daexplore.errors import InputError
from daexplore.runs import Run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return [
        make_run(tmp_path / "runs", method, n=240, epochs=2, data_path=tmp_path / "data")
        for method in ("noda", "mmd")
    ]


@pytest.fixture
def state(runs: list[Run], tmp_path: Path) -> ExplorerState:
    return ExplorerState(tmp_path / "runs")


def scenes_of(state: ExplorerState) -> Callable[[], list[LatentView]]:
    return lambda: [scene(state, run) for run in state.runs]


def test_strip_shows_both_images_and_a_map_and_a_probability_for_each_run(
    state: ExplorerState,
) -> None:
    strip = GalaxyDetails(state, scenes_of(state), Session())
    assert "Tap a galaxy" in strip.view.object
    shown = scenes_of(state)()
    row = int(np.flatnonzero(shown[0].evaluation.mask("target", "test"))[4])
    state.select_galaxy(str(shown[0].evaluation.sample_ids[row]))
    strip.draw()
    markup = strip.view.object
    assert len(re.findall(r"<figure><img ", markup)) == 4
    for each in shown:
        assert f"<b>{each.probability[row]:.2f}</b>" in markup
    assert "<i>oracle</i>" in markup
    assert "Grad-CAM of merger" in markup


def test_maps_that_are_not_stored_come_in_later_and_a_failure_is_said(
    state: ExplorerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.show(epoch=1)
    state.select_galaxy("source/G00100-0")
    asked: dict[str, Future[np.ndarray]] = {}

    def later(run: Run, epoch: int, sample_id: str, domain: str) -> "Future[np.ndarray]":
        assert (epoch, sample_id, domain) == (1, "source/G00100-0", "source")
        return asked.setdefault(run.id, Future())

    monkeypatch.setattr(galaxy_details, "submit_gradcam", later)
    strip = GalaxyDetails(state, scenes_of(state), Session())
    assert strip.view.object.count(">Grad-CAM: computing …") == 2
    asked[state.run_ids[0]].set_exception(InputError("The weights of epoch 1 are missing."))
    assert strip.view.object.count(">Grad-CAM: computing …") == 1
    assert "The weights of epoch 1 are missing." in strip.view.object


def test_images_that_are_not_on_this_machine_are_said_to_be_missing(
    state: ExplorerState, tmp_path: Path
) -> None:
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    state.select_galaxy("source/G00100-0")
    strip = GalaxyDetails(state, scenes_of(state), Session())
    assert "not on this machine" in strip.view.object


def test_a_galaxy_no_run_has_evaluated_is_named(state: ExplorerState) -> None:
    state.select_galaxy("survey/<b>1</b>")
    strip = GalaxyDetails(state, scenes_of(state), Session())
    assert "survey/&lt;b&gt;1&lt;/b&gt;" in strip.view.object


def test_a_run_that_cannot_be_read_is_named_and_the_others_stay(
    state: ExplorerState, runs: list[Run]
) -> None:
    (runs[1].path / "evaluations" / "epoch=0002" / "outputs.parquet").unlink()
    compare = CompareTab(state, Session())
    assert len(compare.panels) == 1
    assert "MMD · seed 0 is left out" in state.alert
    assert "outputs.parquet is missing" in state.alert


def test_figures_are_kept_when_the_epoch_moves_and_made_anew_for_another_view(
    state: ExplorerState,
) -> None:
    compare = CompareTab(state, Session())
    figures = [panel.figure for panel in compare.panels]
    before = [np.asarray(panel.points.data["x"]).copy() for panel in compare.panels]
    state.show(epoch=1)
    assert [panel.figure for panel in compare.panels] == figures
    for panel, x in zip(compare.panels, before, strict=True):
        assert not np.allclose(panel.points.data["x"], x)
    assert figures[0].x_range is figures[1].x_range
    state.show(view="pca")
    assert not set(figures) & {panel.figure for panel in compare.panels}
    assert compare.panels[0].figure.x_range is not compare.panels[1].figure.x_range
    assert not compare.panels[0].boundary.visible


def test_colour_by_probability_and_back(state: ExplorerState) -> None:
    compare = CompareTab(state, Session())
    domains = list(compare.panels[0].points.data["colour"])
    assert set(domains) == {"#0072B2", "#D55E00"}
    state.show(colour="probability")
    assert len(set(compare.panels[0].points.data["colour"])) > 20
    state.show(colour="domain")
    assert list(compare.panels[0].points.data["colour"]) == domains


def test_differences_name_the_setting_and_escape_what_they_show(state: ExplorerState) -> None:
    table = differences_table(scenes_of(state)())
    assert "alignments.<wbr>mmd.<wbr>weight" in table


def test_an_exception_becomes_an_alert(
    state: ExplorerState, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("by zero")

    assert show_errors(state, fail)() is None
    assert "ZeroDivisionError: by zero" in state.alert
    assert "A callback of the explorer failed" in caplog.text


@pytest.mark.slow
def test_umap_is_computed_in_a_child_process_kept_in_the_run_and_used_from_there(
    state: ExplorerState, runs: list[Run]
) -> None:
    assert coordinates(runs[0], 2, "umap").kind == "pca"
    future = submit_umap(runs[0], 2, "umap")
    assert future is not None
    assert submit_umap(runs[0], 2, "umap") is future
    future.result(timeout=600)
    assert submit_umap(runs[0], 2, "umap") is None
    found = coordinates(runs[0], 2, "umap")
    table = pd.read_parquet(umap.umap_file(runs[0].path, 2)).set_index("sample_id")
    assert found.kind == "umap"
    np.testing.assert_array_equal(found.x, table.loc[runs[0].evaluation(2).sample_ids, "x"])


def test_aligned_umaps_are_kept_for_all_epochs_with_their_names_and_read_by_epoch(
    state: ExplorerState, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = runs[1], []

    def layout(latents: list[np.ndarray], ids: list[np.ndarray]) -> list[np.ndarray]:
        asked.append((latents, ids))
        # A place that says epoch and row; rotating it is undone by reading both axes' length.
        return [
            np.c_[np.arange(len(each)), np.full(len(each), 100.0 * place)]
            for place, each in enumerate(ids)
        ]

    monkeypatch.setattr(umap.projection, "aligned_umap", layout)
    monkeypatch.setattr(
        umap.projection, "rotate_to", lambda maps, *_: [each.astype(np.float32) for each in maps]
    )
    done: Future[pd.DataFrame] = Future()
    monkeypatch.setattr(
        embeddings,
        "submit_process",
        lambda pool, function, path, epochs: asked.append((path, epochs)) or done,
    )
    state.set_runs([run.id])
    state.show(view="aligned")
    compare = CompareTab(state, Session())
    assert asked == [(run.path, tuple(run.evaluated))]
    assert "principal components meanwhile" in shown(compare.view)
    assert "Distances and gaps on it are not distances" in shown(compare.view)

    frame = umap.compute_aligned(run.path)
    latents, ids = asked[-1]
    for epoch, each, names in zip(run.evaluated, latents, ids, strict=True):
        np.testing.assert_array_equal(each, run.evaluation(epoch).latents)
        np.testing.assert_array_equal(names, run.evaluation(epoch).sample_ids)
    assert umap.aligned_file(run.path).exists()
    pd.testing.assert_frame_equal(
        pd.read_parquet(umap.aligned_file(run.path)), frame, check_dtype=False
    )
    done.set_result(frame)
    assert "meanwhile" not in shown(compare.view)
    for place, epoch in enumerate(run.evaluated):
        found = coordinates(run, epoch, "aligned")
        assert found.kind == "aligned"
        np.testing.assert_array_equal(found.x, np.arange(len(run.evaluation(epoch))))
        assert set(found.y.tolist()) == {100.0 * place}
        assert submit_umap(run, epoch, "aligned") is None
    # Outputs that are newer than the layout, as of a run that was resumed, are not shown with it.
    outputs = run.path / "evaluations" / f"epoch={run.evaluated[0]:04d}" / "outputs.parquet"
    later = umap.aligned_file(run.path).stat().st_mtime_ns + 10**9
    os.utime(outputs, ns=(later, later))
    assert coordinates(run, run.evaluated[0], "aligned").kind == "pca"
    umap.aligned_file(run.path).unlink()


def test_a_layout_of_too_many_places_is_refused_in_words(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(umap, "MOST_ALIGNED", 10)
    with pytest.raises(InputError, match="choose UMAP instead"):
        umap.compute_aligned(runs[0].path)
