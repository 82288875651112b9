"""``daexplore sweep``: what it plans, what it says, and that it goes on after whatever stops it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command import call
from factories import make_galaxies, make_run
from safetensors.numpy import load_file
from sweeping import FAULT, MENDABLE, FakeTraining, install_slurm

from daexplore.cli.sweep import settings_grid, sweep_configs
from daexplore.config import AlignmentConfig
from daexplore.engine.sweeps.plan import find_run
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore


def configs(methods="noda,mmd,dann", seeds=(0, 1), settings=()):
    return sweep_configs("demo", None, None, None, methods, seeds, None, None, settings)


@pytest.fixture
def training(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("daexplore.cli.sweep.simulate_first", lambda configs: None)
    return FakeTraining().install(monkeypatch)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [[]]),
        (["a=1,2", "b=x"], [["a=1", "b=x"], ["a=2", "b=x"]]),
        (["a=1,2", "b=x,y"], [["a=1", "b=x"], ["a=1", "b=y"], ["a=2", "b=x"], ["a=2", "b=y"]]),
        (['a=["g","r"]'], [['a=["g","r"]']]),
        (['a=["g"],["r","i"]'], [['a=["g"]'], ['a=["r","i"]']]),
        (['a={"b":[1,2],"c":3}'], [['a={"b":[1,2],"c":3}']]),
        (['a="x,y",z'], [['a="x,y"'], ["a=z"]]),
    ],
)
def test_a_grid_is_all_combinations_and_lists_stay_whole(given, expected):
    assert settings_grid(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a"], "needs name=value"),
        (["a="], "needs name=value"),
        (["a=1,,2"], "needs name=value"),
        (["a=1", "a=2"], "twice; .*a=1,2"),
    ],
)
def test_a_wrong_grid(given, message):
    with pytest.raises(InputError, match=message):
        settings_grid(given)


def test_a_sweep_is_methods_times_settings_times_seeds():
    found = configs("noda,mmd+fisher,oracle", (0, 2), ["train.batch_size=16,32"])
    named = [(config.method, config.train.batch_size, config.seed) for config in found]
    assert named == [
        (m, b, s) for m in ("noda", "mmd+fisher", "oracle") for b in (16, 32) for s in (0, 2)
    ]


def test_what_is_set_of_an_alignment_goes_to_the_methods_that_have_it():
    found = configs("noda,mmd,mmd+fisher", (0,), ["alignments.mmd.weight=1,3"])
    assert [config.alignments for config in found] == [
        (),
        (AlignmentConfig("mmd", 1.0),),
        (AlignmentConfig("mmd", 3.0),),
        (AlignmentConfig("mmd", 1.0), AlignmentConfig("fisher", 1.0)),
        (AlignmentConfig("mmd", 3.0), AlignmentConfig("fisher", 1.0)),
    ]
    with pytest.raises(InputError, match="none of the methods noda has the alignment 'mmd'"):
        configs("noda", (0,), ["alignments.mmd.weight=1,3"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", ","], "at least one method"),
        (["--methods", "mdm"], "mdm"),
        (["--seeds", "x"], "--seed must be"),
        (["--cluster", "moon"], "local, slurm or debug"),
        (["--parallel", "0"], "--parallel must be at least 1"),
        (["--partition", "gpu"], "--cluster slurm"),
        (["--cluster", "slurm", "--slurm", "account"], "name=value"),
        (["--source", "nowhere.npy", "--target", "nowhere.npy"], "nowhere.npy do not exist"),
    ],
)
def test_bad_input_is_told_before_anything_runs(tmp_path, monkeypatch, capsys, arguments, message):
    code, _, errors = call(monkeypatch, capsys, "sweep", *arguments, "--runs", tmp_path / "runs")
    assert code == 2
    assert message in errors
    assert not (tmp_path / "runs").exists()


def test_the_trio_in_five_seeds_is_the_default(tmp_path, monkeypatch, capsys, training):
    code, out, _ = call(monkeypatch, capsys, "sweep", "--dry-run", "--runs", tmp_path)
    assert code == 0
    assert "15 trainings" in out
    assert "15 to start" in out
    assert [
        sum(line.split()[:1] == [name] for line in out.splitlines())
        for name in ("noDA", "MMD", "DANN")
    ] == [5, 5, 5]
    assert list(tmp_path.iterdir()) == []


def test_domains_of_a_preset_are_no_paths(tmp_path, monkeypatch, capsys, training):
    words = ("sweep", "--data", "nearby-survey", "--methods", "noda,mmd", "--seeds", "0")
    code, out, errors = call(monkeypatch, capsys, *words, "--dry-run", "--runs", tmp_path)
    assert code == 0, errors
    assert "2 trainings" in out


def test_a_sweep_trains_skips_and_goes_on(tmp_path, monkeypatch, capsys, training):
    wanted = configs("noda,mmd", (0, 1))
    make_run(tmp_path, n=16, epochs=1, latent_dim=4, saliency=False, config=wanted[0])
    make_run(
        tmp_path, n=16, epochs=1, latent_dim=4, saliency=False, config=wanted[3], status="stopped"
    )
    command = (
        "sweep",
        "--data",
        "demo",
        "--methods",
        "noda,mmd",
        "--seeds",
        "0..1",
        "--runs",
        tmp_path,
        "--cluster",
        "debug",
    )
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == 0
    assert "4 trainings" in out
    assert "1 done, 1 to go on with, 2 to start" in out
    assert "resumes after epoch 1 (stopped)" in out
    assert (training.resumed, training.begun) == ([("mmd", 1)], [("noda", 1), ("mmd", 0)])
    assert f"daexplore compare {tmp_path}" in out
    assert all(find_run(tmp_path, config).status == "finished" for config in wanted)
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == 0
    assert "4 done;" in out
    assert len(training.begun) == 2


@pytest.mark.parametrize(("error", "expected"), [(MENDABLE, 2), (FAULT, 1)])
def test_a_failing_training_is_listed_and_the_others_run(
    tmp_path, monkeypatch, capsys, training, error, expected
):
    training.ends[("noda", 0)] = error
    command = (
        "sweep",
        "--data",
        "demo",
        "--methods",
        "noda,mmd",
        "--seeds",
        "0",
        "--runs",
        tmp_path,
        "--cluster",
        "debug",
    )
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == expected
    assert training.begun == [("noda", 0), ("mmd", 0)]
    assert "1 of 2 trainings did not finish" in out
    assert f"noDA · seed 0: failed: {'' if error is MENDABLE else 'RuntimeError: '}{error}" in out
    assert "MMD · seed 0: epoch 1" in out


def test_an_interrupt_ends_the_sweep_and_the_next_one_goes_on(
    tmp_path, monkeypatch, capsys, training
):
    training.ends[("mmd", 0)] = KeyboardInterrupt()
    command = (
        "sweep",
        "--data",
        "demo",
        "--methods",
        "noda,mmd",
        "--seeds",
        "0",
        "--runs",
        tmp_path,
        "--cluster",
        "debug",
    )
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == 130
    assert "The same command resumes" in out
    training.ends.clear()
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == 0
    assert "1 done, 1 to start" in out


def test_options_of_slurm_reach_its_script(tmp_path, monkeypatch, capsys, training):
    slurm = install_slurm(tmp_path / "slurm", monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    command = (
        "sweep",
        "--data",
        "demo",
        "--seeds",
        "0..1",
        "--runs",
        tmp_path / "runs",
        "--cluster",
        "slurm",
        "--partition",
        "gpu",
    )
    command += (
        "--timeout-min",
        "30",
        "--gpus",
        "2",
        "--slurm",
        "account=astro",
        "--slurm",
        "mem_gb=4",
        "--parallel",
        "3",
    )
    code, out, _ = call(monkeypatch, capsys, *command)
    assert code == 130
    assert "scancel 4242" in out
    script = (slurm / "script.sh").read_text()
    for line in (
        "--partition=gpu",
        "--time=30",
        "--gpus-per-node=2",
        "--account=astro",
        "--mem=4GB",
        "--array=0-5%3",
    ):
        assert f"#SBATCH {line}\n" in script


OPTIONS = (
    "--methods",
    "noda,mmd",
    "--seeds",
    "0",
    "--epochs",
    "6",
    "--set",
    "train.batch_size=16",
    "--set",
    "train.evaluation_limit=60",
)


def start(galaxies, runs, *more):
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "sweep",
        "--data",
        str(galaxies),
        "--runs",
        str(runs),
        *OPTIONS,
        *more,
    ]
    environment = os.environ | {"COLUMNS": "250"}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def wait_for(condition, seconds=500):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_and_interrupted_trainings_end_in_the_numbers_of_an_undisturbed_sweep(tmp_path):
    make_galaxies(tmp_path / "galaxies", 120)
    runs = tmp_path / "runs"
    sweep = start(tmp_path / "galaxies", runs, "--parallel", "2")
    wait_for(lambda: len([run for run in RunStore(runs).runs() if len(run.evaluated) >= 2]) == 2)
    killed, other = sorted(RunStore(runs).runs(), key=lambda run: run.method, reverse=True)
    os.kill(killed.info["process"]["pid"], signal.SIGKILL)
    # As a terminal does: to all processes at once.
    os.killpg(sweep.pid, signal.SIGINT)
    _, errors = sweep.communicate(timeout=120)
    assert sweep.returncode == 130, errors
    assert "Traceback" not in errors
    assert Run(killed.path).status == "interrupted"
    assert Run(other.path).status in ("stopped", "finished")

    again = start(tmp_path / "galaxies", runs)
    out, errors = again.communicate(timeout=600)
    assert again.returncode == 0, errors
    assert f"(interrupted): {killed.id}" in out
    undisturbed = start(tmp_path / "galaxies", tmp_path / "others", "--cluster", "debug")
    undisturbed.communicate(timeout=600)
    assert len(RunStore(runs).runs()) == 2
    for run in RunStore(runs).runs():
        twin = find_run(tmp_path / "others", run.config)
        weights = [
            load_file(item.path / "weights" / "epoch-0006.safetensors") for item in (run, twin)
        ]
        assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[1])
        assert run.info["metrics"] == twin.info["metrics"]


@pytest.mark.slow
def test_of_real_trainings_one_that_diverges_is_listed_with_its_advice(tmp_path):
    make_galaxies(tmp_path / "galaxies", 60)
    sweep = start(
        tmp_path / "galaxies",
        tmp_path / "runs",
        "--methods",
        "noda",
        "--set",
        "train.learning_rate=1e-3,1e12",
    )
    out, errors = sweep.communicate(timeout=600)
    assert sweep.returncode == 2, errors
    assert "noDA · seed 0 · learning_rate 1000000000000.0: failed: The loss became" in out
    assert "Lower the learning rate" in out
    assert sorted(run.status for run in RunStore(tmp_path / "runs").runs()) == [
        "failed",
        "finished",
    ]
