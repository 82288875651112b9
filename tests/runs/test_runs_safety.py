"""Damaged folders are refused with a reason, writing is safe against crashes and other
processes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factories import make_run, make_samples

from daexplore.config import RunConfig
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore, RunWriter
from daexplore.utils.files import atomic_write
from daexplore.utils.processes import process_exists, process_identity

ROOT = Path(__file__).parents[2]


def halve(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def edit(file, **fields):
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


DAMAGE = {
    "truncated outputs": ("evaluations/epoch=0001/outputs.parquet", halve),
    "missing outputs": ("evaluations/epoch=0002/outputs.parquet", Path.unlink),
    "empty outputs": ("evaluations/epoch=0002/outputs.parquet", lambda file: file.write_bytes(b"")),
    "truncated samples": ("samples.parquet", halve),
    "missing samples": ("samples.parquet", Path.unlink),
    "truncated maps": ("saliency/epoch=0002/gradcam.parquet", halve),
    "truncated run.json": ("run.json", halve),
    "run.json of another kind": ("run.json", lambda file: file.write_text("[1, 2]")),
    "run.json without format": ("run.json", lambda file: edit(file, format=None)),
    "run.json of the future": ("run.json", lambda file: edit(file, format=2)),
    "missing run.json": ("run.json", Path.unlink),
    "missing history": ("history.jsonl", Path.unlink),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_runs_are_listed_with_the_file(tmp_path, damage):
    name, harm = DAMAGE[damage]
    good, bad = (
        make_run(tmp_path, "mmd", n=40, epochs=2),
        make_run(tmp_path, "noda", n=40, epochs=2),
    )
    store = RunStore(tmp_path)
    assert len(store.runs()) == 2
    harm(bad.path / name)
    store = RunStore(tmp_path)
    assert [run.id for run in store.runs()] == [good.id]
    ((path, reason),) = store.damaged()
    assert path == bad.path
    assert str(bad.path / name) in reason
    with pytest.raises(InputError, match="damaged"):
        store.get(bad.id)


def test_a_mended_run_is_listed_again(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1)
    file = run.path / "samples.parquet"
    content = file.read_bytes()
    halve(file)
    store = RunStore(tmp_path)
    assert (len(store.runs()), len(store.damaged())) == (0, 1)
    file.write_bytes(content)
    assert store.refresh()
    assert (len(store.runs()), len(store.damaged())) == (1, 0)


@pytest.mark.parametrize("name", ["evaluations/epoch=0001/outputs.parquet", "samples.parquet"])
def test_reading_a_truncated_table_names_it(tmp_path, name):
    run = make_run(tmp_path, n=40, epochs=1)
    halve(run.path / name)
    with pytest.raises(InputError, match="truncated") as caught:
        Run(run.path).evaluation(1)
    assert str(run.path / name) in str(caught.value)


@pytest.mark.parametrize("harm", [halve, Path.unlink])
def test_reading_damaged_weights_names_them(tmp_path, harm):
    run = make_run(tmp_path, n=40, epochs=1)
    file = run.path / "weights" / "epoch-0001.safetensors"
    harm(file)
    with pytest.raises(InputError) as caught:
        run.head(1)
    assert str(file) in str(caught.value)


def test_a_later_format_is_refused_with_advice(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1)
    edit(run.path / "run.json", format=7)
    with pytest.raises(
        InputError, match=r"format 7, this daexplore reads up to 1\. Update daexplore"
    ):
        Run(run.path)


def test_an_unknown_setting_is_named(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1)
    edit(run.path / "run.json", config={"warmth": 3})
    with pytest.raises(InputError, match=r"run\.json: config: unknown field 'warmth'"):
        _ = Run(run.path).config


def test_a_broken_line_is_named(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1)
    with (run.path / "history.jsonl").open("a") as stream:
        stream.write('{"epoch": 1, "st\n')
    with pytest.raises(InputError, match=r"history\.jsonl: the line .* is not JSON"):
        Run(run.path).history()


def test_no_folder_of_runs(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="is a file"):
        RunStore(file)
    with pytest.raises(InputError, match="cannot be written to"):
        RunWriter.create(
            file / "runs",
            RunConfig(),
            data={},
            classes=("a", "b"),
            latent_dim=3,
            samples=make_samples(40),
        )
    with pytest.raises(InputError, match=r"run\.json is missing"):
        Run(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.drop(columns="group_id"), "expected a column 'group_id'"),
        (lambda s: s.assign(sample_id="same"), "sample_id 'same' occurs more than once"),
        (
            lambda s: s.assign(split="exam"),
            "split must be one of train, validation, test, got 'exam'",
        ),
    ],
)
def test_samples_are_checked(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        RunWriter.create(
            tmp_path,
            RunConfig(),
            data={},
            classes=("a", "b"),
            latent_dim=3,
            samples=change(make_samples(40)),
        )
    assert list(tmp_path.iterdir()) == []


def test_processes_creating_at_once_get_different_ids(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "helpers")!r})
from factories import make_samples
from daexplore.config import RunConfig
from daexplore.runs import RunWriter
samples = make_samples(40)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(15):
    print(RunWriter.create({str(tmp_path)!r}, RunConfig(), data={{}}, classes=("a", "b"), latent_dim=3, samples=samples).path.name)
"""  # noqa: E501
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    names = [name for process in processes for name in process.communicate(timeout=60)[0].split()]
    assert len(names) == len(set(names)) == 30
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert {json.loads((tmp_path / name / "run.json").read_text())["id"] for name in names} == set(
        names
    )
    # They were fast enough to want the same name.
    assert any(name.endswith("-2") for name in names)
    assert RunStore(tmp_path).damaged() == []


def test_a_failed_write_leaves_the_old_file(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")

    def fail():
        with atomic_write(file) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("out of paper")

    with pytest.raises(RuntimeError):
        fail()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_never_sees_half_a_run_json(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1)
    code = f"""
from daexplore.runs import RunWriter
writer = RunWriter.open({str(run.path)!r})
print("ready", flush=True)
for i in range(600):
    writer.update(note="x" * (i % 50) * 100)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == "ready\n"
    reads = 0
    while process.poll() is None:
        run.reload()
        reads += 1
    process.communicate()
    assert process.returncode == 0
    assert reads > 10


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1, status="running")
    assert run.alive()
    assert run.status == "running"
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        edit(run.path / "run.json", process={"pid": process.pid, "host": socket.gethostname()})
        run.reload()
        assert run.alive()
        with pytest.raises(InputError, match=f"is being trained by process {process.pid}"):
            RunWriter.open(run.path)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        # Dead, but not yet waited for by its parent.
        assert run.status == "interrupted"
    finally:
        process.kill()
        process.wait()
    assert run.status == "interrupted"
    writer = RunWriter.open(run.path)
    assert Run(run.path).status == "running"
    writer.update(status="finished")
    assert Run(run.path).status == "finished"


def test_a_number_used_again_is_another_process():
    mark = process_identity()
    assert process_exists(mark)
    # Without the time a process started, its number is all there is to know it by: then nothing can
    # be told of a number used again.
    if mark["start"] is None:
        pytest.skip("this system does not tell when a process started (no /proc)")
    assert not process_exists(mark | {"start": mark["start"] - 1})


def test_a_run_on_another_host_lives_while_it_changes(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1, status="running")
    edit(run.path / "run.json", process={"pid": 1, "host": "elsewhere"})
    run.reload()
    assert run.alive()
    long_ago = time.time() - 3600
    for name in ("run.json", "history.jsonl"):
        os.utime(run.path / name, (long_ago, long_ago))
    assert run.status == "interrupted"


def test_opening_repairs_a_torn_line(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1, status="stopped")
    lines = len(run.history())
    with (run.path / "history.jsonl").open("a") as stream:
        stream.write('{"epoch": 1, "st')
    writer = RunWriter.open(run.path)
    writer.append_history(
        [
            {
                "epoch": 2,
                "step": 2,
                "split": "train",
                "domain": "both",
                "name": "loss/total",
                "value": 1.0,
            }
        ]
    )
    assert len(Run(run.path).history()) == lines + 1
