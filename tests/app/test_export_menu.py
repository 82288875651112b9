"""Taking away, without a browser: figures are of the moment they were asked for, failures are said,
selections come back.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from computing import Waiting
from factories import make_run

from daexplore.app.components.export_menu import VIEWS, ExportMenu, figure_request, make_figure
from daexplore.app.components.saved_selections import (
    restore_selection,
    save_selection,
    selections_bar,
)
from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState
from daexplore.errors import InputError
from daexplore.runs.selections import Selections
from daexplore.views.figures.base import FigureSpec


@pytest.fixture
def state(tmp_path: Path) -> ExplorerState:
    for method in ("noda", "mmd"):
        make_run(tmp_path, method, n=160, epochs=2)
    return ExplorerState(tmp_path)


@pytest.fixture
def waiting(state: ExplorerState) -> Waiting:
    return Waiting(state)


@pytest.fixture
def asked(waiting: Waiting) -> list[Callable[[], object]]:
    return waiting.asked


@pytest.fixture
def taking(state: ExplorerState, waiting: Waiting) -> ExportMenu:
    return ExportMenu(state, Session(), service=waiting)


def press(taking: ExportMenu, kind: str) -> None:
    taking.buttons[kind].clicks += 1


def test_a_figure_under_way_is_that_of_the_moment_it_was_asked_for(
    state: ExplorerState, taking: ExportMenu, asked: list
) -> None:
    state.show(threshold=0.8, epoch=1, domains="target")
    press(taking, "csv")
    assert taking.buttons["png"].disabled
    assert "Drawing daexplore-plane-test.csv" in taking.said.object
    state.show(threshold=0.2, epoch=2, domains="source", split="validation")
    asked.pop()()
    assert not taking.buttons["png"].disabled
    assert taking.download.filename == "daexplore-plane-test.csv"
    assert taking.download.data.startswith("data:text/plain")
    text = taking.download.file.getvalue().decode()
    assert "# threshold: p = 0.8" in text
    table = pd.read_csv(io.StringIO(text), comment="#")
    for run in state.runs:
        found = run.evaluation(1)
        rows = table[(table["run"] == state.label(run)) & (table["series"] == "galaxy")]
        assert set(rows["sample_id"]) == set(found.sample_ids[found.mask("target", "test")])
        assert set(rows["epoch"]) == {1}


@pytest.mark.parametrize("view", VIEWS.values())
def test_every_view_is_drawn_of_all_runs(state: ExplorerState, view: str) -> None:
    drawing = make_figure(figure_request(state, view))
    assert drawing.name == view
    assert set(
        drawing.table["run"]
        if "run" in drawing.table
        else " → ".join(drawing.table["step"]).split(" → ")
    ) == {state.label(run) for run in state.runs}


def test_principal_components_are_those_on_screen(state: ExplorerState) -> None:
    state.show(view="pca")
    drawing = make_figure(figure_request(state, "galaxies"))
    assert drawing.meta["view"] == "Principal components"
    assert drawing.axes[0].startswith("PC 1")


def test_the_same_file_can_be_saved_twice(taking: ExportMenu, asked: list) -> None:
    seen = []
    taking.download.param.watch(lambda event: seen.append(event.new), "data")
    for _ in range(2):
        press(taking, "csv")
        asked.pop()()
    assert [bool(data) for data in seen if data is not None] == [True, True]
    assert seen[-2] is None


def test_failures_are_said_and_the_buttons_come_back(
    state: ExplorerState, taking: ExportMenu, asked: list
) -> None:
    state.show(view="umap")
    press(taking, "pdf")
    asked.pop()()
    assert "still being computed" in state.alert
    assert not taking.buttons["pdf"].disabled
    state.warn("")
    state.set_runs([])
    press(taking, "pdf")
    assert asked == []
    assert "choose some first" in state.alert


def test_the_report_is_of_the_runs_on_screen(
    state: ExplorerState, taking: ExportMenu, asked: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daexplore.views.comparison.report.svg_data_uri", lambda drawing: "data:,")
    said = []
    taking.said.param.watch(lambda event: said.append(event.new), "object")
    press(taking, "html")
    asked.pop()()
    page = taking.download.file.getvalue().decode()
    assert taking.download.filename == "daexplore-report-test.html"
    assert all(run.id in page for run in state.runs)
    assert any("2 of 2 runs" in text for text in said)


def test_a_selection_comes_back_in_another_session(state: ExplorerState) -> None:
    found = state.runs[0].evaluation()
    ids = frozenset(found.sample_ids[found.mask("target", "test")][:5].tolist())
    state.select(ids)
    state.show(threshold=0.6)
    kept = save_selection(state, "odd", "look again")
    assert kept.provenance["threshold"] == 0.6
    assert kept.provenance["run_ids"] == state.run_ids
    other = ExplorerState(state.root)
    other.select_where("mass_ratio:0.5..2")
    said = restore_selection(other, "odd")
    assert other.selection == ids
    assert other.filter == ""
    assert "5 of its 5 galaxies" in said
    assert "look again" in said
    with pytest.raises(InputError, match="select some first"):
        save_selection(ExplorerState(state.root), "none")


def test_galaxies_that_the_runs_lack_are_counted(state: ExplorerState) -> None:
    known = str(state.runs[0].evaluation().sample_ids[0])
    Selections(state.root).save("mixed", [known, "elsewhere/G1"])
    assert "1 of its 2 galaxies" in restore_selection(state, "mixed")


def widgets(bar: object) -> dict[str, object]:
    return {widget.label: widget for widget in bar[0]}


def test_the_bar_follows_the_selection_and_deletes_with_undo(state: ExplorerState) -> None:
    bar = selections_bar(state)
    parts = widgets(bar)
    assert parts["Save selection"].disabled
    ids = state.runs[0].evaluation().sample_ids
    state.select(frozenset(ids[:3].tolist()))
    parts["Name of the selection"].value = "three"
    parts["Save selection"].clicks += 1
    assert parts["Saved selections"].value == "three"
    assert "3 galaxies are saved as “three”" in bar[1].object
    state.select(None)
    assert parts["Saved selections"].value == ""
    parts["Saved selections"].value = "three"
    assert state.selection == frozenset(ids[:3].tolist())
    parts["Delete"].clicks += 1
    assert Selections(state.root).all() == ([], [])
    assert state.selection is not None
    parts["Undo"].clicks += 1
    assert [each.name for each in Selections(state.root).all()[0]] == ["three"]


def test_the_bar_names_damaged_files_and_refuses_bad_names(state: ExplorerState) -> None:
    Selections(state.root).save("good", ["x"])
    (state.root / "selections" / "bad.json").write_text("{")
    bar = selections_bar(state)
    assert "bad.json" in bar[1].object
    parts = widgets(bar)
    state.select(frozenset(np.array(["x", "y"])))
    parts["Name of the selection"].value = "../up"
    parts["Save selection"].clicks += 1
    assert "cannot be called" in state.alert


def test_a_rooms_own_figure_is_taken_as_it_was_when_asked_for(
    state: ExplorerState, waiting: Waiting, asked: list
) -> None:
    found = pd.DataFrame({"run": ["a"], "level": [1.0]})
    taking = ExportMenu(
        state,
        Session(),
        service=waiting,
        own={"Mine": lambda: FigureSpec("dial", found.copy(), {"view": "mine"}, "one galaxy")},
    )
    assert taking.view_choice.value == "Mine"
    press(taking, "csv")
    found["level"] = 2.0
    asked.pop()()
    assert taking.download.filename == "daexplore-dial-test.csv"
    assert (
        taking.download.file.getvalue().decode()
        == "# view: mine\n# figure: one galaxy\nrun,level\na,1.0\n"
    )
