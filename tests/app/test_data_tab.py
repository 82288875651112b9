"""The Data tab without a browser: galleries from a child process, inspections kept on disk and
shared, and failures said.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from factories import make_galaxies, make_run
from fake_inspection import VERDICT, make_inspection
from shown import parts, shown

from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.data.inspection_job import (
    folder_of,
    inspect_command,
    load_inspection,
    start_inspection,
)
from daexplore.app.tabs.data.model import DomainInspectionModel, run_choices
from daexplore.app.tabs.data.preview import (
    DomainChoice,
    DomainPreview,
    preview_domains,
    validated_choice,
)
from daexplore.app.tabs.data.tab import DataTab
from daexplore.errors import InputError

SCRIPT = Path(__file__).parents[1] / "helpers" / "fake_inspecting.py"
CHOICE = DomainChoice("sims", "survey")


def command(how: str) -> Callable[[DomainChoice, Path], list[str]]:
    return lambda choice, folder: [sys.executable, str(SCRIPT), how, str(folder)]


def opened(choice: DomainChoice) -> "Future[DomainPreview]":
    future: Future[DomainPreview] = Future()
    gallery = make_inspection()["walls"][0]
    future.set_result(
        DomainPreview(
            (gallery,),
            {"source": "sims", "target": "survey"},
            {"source": "sims", "target": "survey"},
            repr(choice)[:40],
        )
    )
    return future


def wait(data: DomainInspectionModel, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while data.busy:
        data.tick()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("galaxies")
    make_galaxies(root, 60)
    return root


def test_walls_show_galaxies_of_each_class_and_mark_target_labels(galaxies: Path) -> None:
    found = preview_domains(DomainChoice(str(galaxies / "source"), str(galaxies / "target")))
    assert [
        (gallery["domain"], gallery["label"], gallery["oracle"]) for gallery in found.galleries
    ] == [
        ("source", "merger", False),
        ("source", "non-merger", False),
        ("target", "merger", True),
        ("target", "non-merger", True),
    ]
    assert all(gallery["total"] >= gallery["n"] == 16 for gallery in found.galleries)
    assert "60 images" in found.words["source"]


def test_the_key_changes_with_the_galaxies_and_with_nothing_else(
    galaxies: Path, tmp_path: Path
) -> None:
    choice = DomainChoice(str(galaxies / "source"), str(galaxies / "target"))
    assert preview_domains(choice).key == preview_domains(choice).key
    make_galaxies(tmp_path, 61)
    assert (
        preview_domains(DomainChoice(str(tmp_path / "source"), str(galaxies / "target"))).key
        != preview_domains(choice).key
    )


def test_the_galaxies_of_a_run_are_opened_and_runs_on_the_same_ones_share_an_entry(
    tmp_path: Path,
) -> None:
    for method in ("noda", "mmd"):
        make_run(tmp_path / "runs", method, n=240, epochs=1, data_path=tmp_path / "data")
    choices = run_choices(ExplorerState(tmp_path / "runs"))
    assert list(choices) == ["the runs' galaxies"]
    found = preview_domains(next(iter(choices.values())))
    assert len(found.galleries) == 4
    assert found.names == {"source": "source", "target": "target"}


def test_what_is_typed_in_is_checked(galaxies: Path) -> None:
    with pytest.raises(InputError, match="path of the target images"):
        validated_choice(str(galaxies / "source"), " ")
    with pytest.raises(InputError, match="nowhere do not exist"):
        validated_choice(str(galaxies / "nowhere"), "demo")
    assert validated_choice(f" {galaxies / 'source'} ", "demo", "kind ") == DomainChoice(
        str(galaxies / "source"), "demo", "kind"
    )


def test_the_command_is_what_one_would_type() -> None:
    assert inspect_command(DomainChoice("a b", "c", "kind"))[1:] == [
        "-m",
        "daexplore",
        "inspect",
        "a b",
        "c",
        "--label",
        "kind",
    ]
    assert inspect_command(DomainChoice(run="runs/1"), Path("f"))[4:] == [
        "--run",
        "runs/1",
        "--json",
        str(Path("f/inspection.json")),
        "--html",
        str(Path("f/inspection.html")),
    ]


def test_an_inspection_comes_from_a_child_and_is_kept_for_the_next_page(tmp_path: Path) -> None:
    data = DomainInspectionModel(tmp_path, command("well"), opened)
    data.set_domains(CHOICE)
    data.tick()
    assert data.look is not None
    assert data.inspection is None
    data.inspect(CHOICE)
    assert data.inspecting
    wait(data)
    assert data.inspection == json.loads(json.dumps(make_inspection()))
    assert data.page is not None

    again = DomainInspectionModel(tmp_path, command("die"), opened)
    again.set_domains(CHOICE)
    again.tick()
    assert again.inspection == data.inspection


def test_progress_is_told(tmp_path: Path) -> None:
    data = DomainInspectionModel(tmp_path, command("wait"), opened)
    data.inspect(CHOICE)
    end = time.monotonic() + 30
    while data.progress() != ("Measuring: 3 of 12", 0.25):
        data.tick()
        assert time.monotonic() < end
        time.sleep(0.05)
    data.stop()
    assert not data.inspecting


def test_two_pages_share_a_child_and_one_that_stops_does_not_stop_the_other(tmp_path: Path) -> None:
    one, other = (DomainInspectionModel(tmp_path, command("wait"), opened) for _ in range(2))
    for data in (one, other):
        data.inspect(CHOICE)
        data.tick()
    child = one.job
    assert child is not None
    assert child is other.job
    one.stop()
    assert child.poll() == "running"
    other.stop()
    end = time.monotonic() + 30
    while child.poll() == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert child.state == "stopped"


@pytest.mark.parametrize(
    ("how", "words"), [("refuse", "The bands differ: g, r and F814W"), ("die", "SIGKILL")]
)
def test_a_child_that_fails_is_said_and_can_be_tried_again(
    tmp_path: Path, how: str, words: str
) -> None:
    data = DomainInspectionModel(tmp_path, command(how), opened)
    data.inspect(CHOICE)
    with pytest.raises(InputError, match=words):
        wait(data)
    assert not data.busy
    data.command = command("well")
    data.inspect(CHOICE)
    wait(data)
    assert data.inspection is not None


def test_galaxies_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    def refused(choice: DomainChoice) -> "Future[DomainPreview]":
        future: Future[DomainPreview] = Future()
        future.set_exception(InputError("images.npy is truncated."))
        return future

    data = DomainInspectionModel(tmp_path, command("well"), refused)
    data.inspect(CHOICE)
    with pytest.raises(InputError, match="truncated"):
        data.tick()
    assert not data.busy
    assert data.look is None


def test_a_torn_or_missing_result_counts_as_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "key")
    assert load_inspection(folder) is None
    folder.mkdir(parents=True)
    (folder / "inspection.html").write_text("")
    (folder / "inspection.json").write_text('{"format": 1, ')
    assert load_inspection(folder) is None


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        start_inspection(CHOICE, tmp_path / "file" / "key", ["true"])


def test_the_tab_teaches_first_then_shows_walls_then_what_was_found(tmp_path: Path) -> None:
    state = ExplorerState(tmp_path)
    data = DomainInspectionModel(tmp_path, command("well"), opened)
    tab = DataTab(state, Session(), data)
    tab.enter()
    text = shown(tab.view)
    assert "how do these domains differ" in text
    assert "daexplore inspect distant distant" in text
    assert text.count("<img ") == 1
    before = len(list(parts(tab.view)))
    tab.inspect.clicks += 1
    assert tab.inspect.disabled
    end = time.monotonic() + 60
    while data.busy:
        tab.tick()
        assert time.monotonic() < end
        time.sleep(0.05)
    assert VERDICT in shown(tab.view)
    assert shown(tab.view).count("<img ") == 4
    assert len(list(parts(tab.view))) > before + 3
    assert tab.save.visible
    assert tab.save.callback().read().startswith(b"<!doctype html>")
    tab.galaxies.value = "my own"
    assert tab.source.visible
    assert VERDICT not in shown(tab.view)
    assert "ingest" in shown(tab.view)
    tab.inspect.clicks += 1
    assert "path of the source images" in state.alert


def test_walls_of_large_images_are_small(tmp_path: Path) -> None:
    from daexplore.app.tabs.data.preview import _sized

    assert _sized(np.zeros((2, 24, 24, 3), np.uint8)).shape == (2, 96, 96, 3)
    assert _sized(np.zeros((2, 300, 200, 3), np.uint8)).shape == (2, 96, 64, 3)
