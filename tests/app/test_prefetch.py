"""The epochs around the one on screen are laid out before they are asked for, and a step then moves
no more than it must.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from computing import Waiting
from factories import make_run

from daexplore.app.latents.plot import PLACES, LatentPlot
from daexplore.app.latents.plot_geometry import new_ranges
from daexplore.app.latents.view import scene
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.compare import prefetch as module
from daexplore.app.tabs.compare.prefetch import prefetch_epochs, upcoming_epochs


@pytest.fixture
def state(tmp_path: Path) -> ExplorerState:
    for method in ("noda", "mmd"):
        make_run(tmp_path / "runs", method, n=240, epochs=7, data_path=tmp_path / "data")
    found = ExplorerState(tmp_path / "runs")
    found.show(epoch=3)
    return found


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Run and epoch of each scene that is laid out."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(
        module,
        "scene",
        lambda state, run, epoch: found.append((run.id, epoch)) or scene(state, run, epoch),
    )
    return found


def test_nearest_epochs_of_every_run_come_first(
    state: ExplorerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {len(run.evaluated) for run in state.runs} == {7}
    assert [abs(epoch - 3) for _, epoch in upcoming_epochs(state)] == [1] * 4 + [2] * 4 + [
        3
    ] * 2 + [4] * 2
    assert {epoch for run, epoch in upcoming_epochs(state) if run is state.runs[0]} == {
        1,
        2,
        4,
        5,
        6,
        7,
    }
    monkeypatch.setattr(module, "_REACH", 1)
    assert {epoch for _, epoch in upcoming_epochs(state)} == {2, 4}


def test_of_a_large_survey_only_the_next_ones_are_laid_out(
    state: ExplorerState, laid: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    background = Waiting(state)
    prefetch_epochs(state, background)
    background.asked[0]()
    assert len(laid) == 12
    laid.clear()
    monkeypatch.setattr(module, "_VALUES", 0)
    background.asked[0]()
    assert sorted(epoch for _, epoch in laid) == [2, 2, 4, 4]


def test_a_visitor_who_has_gone_on_is_not_waited_for(
    state: ExplorerState, laid: list[tuple[str, int]]
) -> None:
    background = Waiting(state)
    prefetch_epochs(state, background)
    state.show(epoch=5)
    background.asked[0]()
    assert laid == []


def test_an_epoch_that_cannot_be_read_does_not_keep_the_others_from_being_laid_out(
    state: ExplorerState, laid: list[tuple[str, int]]
) -> None:
    (state.runs[0].path / "evaluations" / "epoch=0004" / "outputs.parquet").write_bytes(b"torn")
    background = Waiting(state)
    prefetch_epochs(state, background)
    background.asked[0]()
    assert len(laid) == 12


def test_evaluations_of_the_same_galaxies_are_known_as_such(state: ExplorerState) -> None:
    first, second = state.runs
    one, other = first.evaluation(2), second.evaluation(3)
    assert one.digest == other.digest
    swapped = np.arange(len(one))
    swapped[:2] = 1, 0
    domain, labels = one.domain.copy(), one.labels.copy()
    domain[0] = "target" if domain[0] == "source" else "source"
    labels[0] = -1
    for changed in (
        replace(one, sample_ids=one.sample_ids[swapped]),
        replace(one, domain=domain),
        replace(one, labels=labels),
    ):
        assert changed.digest != one.digest


def test_a_step_of_the_epoch_sends_positions_only(state: ExplorerState) -> None:
    [run, _] = state.runs
    panel = LatentPlot(new_ranges(), 0, lambda _: None, lambda _: None)
    before, after = scene(state, run, 3), scene(state, run, 4)
    panel.show(before, 0.5, before.domain_colours, outlined=False)
    columns = {name: panel.points.data[name] for name in panel.points.data}
    panel.show(after, 0.5, after.domain_colours, outlined=False)
    assert all(
        panel.points.data[name] is columns[name] for name in ("colour", "edge", "marker", "alpha")
    )
    np.testing.assert_array_equal(panel.points.data["x"], after.x)
    # Other galaxies, other columns.
    fewer = replace(after, rows=after.rows[:50])
    panel.show(fewer, 0.5, fewer.domain_colours, outlined=False)
    assert {len(values) for values in panel.points.data.values()} == {50}


@pytest.mark.parametrize("threshold", [0.03, 0.37, 0.5, 0.81])
def test_the_page_can_draw_the_boundary_where_the_server_will(
    state: ExplorerState, threshold: float
) -> None:
    """The script multiplies the threshold's logit by the tag and rounds; where both agree nothing
    is painted twice.
    """
    panel = LatentPlot(new_ranges(), 0, lambda _: None, lambda _: None)
    shown = scene(state, state.runs[0], 3)
    panel.show(shown, threshold, shown.domain_colours, outlined=False)
    [scale] = panel.boundary.tags
    assert panel.boundary.location == round(
        float(np.log(threshold / (1 - threshold))) * scale, PLACES
    )
    assert shown.coordinates.threshold_x is not None
    assert panel.boundary.location == pytest.approx(
        shown.coordinates.threshold_x(threshold), abs=0.51 * 10**-PLACES
    )
