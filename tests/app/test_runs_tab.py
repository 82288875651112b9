"""The Runs tab without a browser: what it lists, finds, sorts, tags, deletes and hands
on.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from factories import make_run
from shown import parts, shown

from daexplore.app.core.session import Session
from daexplore.app.jobs.job import JOB_RECORD, JOBS_FOLDER
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.runs.model import MAX_COLUMNS, RunsModel
from daexplore.app.tabs.runs.rows import COLUMNS, labels
from daexplore.app.tabs.runs.tab import RunsTab
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.runs.archive.zip_file import export_run
from daexplore.runs.notes import RunNotes
from daexplore.runs.trash import discarded
from daexplore.utils.processes import process_identity

MADE = (("noda", 0), ("mmd", 0), ("mmd", 1), ("dann", 0), ("mmd", 0))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("original") / "runs"
    for epochs, (method, seed) in enumerate(MADE, 1):
        make_run(root, method, seed=seed, n=60, epochs=epochs, saliency=False)
    make_run(root, "coral", n=60, epochs=1, status="failed", saliency=False)
    torn = root / "20200101T000000-mmd-torn0000"
    torn.mkdir()
    (torn / "run.json").write_text('{"format": 1, "id": <b>')
    return root


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def board(root: Path) -> RunsModel:
    return RunsModel(ExplorerState(root))


def folder_of(board: RunsModel, method: str, seed: int = 0) -> str:
    return next(
        row.name
        for row in board.rows()
        if row.run is not None and (row.run.method, row.run.seed) == (method, seed)
    )


def names(board: RunsModel) -> list[str]:
    return [row.name for row in board.shown(board.rows())]


def test_every_run_is_listed_and_the_damaged_one_with_its_reason(
    board: RunsModel, root: Path
) -> None:
    rows = board.rows()
    assert {row.name for row in rows} == {path.name for path in root.iterdir()}
    (damaged,) = [row for row in rows if row.run is None]
    assert "not readable JSON" in damaged.problem
    assert board.counts(rows, rows[:3]) == f"3 of 7 runs shown, 1 damaged, in {root}"


def test_labels_are_those_of_the_rest_of_the_page(board: RunsModel) -> None:
    runs = board.state.all_runs
    assert labels(runs) == [board.state.label(run) for run in runs]
    assert len(set(labels(runs))) == len(runs)


@pytest.mark.parametrize("key", [column["key"] for column in COLUMNS])
def test_every_column_sorts_both_ways_with_the_damaged_run_kept(board: RunsModel, key: str) -> None:
    board.param.update(sort=key, descending=False)
    up = names(board)
    board.descending = True
    assert sorted(up) == sorted(names(board)) == sorted(row.name for row in board.rows())


def test_sorted_by_target_accuracy_as_pandas_does(board: RunsModel) -> None:
    told = {
        row.name: row.run.info["metrics"]["target"]["test"]["accuracy"]["value"]
        for row in board.rows()
        if row.run is not None
    }
    values = pd.Series(told)
    for descending in (False, True):
        board.param.update(sort="target", descending=descending)
        found = names(board)
        assert "torn0000" in found[-1]
        assert values[found[:-1]].tolist() == values.sort_values(ascending=not descending).tolist()


def test_a_search_finds_every_word_anywhere(board: RunsModel) -> None:
    board.search = "MMD seed"
    assert len(names(board)) == 3
    board.search = "wrong failed"
    assert names(board) == [folder_of(board, "coral")]
    board.search = "damaged torn"
    assert len(names(board)) == 1
    board.search = "nothing like it"
    assert names(board) == []


def test_tags_are_added_found_and_taken_away(board: RunsModel, root: Path) -> None:
    noda, mmd = folder_of(board, "noda"), folder_of(board, "mmd", 1)
    with pytest.raises(InputError, match="No run is ticked"):
        board.add_tag("paper")
    board.ticked = [noda, mmd]
    board.add_tag("paper")
    board.ticked = [noda]
    board.add_tag("best")
    assert board.known_tags(board.rows()) == ["best", "paper"]
    board.tags = ["paper"]
    assert set(names(board)) == {noda, mmd}
    board.tags = ["paper", "best"]
    assert names(board) == [noda]
    board.remove_tag("paper")
    assert names(board) == []
    assert RunNotes(root).of(mmd).tags == ("paper",)
    with pytest.raises(InputError, match="None of the ticked runs has the tag"):
        board.remove_tag("paper")
    assert json.loads((root / noda / "run.json").read_text())["tags"] == []


def test_two_visitors_see_each_others_tags_and_overwrite_no_note(root: Path) -> None:
    one, other = RunsModel(ExplorerState(root)), RunsModel(ExplorerState(root))
    run = folder_of(one, "noda")
    one.ticked = other.ticked = [run]
    one.add_tag("a")
    other.add_tag("b")
    assert one.known_tags(one.rows()) == ["a", "b"]
    one.write_note("mine", "")
    with pytest.raises(InputError, match="changed meanwhile"):
        other.write_note("theirs", "")
    other.write_note("theirs", "mine")
    assert RunNotes(root).of(run).text == "theirs"


def test_up_to_four_evaluated_runs_go_side_by_side(board: RunsModel) -> None:
    rows = [row for row in board.rows() if row.run is not None]
    board.ticked = [row.name for row in rows[:4]]
    board.put_side_by_side()
    assert board.state.run_ids == board.ticked
    assert {row.name for row in board.rows() if row.beside} == set(board.ticked)
    board.ticked = [row.name for row in rows[:5]]
    with pytest.raises(InputError, match="at most 4"):
        board.put_side_by_side()
    board.ticked = [row.name for row in board.rows() if row.run is None]
    with pytest.raises(InputError, match="cannot be put side by side"):
        board.put_side_by_side()
    assert len(board.state.run_ids) == 4


def test_settings_of_the_ticked_runs_are_compared_else_those_side_by_side(board: RunsModel) -> None:
    board.state.set_runs([folder_of(board, "noda"), folder_of(board, "dann")])
    assert list(board.settings(board.rows())[0]) == [
        row.label for row in board.rows() if row.beside
    ]
    board.ticked = [folder_of(board, "mmd", 1), folder_of(board, "coral")]
    configs, about = board.settings(board.rows())
    assert [config.method for config in configs.values()] == ["mmd", "coral"]
    assert about == "2 of the 2 runs ticked"
    tab = RunsTab(board.state, Session(), lambda: True)
    tab.board.ticked = board.ticked
    assert "alignments.<wbr>coral" in shown(tab.view)
    assert "<td>seed</td><td>1</td><td>0</td>" in shown(tab.view)
    assert "learning_rate" not in shown(tab.view)


def test_of_many_ticked_runs_the_first_are_compared_and_the_rest_counted(root: Path) -> None:
    for seed in range(10, 20):
        make_run(root, "coral", seed=seed, n=40, epochs=1, saliency=False)
    board = RunsModel(ExplorerState(root))
    board.ticked = [row.name for row in board.rows() if row.run is not None and row.run.seed >= 10]
    configs, about = board.settings(board.rows())
    assert len(configs) == MAX_COLUMNS
    assert about == f"{MAX_COLUMNS} of the 10 runs ticked"


def test_deleting_moves_to_the_trash_and_undo_brings_back(board: RunsModel, root: Path) -> None:
    noda, mmd = folder_of(board, "noda"), folder_of(board, "mmd", 1)
    board.ticked = [noda, mmd]
    board.add_tag("paper")
    board.delete()
    assert board.ticked == []
    assert board.status_message == "2 runs moved to the trash."
    assert {noda, mmd}.isdisjoint(names(board))
    assert {each.item.name: each.label for each in board.trash()} == {
        noda: "noDA · seed 0",
        mmd: "MMD · seed 1",
    }
    board.undo()
    assert {noda, mmd} <= set(names(board))
    assert board.trash() == board.deleted == []
    assert RunNotes(root).of(noda).tags == ("paper",)


def test_what_is_being_written_stays_and_the_rest_goes(board: RunsModel, root: Path) -> None:
    running = make_run(root, "dann", seed=7, n=60, epochs=1, status="running", saliency=False)
    noda, coral = folder_of(board, "noda"), folder_of(board, "coral")
    (root / JOBS_FOLDER / "abc").mkdir(parents=True)
    (root / JOBS_FOLDER / "abc" / JOB_RECORD).write_text(
        json.dumps({"run": coral, "process": process_identity()})
    )
    board.state.refresh()
    board.ticked = [running.id, noda, coral]
    with pytest.raises(InputError, match=r"is still writing it.*a training of it is starting"):
        board.delete()
    assert [item.name for item in discarded(root)] == [noda]
    assert board.ticked == [running.id, coral]
    assert running.path.is_dir()


def test_a_damaged_run_can_be_deleted_and_restored_from_the_list(
    board: RunsModel, root: Path
) -> None:
    tab = RunsTab(board.state, Session(), lambda: True)
    torn = next(row.name for row in tab.board.rows() if row.run is None)
    tab.table.ticked = [torn]
    assert tab.board.ticked == [torn]
    tab.toolbar.delete.clicks += 1
    assert board.state.damaged == []
    assert tab.toolbar.undo.visible
    tab.bin.ticked = tab.bin.order
    tab.restore.clicks += 1
    assert [path.name for path, _ in board.state.damaged] == [torn]
    assert tab.restore not in list(parts(tab.view))


def test_an_exported_run_is_taken_in_elsewhere(
    board: RunsModel, root: Path, tmp_path: Path
) -> None:
    board.ticked = [folder_of(board, "dann")]
    row = board.to_export()
    (tmp_path / "out").mkdir()
    file, said = board.export(row, tmp_path / "out")
    assert said.startswith(f"DANN · seed 0 was exported as {row.name}.zip")
    other = RunsModel(ExplorerState(tmp_path / "elsewhere"))
    assert other.import_archive(file) == f"DANN · seed 0 was imported as {row.name}."
    with pytest.raises(InputError, match="already"):
        other.import_archive(file)
    board.ticked = names(board)[:2]
    with pytest.raises(InputError, match="tick one to export it"):
        board.to_export()


def test_too_large_a_run_is_sent_to_the_command_line(
    board: RunsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daexplore.app.tabs.runs.model.MAX_PAGE", 1000)
    board.ticked = [folder_of(board, "dann")]
    with pytest.raises(InputError, match="daexplore runs export"):
        board.to_export()


def test_the_room_uploads_and_says_why_it_refuses(root: Path, tmp_path: Path) -> None:
    archive = export_run(next(path for path in root.glob("*dann*")), tmp_path).file
    state = ExplorerState(tmp_path / "new")
    tab = RunsTab(state, Session(), lambda: True)
    tab.toolbar.upload.param.update(
        filename="../x.zip", mime_type="application/zip", value=archive.read_bytes()
    )
    assert tab.board.status_message == f"DANN · seed 0 was imported as {archive.stem}."
    assert [run.id for run in state.all_runs] == [archive.stem]
    assert contents(tmp_path / "new" / archive.stem) == contents(root / archive.stem)
    tab.toolbar.upload.param.update(
        filename="bad.zip", mime_type="application/zip", value=b"no archive"
    )
    assert state.alert.startswith("bad.zip was not imported: it is damaged")
    assert not tab.toolbar.upload.loading


def test_the_table_is_plain_text_and_sent_only_when_it_changes(root: Path) -> None:
    state = ExplorerState(root)
    tab = RunsTab(state, Session(), lambda: True)
    sent = []
    tab.table.param.watch(lambda event: sent.append(event.name), ["rows", "order"])
    rows = {row["key"]: row for row in json.loads(tab.table.rows)}
    run = Run(next(path for path in root.glob("*noda*")))
    accuracy = run.info["metrics"]["target"]["test"]["accuracy"]
    cell = rows[run.id]["cells"][[column["key"] for column in COLUMNS].index("target")]
    assert cell == {
        "text": f"{accuracy['value']:.3f}",
        "small": f"[{accuracy['low']:.3f}, {accuracy['high']:.3f}] test, n = {accuracy['n']}",
    }
    tab.table.ticked = [run.id]
    assert sent == []
    tab.board.search = "noda"
    assert sent == ["order"]
    assert tab.table.order == [run.id]


def test_a_note_being_written_is_not_replaced_by_what_others_do(root: Path) -> None:
    state = ExplorerState(root)
    tab = RunsTab(state, Session(), lambda: True)
    run = folder_of(tab.board, "noda")
    tab.table.ticked = [run]
    tab.toolbar.note.value = "half a sen"
    RunNotes(root).write(run, "from elsewhere", "")
    tab.follow()
    assert tab.toolbar.note.value == "half a sen"
    tab.toolbar.save.clicks += 1
    assert "changed meanwhile" in state.alert
    assert RunNotes(root).of(run).text == "from elsewhere"
    tab.toolbar.note.value = ""
    tab.follow()
    tab.draw()
    assert tab.toolbar.note.value == "from elsewhere"


def test_a_room_that_is_not_on_screen_does_not_follow(root: Path) -> None:
    state = ExplorerState(root)
    on = [True]
    tab = RunsTab(state, Session(), lambda: on[0])
    before = tab.table.rows
    on[0] = False
    shutil.rmtree(next(root.glob("*noda*")))
    state.refresh()
    assert tab.table.rows == before
    tab.draw()
    assert "noDA" not in tab.table.rows


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
