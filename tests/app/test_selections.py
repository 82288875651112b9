"""Named selections: what is saved comes back, names are safe, nothing is lost between sessions,
damaged files are named.
"""

import json
import threading
from pathlib import Path

import pytest
from factories import make_run

from daexplore.errors import InputError
from daexplore.runs import RunStore
from daexplore.runs.selections import Selections, selection_name

IDS = ["target/G00007-0", "source/G00003-0", "target/G00007-0"]


@pytest.fixture
def kept(tmp_path: Path) -> Selections:
    return Selections(tmp_path / "runs")


def test_what_is_saved_comes_back_sorted_and_in_plain_json(kept: Selections) -> None:
    provenance = {"runs": ["a", "b"], "epoch": None, "threshold": 0.7, "view": "plane"}
    kept.save(" broken by MMD ", IDS, " odd ones ", provenance)
    found = kept.load("broken by MMD")
    assert found.sample_ids == ("source/G00003-0", "target/G00007-0")
    assert (found.note, found.provenance) == ("odd ones", provenance)
    assert found.created.endswith("Z")
    record = json.loads((kept.folder / "broken by MMD.json").read_text())
    assert (record["n"], record["sample_ids"]) == (2, list(found.sample_ids))
    assert kept.all() == ([found], [])


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "../escape",
        "a/b",
        "a\\b",
        ".hidden",
        "x" * 65,
        "line\nbreak",
        "nul\0",
        "con:",
        "<b>",
        "a.",
        "-x",
    ],
)
def test_names_that_could_leave_the_folder_are_refused(kept: Selections, name: str) -> None:
    with pytest.raises(InputError, match="A selection cannot be called"):
        kept.save(name, IDS)
    with pytest.raises(InputError, match="A selection cannot be called"):
        kept.load(name)
    assert not kept.folder.exists()


@pytest.mark.parametrize(
    "name", ["a", "Überlappung 3", "p>0.5".replace(">", " "), "seed (2)", "x" * 64, "z=2 mergers"]
)
def test_names_as_one_writes_them_are_taken(kept: Selections, name: str) -> None:
    assert kept.load(kept.save(name, IDS).name).name == selection_name(name)


def test_a_name_that_is_taken_is_not_written_over(kept: Selections) -> None:
    first = kept.save("mine", IDS)
    with pytest.raises(InputError, match="already"):
        kept.save("Mine", ["target/G00001-0"])
    assert kept.load("mine") == first


def test_nothing_is_saved_of_no_galaxies(kept: Selections) -> None:
    with pytest.raises(InputError, match="select some first"):
        kept.save("none", [])


def test_what_is_deleted_can_be_put_back(kept: Selections) -> None:
    saved = kept.save("mine", IDS)
    gone = kept.delete("mine")
    assert kept.all() == ([], [])
    with pytest.raises(InputError, match="There is no selection 'mine'"):
        kept.load("mine")
    kept.restore(gone)
    assert kept.load("mine") == saved


def test_sessions_that_save_at_once_lose_nothing(kept: Selections) -> None:
    refused: list[str] = []
    start = threading.Barrier(8)

    def session(number: int) -> None:
        own = Selections(kept.folder.parent)
        start.wait()
        own.save(f"own {number}", [f"target/G{number:05d}-0"])
        try:
            own.save("shared", [f"target/G{number:05d}-0"])
        except InputError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=session, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, damaged = kept.all()
    assert damaged == []
    assert [each.name for each in found] == [*(f"own {number}" for number in range(8)), "shared"]
    assert len(refused) == 7
    assert all("already" in text for text in refused)
    assert [
        file.name
        for file in kept.folder.iterdir()
        if file.suffix not in (".json", "") and file.name != ".lock"
    ] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 9}, '"format": 1'),
        ({"name": "other"}, "expected the name"),
        ({"sample_ids": "target/G00007-0"}, "sample_ids"),
        ({"sample_ids": [1, 2]}, "sample_ids"),
        ({"sample_ids": ["target/G00007-0"]}, "sample_ids"),
        ({"note": 3}, "note"),
        ({"provenance": []}, "provenance"),
    ],
)
def test_damaged_files_are_named_and_the_others_stay(
    kept: Selections, change: dict[str, object], says: str
) -> None:
    good = kept.save("good", IDS)
    kept.save("bad", IDS)
    file = kept.folder / "bad.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    found, damaged = kept.all()
    assert found == [good]
    assert [path for path, _ in damaged] == [file]
    assert says in damaged[0][1]
    assert str(file) in damaged[0][1]


def test_a_torn_file_is_named(kept: Selections) -> None:
    kept.save("torn", IDS)
    file = kept.folder / "torn.json"
    file.write_text(file.read_text()[:40])
    assert "not readable JSON" in kept.all()[1][0][1]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "selections").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        Selections(tmp_path).save("mine", IDS)


def test_the_store_does_not_take_the_folder_for_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, n=80, epochs=1)
    Selections(tmp_path).save("mine", IDS)
    store = RunStore(tmp_path)
    store.refresh()
    assert [each.id for each in store.runs()] == [run.id]
    assert store.damaged() == []
