"""A sweep's trainings: what is there already, one training at a time of each, how many at a time,
and how they end.
"""

import dataclasses
import json
import os
import pickletools
import signal
import sys
import threading
from types import SimpleNamespace

import pytest
from sweeping import CONFIGS, FAULT, MENDABLE, FakeTraining, interrupt, put, set_info

from daexplore.config import TrainConfig
from daexplore.engine.sweeps import launch as launching
from daexplore.engine.sweeps.job import SweepJob, train_one
from daexplore.engine.sweeps.launch import ExternalTraining, Resources, SweepLauncher, followed_jobs
from daexplore.engine.sweeps.plan import find_run, outcome, plan


@pytest.fixture
def training(monkeypatch):
    return FakeTraining().install(monkeypatch)


def test_a_plan_knows_what_is_there(tmp_path):
    runs = [
        put(tmp_path, config, status)
        for config, status in zip(
            CONFIGS, ("finished", "stopped", "failed", "running"), strict=False
        )
    ]
    interrupt(put(tmp_path, CONFIGS[4]))
    planned = plan([*CONFIGS, CONFIGS[0]], tmp_path)
    assert [item.state for item in planned] == [
        "finished",
        "resume",
        "resume",
        "running",
        "resume",
        "new",
    ]
    assert [item.run and item.run.id for item in planned[:4]] == [run.id for run in runs]
    assert [item.config for item in planned] == CONFIGS


def test_another_seed_or_setting_is_another_training(tmp_path):
    put(tmp_path, CONFIGS[0])
    others = [
        dataclasses.replace(CONFIGS[0], seed=7),
        dataclasses.replace(CONFIGS[0], train=TrainConfig(epochs=3)),
    ]
    assert [item.state for item in plan(others, tmp_path)] == ["new", "new"]


def test_of_several_runs_of_one_config_the_one_that_came_furthest_counts(tmp_path):
    put(tmp_path, CONFIGS[0], "failed", epochs=1)
    further = put(tmp_path, CONFIGS[0], "failed", epochs=2)
    assert find_run(tmp_path, CONFIGS[0]).id == further.id
    finished = put(tmp_path, CONFIGS[0], epochs=1)
    assert find_run(tmp_path, CONFIGS[0]).id == finished.id


def test_a_run_made_before_a_setting_existed_is_found(tmp_path):
    run = put(tmp_path, CONFIGS[0])
    old = {
        **run.info["config"],
        "train": {k: v for k, v in run.info["config"]["train"].items() if k != "patience"},
    }
    set_info(run, config=old, config_hash="00000000")
    assert find_run(tmp_path, CONFIGS[0]).id == run.id


def test_one_training_is_skipped_gone_on_with_or_begun(tmp_path, training):
    finished, stopped = put(tmp_path, CONFIGS[0]), put(tmp_path, CONFIGS[1], "stopped")
    trained = [train_one(config, tmp_path) for config in CONFIGS[:3]]
    assert [run.id for run in trained[:2]] == [finished.id, stopped.id]
    assert (training.resumed, training.begun) == ([("noda", 1)], [("noda", 2)])


def test_processes_asked_for_one_training_wait_for_the_one_that_trains(tmp_path, training):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(train_one(CONFIGS[0], tmp_path).id))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert training.begun == [("noda", 0)]
    assert training.most_at_once == 1
    assert len(found) == 3
    assert len(set(found)) == 1


@pytest.mark.parametrize(("error", "mendable"), [(MENDABLE, True), (FAULT, False)])
def test_an_error_is_told_not_raised(tmp_path, training, error, mendable, capsys):
    training.ends[("noda", 0)] = error
    SweepJob.of(CONFIGS[0], tmp_path, {})()
    ended = outcome(CONFIGS[0], tmp_path)
    assert (ended.state, ended.input) == ("failed", mendable)
    assert str(error) in ended.error
    assert ("Traceback" in capsys.readouterr().err) is not mendable


def test_an_interrupted_job_ends_stopped(tmp_path, training):
    training.ends[("noda", 0)] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        SweepJob.of(CONFIGS[0], tmp_path, {})()
    assert outcome(CONFIGS[0], tmp_path).state == "stopped"


def test_a_job_that_said_nothing_is_lost(tmp_path):
    assert outcome(CONFIGS[0], tmp_path).state == "lost"
    interrupt(put(tmp_path, CONFIGS[0]))
    assert outcome(CONFIGS[0], tmp_path).state == "lost"
    set_info(find_run(tmp_path, CONFIGS[0]), status="finished")
    assert outcome(CONFIGS[0], tmp_path).state == "finished"


def test_work_sets_the_environment_of_its_job(tmp_path, training, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OTHER", "old")
    SweepJob.of(CONFIGS[0], tmp_path, {"CUDA_VISIBLE_DEVICES": None, "OTHER": "1"})()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert os.environ["OTHER"] == "1"


def test_when_time_is_up_the_training_stops_before_submitit_queues_the_job_again(
    tmp_path, monkeypatch
):
    order = []

    def train(*given, **options):
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
            signal.pause()
        except KeyboardInterrupt:
            order.append("training stopped")
            raise

    def submitit(signum, frame):
        order.append("queued again")
        raise SystemExit(-1)

    monkeypatch.setitem(
        sys.modules, "daexplore.engine.training.train", SimpleNamespace(train=train)
    )
    before = signal.signal(signal.SIGUSR2, submitit)
    try:
        with pytest.raises(SystemExit):
            SweepJob.of(CONFIGS[0], tmp_path, {})()
        assert signal.getsignal(signal.SIGUSR2) is submitit
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert order == ["training stopped", "queued again"]
    work = SweepJob.of(CONFIGS[0], tmp_path, {})
    assert work.checkpoint().function == work


def test_a_local_job_that_is_asked_to_end_is_interrupted(tmp_path, monkeypatch):
    def train(*given, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    monkeypatch.setitem(
        sys.modules, "daexplore.engine.training.train", SimpleNamespace(train=train)
    )
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    with pytest.raises(KeyboardInterrupt):
        SweepJob.of(CONFIGS[0], tmp_path, {})()
    assert outcome(CONFIGS[0], tmp_path).state == "stopped"


class CountedJobs:
    """Stands for submitit: its jobs are done at the second look, and are counted."""

    def __init__(self, folder):
        self.paths, self.job_id, self.looks, self.live, self.most, self.sizes = (
            self,
            "1",
            0,
            0,
            0,
            [],
        )
        self.stderr = self.submitted_pickle = self.result_pickle = folder / "file"

    def batch(self):
        self.sizes.append(0)
        return threading.Lock()

    def submit(self, work):
        self.sizes[-1] += 1
        job = CountedJobs(self.stderr.parent)
        job.owner = self
        self.live += 1
        self.most = max(self.most, self.live)
        return job

    def done(self):
        self.looks += 1
        self.owner.live -= self.looks == 2
        return self.looks >= 2


def test_no_more_than_parallel_trainings_run_at_a_time(tmp_path, monkeypatch):
    jobs = CountedJobs(tmp_path)
    monkeypatch.setattr(SweepLauncher, "_make_executor", lambda self: jobs)
    launch = SweepLauncher(CONFIGS, tmp_path, Resources(parallel=2))
    ended = []
    while launch.waiting:
        ended += launch.poll()
        assert len(launch.started) <= 2
    assert [item.config for item in ended] == CONFIGS
    assert jobs.most == 2


def test_a_training_elsewhere_is_waited_for_and_not_started(tmp_path):
    run = put(tmp_path, CONFIGS[0], "running")
    followed = followed_jobs(plan(CONFIGS[:2], tmp_path), tmp_path)
    assert [(config, type(job)) for config, job in followed] == [(CONFIGS[0], ExternalTraining)]
    launch = SweepLauncher([], tmp_path, Resources(), followed)
    assert launch.poll() == []
    set_info(run, status="finished")
    assert [item.state for item in launch.poll()] == ["finished"]
    assert launch.waiting == []


def test_default_parallel_is_half_of_the_cpus_and_at_least_one(monkeypatch):
    for cpus, expected in ((1, 1), (2, 1), (3, 1), (16, 8)):
        monkeypatch.setattr("os.sched_getaffinity", lambda pid, cpus=cpus: set(range(cpus)))
        assert launching.default_parallel() == expected


def test_local_jobs_run_and_what_submitit_unpickles_is_one_string(tmp_path):
    """The runs are finished: the jobs find that, without torch."""
    for config in CONFIGS[:2]:
        put(tmp_path, config)
    launch = SweepLauncher(CONFIGS[:2], tmp_path, Resources(parallel=2))
    assert launch.poll() == []
    assert launch.folder.stat().st_mode & 0o077 == 0
    pickles = list(launch.folder.glob("*_submitted.pkl"))
    assert len(pickles) == 2
    operations = [
        (operation.name, argument)
        for operation, argument, _ in pickletools.genops(pickles[0].read_bytes())
    ]
    names = [argument for name, argument in operations if "UNICODE" in name]
    assert [name for name in names if "." in name and " " not in name] == [
        "submitit.core.utils",
        "daexplore.engine.sweeps.job",
    ]
    (task,) = (json.loads(name) for name in names if name.startswith("{"))
    assert set(task) == {"config", "runs", "environment"}
    ended = []
    while launch.waiting:
        ended += launch.poll()
        threading.Event().wait(0.1)
    assert [item.state for item in ended] == ["finished", "finished"]
    assert list(launch.folder.glob("*.pkl")) == []
