"""A run as one file: what goes out comes back byte for byte, and no archive writes outside the
store or leaves half a run in it.
"""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import call
from factories import make_run

from daexplore.errors import InputError
from daexplore.runs import Run, RunStore
from daexplore.runs.archive.zip_file import export_run, import_run, run_size
from daexplore.runs.notes import MAX_NOTE, Note, RunNotes
from daexplore.runs.trash import discarded, move_to_trash, restore, trash_folder
from daexplore.utils.processes import process_identity

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    root = tmp_path_factory.mktemp("home")
    run = make_run(root / "runs", "mmd", n=40, epochs=2, data_path=root / "data")
    RunNotes(root / "runs").add_tag([run.id], "paper")
    RunNotes(root / "runs").write(run.id, "see § 4 <b>", "")
    return run, export_run(run.path, root / "run.zip").file


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def repacked(exported: tuple[Run, Path], to: Path, **changed: bytes | None) -> Path:
    """The archive with files of the run, or the notes, replaced or left out (None)."""
    run, archive = exported
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(to, "w") as new:
        for entry in old.infolist():
            inside = entry.filename.removeprefix(f"{run.id}/")
            data = changed.get(inside, old.read(entry))
            if data is not None:
                new.writestr(entry.filename, data)
        for name in set(changed) - {
            entry.filename.removeprefix(f"{run.id}/") for entry in old.infolist()
        }:
            new.writestr(name, changed[name] or b"")
    return to


def refused(file: Path, tmp_path: Path, match: str, **options: int) -> None:
    """Importing fails for this reason, and neither the store nor anything around it is changed."""
    store = tmp_path / "around" / "store"
    store.mkdir(parents=True, exist_ok=True)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=match):
        import_run(file, store, **options)
    assert contents(tmp_path) == before
    assert list(store.iterdir()) == []


def test_a_run_comes_back_byte_for_byte_with_tags_and_note(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    run, archive = exported
    done = import_run(archive, tmp_path / "new" / "store")
    assert done.path == tmp_path / "new" / "store" / run.id
    assert contents(done.path) == contents(run.path)
    assert RunNotes(tmp_path / "new" / "store").of(run.id) == Note(("paper",), "see § 4 <b>")
    (found,) = RunStore(tmp_path / "new" / "store").runs()
    assert found.label == run.label
    assert sorted(path.name for path in (tmp_path / "new" / "store").iterdir()) == [
        ".notes.json",
        ".notes.lock",
        run.id,
    ]
    again = export_run(done.path, tmp_path / "again.zip").file
    assert again.read_bytes() == archive.read_bytes()


def test_the_archive_is_a_plain_zip_file_in_the_order_of_names(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    run, archive = exported
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert opened.testzip() is None
        opened.extractall(tmp_path)
    assert names == [*sorted(f"{run.id}/{name}" for name in contents(run.path)), "notes.json"]
    assert contents(tmp_path / run.id) == contents(run.path)
    assert run_size(run.path) == sum(map(len, contents(run.path).values()))


def test_what_is_no_file_of_a_run_is_left_out_and_named(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "runs" / exported[0].id
    shutil.copytree(exported[0].path, copy)
    (copy / "plot.png").write_bytes(b"x")
    (copy / "derived").mkdir()
    (copy / "derived" / "umap-epoch=0002.parquet").write_bytes(b"y")
    done = export_run(copy, tmp_path)
    assert done.left_out == ("plot.png",)
    assert done.file == tmp_path / f"{copy.name}.zip"
    assert "derived/umap-epoch=0002.parquet" in contents(
        import_run(done.file, tmp_path / "store").path
    )


def test_a_link_out_of_the_run_is_not_followed(exported: tuple[Run, Path], tmp_path: Path) -> None:
    copy = tmp_path / "runs" / exported[0].id
    shutil.copytree(exported[0].path, copy)
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    (copy / "log.txt").unlink(missing_ok=True)
    (copy / "log.txt").symlink_to(secret)
    (copy / "weights" / "epoch-0099.safetensors").symlink_to(secret)
    done = export_run(copy, tmp_path / "linked.zip")
    assert b"of somebody else" not in done.file.read_bytes()
    with zipfile.ZipFile(done.file) as opened:
        assert not [name for name in opened.namelist() if "0099" in name or "log.txt" in name]
    assert "weights/epoch-0099.safetensors" in done.left_out


def test_a_second_run_of_the_same_name_is_kept_beside_and_the_same_one_refused(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    run, archive = exported
    first = import_run(archive, tmp_path / "store").path
    with pytest.raises(
        InputError, match=rf"the same run, in the same state, is in .* already as {run.id}"
    ):
        import_run(archive, tmp_path / "store")
    told = json.dumps(run.info | {"updated": "2030-01-01T00:00:00Z"}).encode()
    other = repacked(exported, tmp_path / "other.zip", **{"run.json": told})
    second = import_run(other, tmp_path / "store")
    assert (second.path.name, second.name) == (f"{run.id}-2", run.id)
    assert contents(first) == contents(run.path)
    with pytest.raises(InputError, match=f"already as {run.id}-2"):
        import_run(other, tmp_path / "store")
    assert len(RunStore(tmp_path / "store").runs()) == 2


def test_images_that_are_not_on_this_machine_are_named(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    assert import_run(exported[1], tmp_path / "a").missing == ()
    told = json.loads((exported[0].path / "run.json").read_text())
    told["data"]["source"]["path"] = "/elsewhere/source"
    moved = repacked(exported, tmp_path / "moved.zip", **{"run.json": json.dumps(told).encode()})
    assert import_run(moved, tmp_path / "b").missing == ("/elsewhere/source",)


def test_an_interrupted_run_from_elsewhere_does_not_look_as_if_it_were_being_written(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    told = exported[0].info | {
        "status": "running",
        "process": {"pid": 1, "host": "elsewhere"},
        "updated": "2020-01-01T00:00:00Z",
    }
    archive = repacked(exported, tmp_path / "r.zip", **{"run.json": json.dumps(told).encode()})
    assert Run(import_run(archive, tmp_path / "store").path).status == "interrupted"


def test_a_run_that_is_being_written_or_is_damaged_is_not_exported(tmp_path: Path) -> None:
    running = make_run(tmp_path / "runs", n=40, epochs=1, status="running")
    with pytest.raises(InputError, match="being trained"):
        export_run(running.path, tmp_path / "a.zip")
    damaged = make_run(tmp_path / "runs", n=40, epochs=2)
    (damaged.path / "weights" / "epoch-0001.safetensors").unlink()
    with pytest.raises(InputError, match=r"epoch-0001.safetensors is missing"):
        export_run(damaged.path, tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    (tmp_path / "a.zip").touch()
    with pytest.raises(InputError, match="exists"):
        export_run(make_run(tmp_path / "runs", n=40, epochs=1).path, tmp_path / "a.zip")


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "../../evil.json",
        "/tmp/evil.json",
        "RUN/../../evil.json",
        "RUN/derived/../../../evil.json",
        "C:/evil.json",
        "C:evil.json",
        "RUN\\..\\..\\evil.json",
        "..\\evil.json",
        "\\\\host\\share\\evil.json",
        "RUN/derived/evil.json\x00.parquet",
        "RUN//run.json",
        "RUN/./run.json",
        "RUN/derived/CON:stream.json",
        "RUN/derived/line\nbreak.json",
    ],
)
def test_entries_that_would_lie_elsewhere_are_refused(
    exported: tuple[Run, Path], tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "bad.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a") as opened:
        entry = zipfile.ZipInfo("x")
        entry.filename = name.replace("RUN", exported[0].id)
        opened.writestr(entry, b"{}")
    refused(archive, tmp_path, "would be unpacked elsewhere")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(
    exported: tuple[Run, Path], tmp_path: Path, kind: int
) -> None:
    archive = tmp_path / "bad.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a") as opened:
        entry = zipfile.ZipInfo(f"{exported[0].id}/derived/link.json")
        entry.external_attr = (kind | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    refused(archive, tmp_path, "link or a device")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("RUN/model.pkl", "not a file of a run"),
        ("RUN/derived/model.pkl", "not a file of a run"),
        ("RUN/resume/epoch-0001.pt", "not a file of a run"),
        ("RUN/derived/.hidden.json", "not a file of a run"),
        ("RUN/evaluations/epoch=0001/more.parquet", "not a file of a run"),
        ("other/run.json", "2 runs"),
        (".trash/run.json", "not a file of a run"),
        ("run.json", "not a file of a run"),
        ("RUN/Run.json", "twice"),
    ],
)
def test_files_that_do_not_belong_are_refused(
    exported: tuple[Run, Path], tmp_path: Path, name: str, reason: str
) -> None:
    archive = tmp_path / "bad.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(name.replace("RUN/", f"{exported[0].id}/"), b"{}")
    refused(archive, tmp_path, reason)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_stands_twice_is_refused(exported: tuple[Run, Path], tmp_path: Path) -> None:
    archive = tmp_path / "bad.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(f"{exported[0].id}/run.json", b"{}")
    refused(archive, tmp_path, "twice")


def test_what_a_file_manager_adds_is_passed_over(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    archive = tmp_path / "packed.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.mkdir(f"{exported[0].id}/derived")
        opened.writestr(f"__MACOSX/{exported[0].id}/._run.json", b"x")
        opened.writestr(f"{exported[0].id}/.DS_Store", b"x")
    assert contents(import_run(archive, tmp_path / "store").path) == contents(exported[0].path)


def test_bombs_are_refused_before_anything_is_unpacked(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    archive = tmp_path / "bomb.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(f"{exported[0].id}/derived/zeros.csv", bytes(30_000_000))
    assert archive.stat().st_size < 2_000_000
    refused(archive, tmp_path, "would unpack to .* at most 20000000 are taken", limit=20_000_000)
    many = repacked(exported, tmp_path / "many.zip")
    with zipfile.ZipFile(many, "a", zipfile.ZIP_DEFLATED) as opened:
        for i in range(4):
            opened.writestr(f"{exported[0].id}/derived/{i}.csv", bytes(9_000_000))
    refused(many, tmp_path, "its files would unpack to", limit=20_000_000)
    told = repacked(exported, tmp_path / "told.zip", **{"run.json": b" " * (17 * 2**20) + b"{}"})
    refused(told, tmp_path, r"run.json would unpack to .* bytes; at most 16777216")


def test_a_bomb_that_lies_about_its_size_is_refused(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    archive = tmp_path / "liar.zip"
    shutil.copy(exported[1], archive)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(f"{exported[0].id}/derived/zeros.csv", bytes(3_000_000))
    data = archive.read_bytes()
    honest = (3_000_000).to_bytes(4, "little")
    assert data.count(honest) == 2
    archive.write_bytes(data.replace(honest, (100).to_bytes(4, "little")))
    refused(archive, tmp_path, "damaged, or not a zip file", limit=20_000_000)


@pytest.mark.parametrize(
    "gone",
    [
        "run.json",
        "history.jsonl",
        "samples.parquet",
        "evaluations/epoch=0001/outputs.parquet",
        "weights/epoch-0002.safetensors",
    ],
)
def test_missing_files_are_named(exported: tuple[Run, Path], tmp_path: Path, gone: str) -> None:
    refused(
        repacked(exported, tmp_path / "bad.zip", **{gone: None}),
        tmp_path,
        rf"{exported[0].id}/{gone} is missing",
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": 2}, "has format 2"),
        ({"format": None}, "not a run of daexplore"),
        ({"evaluated": [1, 2, 3]}, "is missing"),
        ({"evaluated": "12"}, "expected 'evaluated' to be list"),
        ({"evaluated": ["../../x"]}, "evaluated must list epochs"),
        ({"classes": ["one"]}, "two classes or more"),
        ({"classes": ["a", "b", "c"]}, "run.json says"),
        ({"seed": True}, "expected 'seed' to be int"),
        ({"created": "yesterday"}, "created must be a time"),
        ({"status": "<script>"}, "status must be"),
        ({"config": {"nonsense": 1}}, "config"),
        ({"data": {"source": {}}}, "expected data of source and target"),
        (
            {"metrics": {"target": {"test": {"accuracy": {"value": "high"}}}}},
            "expected a number in metrics.target.test.accuracy",
        ),
        ({"metrics": {"target": 3}}, "expected a number"),
    ],
)
def test_a_run_json_that_would_break_the_page_is_refused(
    exported: tuple[Run, Path], tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    told = json.dumps(exported[0].info | fields).encode()
    refused(repacked(exported, tmp_path / "bad.zip", **{"run.json": told}), tmp_path, reason)


@pytest.mark.parametrize("told", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"format": 1}'])
def test_a_damaged_run_json_is_refused(
    exported: tuple[Run, Path], tmp_path: Path, told: bytes
) -> None:
    refused(
        repacked(exported, tmp_path / "bad.zip", **{"run.json": told}),
        tmp_path,
        "was not imported: ",
    )


@pytest.mark.parametrize(
    "told", [b"[]", b"{", b'{"tags": [1]}', b'{"tags": ["a,b"]}', b'{"note": 5}']
)
def test_damaged_notes_are_refused(exported: tuple[Run, Path], tmp_path: Path, told: bytes) -> None:
    refused(
        repacked(exported, tmp_path / "bad.zip", **{"notes.json": told}),
        tmp_path,
        "was not imported: ",
    )


def test_other_files_are_refused(exported: tuple[Run, Path], tmp_path: Path) -> None:
    for name, data in {
        "empty.zip": b"",
        "text.zip": b"hello",
        "half.zip": exported[1].read_bytes()[:5000],
    }.items():
        (tmp_path / name).write_bytes(data)
        refused(
            tmp_path / name, tmp_path, f"{name} was not imported: it is damaged, or not a zip file"
        )
    refused(tmp_path / "none.zip", tmp_path, "none.zip is missing")
    with zipfile.ZipFile(tmp_path / "nothing.zip", "w"):
        pass
    refused(tmp_path / "nothing.zip", tmp_path, "it holds no run")


def test_damaged_archives_never_write_outside_and_leave_nothing_behind(
    exported: tuple[Run, Path], tmp_path: Path
) -> None:
    """Bytes flipped, cut out or doubled anywhere: the import succeeds with the very run, or refuses
    and leaves the store empty.
    """
    original, good = exported[1].read_bytes(), contents(exported[0].path)
    rng = random.Random(5)
    central = original.rfind(b"PK\x01\x02", 0, original.find(b"PK\x05\x06"))
    first = original.find(b"PK\x01\x02")
    refusals = 0
    for trial in range(150):
        data = bytearray(original)
        # The directory at the end is where the names and sizes are, so half of the harm is done
        # there.
        where = rng.randrange(first, len(data)) if trial % 2 else rng.randrange(len(data))
        match trial % 5:
            case 0:
                del data[where : where + rng.randrange(1, 200)]
            case 1:
                data[where:where] = data[central : central + 60]
            case _:
                for _ in range(rng.randrange(1, 6)):
                    data[min(where + rng.randrange(60), len(data) - 1)] = rng.randrange(256)
        place = tmp_path / str(trial)
        store = place / "store"
        store.mkdir(parents=True)
        (place / "x.zip").write_bytes(data)
        try:
            done = import_run(place / "x.zip", store, limit=50_000_000)
        except InputError:
            refusals += 1
            assert list(store.iterdir()) == []
        else:
            assert set(contents(done.path).items()) <= set(good.items())
            assert {path.name for path in store.iterdir()} <= {
                done.path.name,
                ".notes.json",
                ".notes.lock",
            }
        assert sorted(path.name for path in place.iterdir()) == ["store", "x.zip"]
        shutil.rmtree(place)
    assert refusals > 100


def test_the_command_line_hands_a_run_on(
    exported: tuple[Run, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = exported[0]
    code, out, err = call(monkeypatch, capsys, "runs", "export", run.path, tmp_path / "run.zip")
    assert (code, err) == (0, "")
    assert f"{tmp_path / 'run.zip'}: {len(contents(run.path))} files" in out
    code, out, err = call(
        monkeypatch, capsys, "runs", "import", tmp_path / "run.zip", "--runs", tmp_path / "store"
    )
    assert (code, err) == (0, "")
    assert out.startswith(str(tmp_path / "store" / run.id))
    code, out, err = call(
        monkeypatch, capsys, "runs", "import", tmp_path / "run.zip", "--runs", tmp_path / "store"
    )
    assert (code, out) == (2, "")
    assert "the same run, in the same state" in err
    code, _, err = call(
        monkeypatch, capsys, "runs", "export", tmp_path / "store", tmp_path / "b.zip"
    )
    assert code == 2
    assert "run.json is missing" in err


def test_a_deleted_run_can_be_had_back(tmp_path: Path) -> None:
    kept, run = (
        make_run(tmp_path, "noda", n=40, epochs=1),
        make_run(tmp_path, "mmd", n=40, epochs=1),
    )
    before = contents(run.path)
    item = move_to_trash(run.path)
    assert [each.id for each in RunStore(tmp_path).runs()] == [kept.id]
    assert contents(item.path) == before
    assert discarded(tmp_path) == [item]
    with pytest.raises(InputError, match="not there any more"):
        move_to_trash(run.path)
    assert restore(item) == run.path
    assert contents(run.path) == before
    assert discarded(tmp_path) == []
    with pytest.raises(InputError, match="not in the trash any more"):
        restore(item)


def test_what_was_computed_meanwhile_is_not_in_the_way_but_another_run_is(tmp_path: Path) -> None:
    run = make_run(tmp_path, n=40, epochs=1)
    item = move_to_trash(run.path)
    (run.path / "derived").mkdir(parents=True)
    (run.path / "derived" / "umap-epoch=0001.parquet").write_bytes(b"late")
    restore(item)
    assert Run(run.path).evaluated == [1]
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    item = move_to_trash(run.path)
    copy.rename(run.path)
    with pytest.raises(InputError, match="exists again"):
        restore(item)
    second = move_to_trash(run.path)
    assert discarded(tmp_path) == [second, item]


def test_a_run_that_is_being_written_is_not_deleted_and_a_damaged_one_is(tmp_path: Path) -> None:
    running = make_run(tmp_path, n=40, epochs=1, status="running")
    with pytest.raises(InputError, match=rf"process {os.getpid()} on .* is still writing it"):
        move_to_trash(running.path)
    # Damaged by a lost table, but alive all the same.
    (running.path / "samples.parquet").unlink()
    with pytest.raises(InputError, match="is still writing it"):
        move_to_trash(running.path)
    assert running.path.is_dir()
    assert not trash_folder(tmp_path).exists()
    (running.path / "run.json").write_text("{")
    move_to_trash(running.path)
    with pytest.raises(InputError, match="is not a run"):
        move_to_trash(trash_folder(tmp_path))
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is not a run"):
        move_to_trash(tmp_path / "folder")


def test_a_dead_process_does_not_keep_its_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, n=40, epochs=1, status="running")
    told = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(
        json.dumps(told | {"process": process_identity() | {"start": 1}})
    )
    assert move_to_trash(run.path).name == run.id


def test_tags_and_notes(tmp_path: Path) -> None:
    notes = RunNotes(tmp_path)
    assert notes.read() == {}
    notes.add_tag(["a", "b"], " to   publish ")
    notes.add_tag(["a"], "good")
    notes.write("a", "first\nline", "")
    assert RunNotes(tmp_path).read() == {
        "a": Note(("good", "to publish"), "first\nline"),
        "b": Note(("to publish",)),
    }
    notes.remove_tag(["a", "b"], "to publish")
    assert notes.read() == {"a": Note(("good",), "first\nline")}
    with pytest.raises(InputError, match="changed meanwhile"):
        notes.write("a", "mine", "")
    assert notes.of("a").text == "first\nline"
    notes.write("a", "mine", "first\nline")
    assert notes.of("a").text == "mine"
    for tag in ("", "  ", "x" * 41, "a,b", "bell\x07"):
        with pytest.raises(InputError, match="A tag has"):
            notes.add_tag(["a"], tag)
    with pytest.raises(InputError, match="at most"):
        notes.write("a", "x" * (MAX_NOTE + 1), "mine")
    for damage in ("{", "[]", '{"runs": []}', '{"runs": {"a": 1}}'):
        notes.file.write_text(damage)
        with pytest.raises(InputError, match=r"\.notes\.json"):
            notes.add_tag(["a"], "new")
        assert notes.file.read_text() == damage


def test_two_processes_that_add_tags_at_once_lose_none(tmp_path: Path) -> None:
    script = (
        "import sys; from daexplore.runs.notes import RunNotes\n"
        "for i in range(40): RunNotes(sys.argv[1]).add_tag([f'run{i % 3}'], f'{sys.argv[2]}{i}')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name], cwd=ROOT)
        for name in ("x", "y")
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    found = RunNotes(tmp_path).read()
    for run in range(3):
        assert set(found[f"run{run}"].tags) == {
            f"{name}{i}" for name in "xy" for i in range(40) if i % 3 == run
        }
