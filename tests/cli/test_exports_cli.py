"""``daexplore export``: files where they were asked for, and everything that is wrong said with
exit code 2.
"""

import shutil
import sys

import pytest
from command import call
from exported import example
from factories import make_run

import daexplore
from daexplore.exports import to_mlflow, to_parquet, to_tensorboard
from daexplore.runs import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("home") / "runs"
    for method in ("noda", "mmd"):
        make_run(root, method, n=40, epochs=2)
    return root


@pytest.fixture
def one(runs, tmp_path):
    found = sorted(runs.iterdir())[0]
    return shutil.copytree(found, tmp_path / "own" / found.name)


def test_a_folder_of_runs_becomes_a_folder_of_tables(monkeypatch, capsys, runs, tmp_path):
    code, out, err = call(
        monkeypatch, capsys, "export", runs, "--to", "parquet", "--out", tmp_path / "tables"
    )
    assert (code, err) == (0, "")
    names = sorted(run.name for run in runs.iterdir())
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        f"{name}.parquet" for name in names
    ]
    assert "embedding-atlas" in out
    assert "--x projection_x --y projection_y" in out
    assert "topcat" in out


def test_one_run_becomes_the_file_that_was_named_the_same_as_in_python(
    monkeypatch, capsys, one, tmp_path
):
    file = tmp_path / "mine.parquet"
    code, out, _ = call(
        monkeypatch, capsys, "export", one, "--to", "parquet", "--out", file, "--flat", "--epoch", 1
    )
    assert code == 0
    assert str(file) in out
    assert (
        to_parquet(one, tmp_path / "python.parquet", flat=True, epoch=1).read_bytes()
        == file.read_bytes()
    )


def test_runs_lie_side_by_side_in_one_folder_of_logs(monkeypatch, capsys, runs, tmp_path):
    code, out, _ = call(
        monkeypatch, capsys, "export", runs, "--to", "tensorboard", "--out", tmp_path / "logs"
    )
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == sorted(
        run.name for run in runs.iterdir()
    )
    assert f"tensorboard --logdir {tmp_path / 'logs'}" in out


@pytest.mark.slow
def test_runs_go_into_one_store(monkeypatch, capsys, runs, tmp_path):
    code, out, err = call(
        monkeypatch, capsys, "export", runs, "--to", "mlflow", "--out", tmp_path / "store"
    )
    assert (code, err) == (0, "")
    assert f"mlflow ui --backend-store-uri sqlite:///{tmp_path / 'store' / 'mlflow.db'}" in out
    code, _, err = call(
        monkeypatch, capsys, "export", runs, "--to", "mlflow", "--out", tmp_path / "store"
    )
    assert code == 2
    assert "--overwrite" in err


@pytest.mark.slow
def test_a_model_is_told_with_its_difference_from_torch(monkeypatch, capsys, tmp_path):
    run = example(tmp_path, "dann")
    code, out, err = call(
        monkeypatch,
        capsys,
        "export",
        run.path,
        "--to",
        "onnx",
        "--out",
        tmp_path / "models",
        "--domain",
        "source",
    )
    assert (code, err) == (0, "")
    assert "images (batch, 3, 75, 75) of the source -> logits, latent" in out
    assert "largest difference from torch on 32 held-out source images" in out
    assert [path.name for path in (tmp_path / "models").iterdir()] == [f"{run.id}.onnx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--to", "excel", "--out", "x"),
            "--to must be one of parquet, tensorboard, onnx, mlflow; got 'excel'",
        ),
        (
            ("--to", "onnx", "--out", "x", "--flat"),
            "--flat goes with --to parquet, not with --to onnx",
        ),
        (
            ("--to", "mlflow", "--out", "x", "--images"),
            "--images goes with --to parquet or tensorboard",
        ),
        (("--to", "parquet", "--out", "x", "--domain", "source"), "--domain goes with --to onnx"),
        (("--to", "onnx", "--out", "x.onnx", "--domain", "both"), "source or target"),
        (("--to", "parquet", "--out", "x", "--epoch", 9), "has no evaluation of epoch 9"),
    ],
)
def test_wrong_options_exit_with_2(monkeypatch, capsys, one, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(monkeypatch, capsys, "export", one, *arguments)
    assert code == 2
    assert message in err
    assert [path.name for path in tmp_path.iterdir() if path.name != "x"] == ["own"]
    assert not (tmp_path / "x").exists() or not list((tmp_path / "x").iterdir())


def test_one_file_is_not_enough_for_several_runs(monkeypatch, capsys, runs, tmp_path):
    code, _, err = call(
        monkeypatch, capsys, "export", runs, "--to", "parquet", "--out", tmp_path / "all.parquet"
    )
    assert code == 2
    assert "is one file, but there are 2 runs" in err


@pytest.mark.parametrize("to", ["parquet", "tensorboard", "onnx", "mlflow"])
@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "outputs.parquet"])
def test_a_damaged_run_is_named_and_nothing_is_written(
    monkeypatch, capsys, one, tmp_path, to, name
):
    (file,) = one.rglob(name) if name != "outputs.parquet" else [sorted(one.rglob(name))[0]]
    file.write_bytes(file.read_bytes()[:-20])
    out = tmp_path / ("out.onnx" if to == "onnx" else "out.parquet" if to == "parquet" else "out")
    code, _, err = call(monkeypatch, capsys, "export", one, "--to", to, "--out", out)
    assert code == 2
    assert str(file) in err
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


@pytest.mark.parametrize(
    ("to", "library", "package"),
    [
        ("tensorboard", "tensorboard.summary.writer.record_writer", "tensorboard"),
        ("onnx", "onnxscript", "onnxscript"),
        ("mlflow", "mlflow.tracking", "mlflow-skinny"),
    ],
)
def test_a_missing_library_exits_with_2_and_says_what_to_install(
    monkeypatch, capsys, one, tmp_path, to, library, package
):
    monkeypatch.setitem(sys.modules, library, None)
    code, _, err = call(monkeypatch, capsys, "export", one, "--to", to, "--out", tmp_path / "out")
    assert code == 2
    assert f"needs the package {package}, which is not installed here" in err
    assert 'pip install "daexplore[exports]"' in err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_what_is_there_is_refused_without_overwrite(monkeypatch, capsys, one, tmp_path):
    for to, out in (("parquet", "run.parquet"), ("tensorboard", "logs")):
        given = ("export", one, "--to", to, "--out", tmp_path / out)
        assert call(monkeypatch, capsys, *given)[0] == 0
        code, _, err = call(monkeypatch, capsys, *given)
        assert code == 2
        assert "--overwrite" in err
        assert call(monkeypatch, capsys, *given, "--overwrite")[0] == 0


def test_a_run_without_an_epoch_is_refused(monkeypatch, capsys, tmp_path):
    run = make_run(tmp_path / "runs", n=40, epochs=0, status="stopped")
    code, _, err = call(
        monkeypatch, capsys, "export", run.path, "--to", "parquet", "--out", tmp_path / "x.parquet"
    )
    assert code == 2
    assert "no evaluated" in err


def test_exports_of_a_run_leave_it_as_it_was(one, tmp_path):
    before = {path: path.read_bytes() for path in one.rglob("*") if path.is_file()}
    to_parquet(Run(one), tmp_path / "a.parquet")
    to_tensorboard(Run(one), tmp_path / "logs")
    assert {path: path.read_bytes() for path in one.rglob("*") if path.is_file()} == before


def test_importing_the_exports_imports_none_of_the_other_tools():
    import subprocess

    code = (
        "import sys, daexplore.exports\nheavy = {'torch', 'tensorboard', 'mlflow', 'onnx',"
        " 'onnxruntime', 'onnxscript', 'panel', 'sqlalchemy'} & set(sys.modules)\nsys.exit(',"
        " '.join(sorted(heavy)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert callable(to_mlflow)
    assert daexplore.exports.to_parquet is to_parquet
