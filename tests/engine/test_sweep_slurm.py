"""A sweep under a Slurm that is faked: what it is told, what it has, what it refuses, and jobs that
run as it would run them.
"""

import json
import os
import subprocess
import sys
import time

import pytest
from factories import make_galaxies
from sweeping import CONFIGS, RUNNING_SBATCH, install_slurm, put

from daexplore.config import config_hash
from daexplore.engine.sweeps.launch import Resources, SweepLauncher, followed_jobs
from daexplore.engine.sweeps.plan import plan, sweep_folder
from daexplore.errors import InputError
from daexplore.runs import RunStore


def test_slurm_gets_one_array_with_what_was_asked_for(tmp_path, monkeypatch):
    slurm = install_slurm(tmp_path / "slurm", monkeypatch)
    asked = Resources(
        "slurm",
        2,
        timeout_min=90,
        partition="gpu",
        gpus=1,
        threads=3,
        slurm={"account": "astro", "mem": "8GB"},
    )
    launch = SweepLauncher(CONFIGS, tmp_path / "runs", asked)
    assert launch.poll() == []
    lines = (slurm / "script.sh").read_text().splitlines()
    flags = dict(
        line.removeprefix("#SBATCH --").split("=", 1)
        for line in lines
        if line.startswith("#SBATCH --") and "=" in line
    )
    expected = {
        "array": "0-5%2",
        "time": "90",
        "partition": "gpu",
        "gpus-per-node": "1",
        "cpus-per-task": "3",
        "account": "astro",
    }
    assert {name: flags[name] for name in expected} == expected
    assert (flags["mem"], flags["ntasks-per-node"], flags["nodes"], flags["job-name"]) == (
        "8GB",
        "1",
        "1",
        "daexplore",
    )
    assert (slurm / "calls").read_text() == "called\n"
    assert launch.stop() == ["4242"]
    assert not (slurm / "cancelled").exists()
    told = json.loads(
        (sweep_folder(tmp_path / "runs") / "jobs" / f"{config_hash(CONFIGS[5])}.json").read_text()
    )
    assert (told["cluster"], told["job"]) == ("slurm", "4242_5")
    assert str(launch.folder) in told["log"]


@pytest.mark.parametrize(
    ("state", "there"),
    [("PENDING", True), ("RUNNING", True), ("CANCELLED by 0", False), ("COMPLETED", False)],
)
def test_what_waits_in_the_queue_of_slurm_is_not_submitted_again(
    tmp_path, monkeypatch, state, there
):
    slurm = install_slurm(tmp_path / "slurm", monkeypatch)
    SweepLauncher(CONFIGS[:2], tmp_path / "runs", Resources("slurm")).poll()
    (slurm / "states").write_text(f"4242_0|{state}|node1\n4242_1|FAILED|node1\n")
    followed = followed_jobs(plan(CONFIGS, tmp_path / "runs"), tmp_path / "runs")
    assert [config for config, _ in followed] == [CONFIGS[0]] * there


def test_what_slurm_or_submitit_refuses_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="srun"):
        SweepLauncher(CONFIGS, tmp_path / "runs", Resources("slurm"))
    monkeypatch.undo()
    install_slurm(
        tmp_path / "slurm",
        monkeypatch,
        sbatch="#!/bin/sh\necho invalid partition specified >&2; exit 1\n",
    )
    with pytest.raises(InputError, match="'colour'"):
        SweepLauncher(CONFIGS, tmp_path / "runs", Resources("slurm", slurm={"colour": "red"}))
    with pytest.raises(InputError, match="invalid partition"):
        SweepLauncher(CONFIGS, tmp_path / "runs", Resources("slurm", partition="none")).poll()


def test_jobs_of_an_array_find_their_own_training(tmp_path, monkeypatch):
    """The runs are finished: the jobs find that, without torch."""
    install_slurm(tmp_path / "slurm", monkeypatch, RUNNING_SBATCH)
    for config in CONFIGS[:2]:
        put(tmp_path / "runs", config)
    launch = SweepLauncher(CONFIGS[:2], tmp_path / "runs", Resources("slurm"))
    ended, until = [], time.monotonic() + 300
    while launch.waiting:
        ended += launch.poll()
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [item.state for item in ended] == ["finished"] * 2
    told = [
        json.loads(path.read_text())
        for path in sorted((sweep_folder(tmp_path / "runs") / "outcomes").glob("*.json"))
    ]
    assert told == [{"state": "finished", "error": "", "input": False}] * 2


@pytest.mark.slow
def test_trainings_run_within_the_environment_of_a_job(tmp_path, monkeypatch):
    install_slurm(tmp_path / "slurm", monkeypatch, RUNNING_SBATCH)
    make_galaxies(tmp_path / "galaxies", 60)
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "sweep",
        "--data",
        str(tmp_path / "galaxies"),
        "--runs",
        str(tmp_path / "runs"),
    ]
    command += [
        "--methods",
        "noda,mmd",
        "--seeds",
        "0",
        "--epochs",
        "1",
        "--set",
        "train.batch_size=16",
        "--cluster",
        "slurm",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted((run.method, run.status) for run in RunStore(tmp_path / "runs").runs()) == [
        ("mmd", "finished"),
        ("noda", "finished"),
    ]
