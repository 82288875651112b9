"""Training as a child process: its states, its end, its errors, and pages that come and go."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from factories import make_run

from daexplore.app.jobs import job as jobs_module
from daexplore.app.jobs.commands import command_line, resume_command, train_command
from daexplore.app.jobs.failures import failure_text
from daexplore.app.jobs.job import JOBS_FOLDER, Job
from daexplore.app.jobs.queue import JobQueue, find_jobs
from daexplore.errors import InputError
from daexplore.runs import Run, RunStore

FAKE = str(Path(__file__).parents[1] / "helpers" / "fake_training.py")


def fake(root, *options, method="noda"):
    return Job(
        [sys.executable, FAKE, "--runs", str(root), "--method", method, *options],
        root,
        method=method,
    )


def follow(job, until, seconds=60.0):
    """The states seen until one of ``until``."""
    seen = [job.poll()]
    end = time.monotonic() + seconds
    while job.state not in until:
        assert time.monotonic() < end, f"still {job.state}"
        time.sleep(0.03)
        if job.poll() != seen[-1]:
            seen.append(job.state)
    return seen


@pytest.fixture
def started():
    """Start jobs, and ends their processes after the test."""
    processes = []

    def start(job):
        job.start()
        processes.append(job.process)
        return job

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_training_passes_through_its_states_and_leaves_only_the_run(tmp_path, started):
    job = started(fake(tmp_path, "--simulate", "0.5", method="mmd"))
    assert follow(job, ["finished"]) == ["starting", "simulating", "running", "finished"]
    assert job.run.id in {run.id for run in RunStore(tmp_path).runs()}
    assert job.run.evaluated == [1, 2, 3]
    assert job.progress == (3, 3, 1.0)
    assert not any((tmp_path / JOBS_FOLDER).iterdir())


def test_child_is_calm_and_has_a_session_of_its_own(tmp_path, started):
    job = started(fake(tmp_path, "--simulate", "20"))
    pid = job.process.pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == 10
    assert os.getsid(pid) == pid
    environment = Path(f"/proc/{pid}/environ")
    end = time.monotonic() + 10
    while b"OMP_NUM_THREADS=1" not in environment.read_bytes().split(b"\0"):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_two_trainings_at_once_each_find_their_own_run(tmp_path, started):
    first, second = (
        started(fake(tmp_path, "--pause", "0.3")),
        started(fake(tmp_path, "--pause", "0.3", method="dann")),
    )
    follow(first, ["finished"])
    follow(second, ["finished"])
    assert (first.run.method, second.run.method) == ("noda", "dann")


def test_stop_ends_the_child_and_the_run_can_be_resumed(tmp_path, started):
    job = started(fake(tmp_path, "--epochs", "50", "--pause", "0.2"))
    follow(job, ["running"])
    while not job.run.evaluated:
        time.sleep(0.05)
        job.poll()
    job.stop()
    assert job.stopping
    follow(job, ["stopped"])
    done = len(job.run.evaluated)
    assert (job.run.status, job.error) == ("stopped", "")
    assert 0 < done < 50

    again = started(
        Job(
            [sys.executable, FAKE, "--resume", str(job.run.path), "--pause", "0"],
            tmp_path,
            run=Run(job.run.path),
        )
    )
    assert again.progress == (0, 0, 0.0)
    assert follow(again, ["finished"])[-1] == "finished"
    assert again.run.evaluated == list(range(1, 51))


def test_a_paused_child_stands_still_until_it_goes_on_and_ends_in_the_same_numbers(
    tmp_path, started
):
    job = started(fake(tmp_path, "--epochs", "20", "--pause", "0.1"))
    follow(job, ["running"])
    while job.progress[0] < 2:
        time.sleep(0.02)
        job.poll()
    job.pause()
    assert (job.poll(), job.paused, job.pausable) == ("paused", True, False)
    # The signal is sent, not yet heard: a process on a busy machine needs its turn to stop.
    end = time.monotonic() + 30
    while psutil.Process(job.process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
        time.sleep(0.02)
    job.poll()
    before = job.run.evaluated
    time.sleep(0.6)
    assert job.poll() == "paused"
    assert job.run.evaluated == before
    [other] = find_jobs(tmp_path)
    assert other.poll() == "paused"
    other.resume()
    assert follow(job, ["finished"])[-1] == "finished"
    assert job.run.evaluated == list(range(1, 21))


def test_a_paused_child_can_be_stopped_and_makes_room_in_the_queue(tmp_path):
    queue = JobQueue(at_once=1)
    queue.add(fake(tmp_path, "--pause", "0.2", "--epochs", "50"))
    queue.add(fake(tmp_path, "--pause", "0", "--epochs", "1", method="mmd"))
    queue.poll()
    first, second = queue.jobs
    follow(first, ["running"])
    first.pause()
    queue.poll()
    assert second.state == "starting"
    first.stop()
    assert follow(first, ["stopped", "failed", "finished"])[-1] == "stopped"
    follow(second, ["finished"])


def test_a_closed_page_leaves_nothing_standing_still(tmp_path):
    queue = JobQueue()
    queue.add(fake(tmp_path, "--epochs", "10", "--pause", "0.1"))
    queue.poll()
    follow(queue.jobs[0], ["running"])
    queue.jobs[0].pause()
    queue.close()
    follow(queue.jobs[0], ["finished"])


def test_time_to_go_is_estimated_from_what_this_process_did(tmp_path, started):
    job = started(fake(tmp_path, "--epochs", "100", "--pause", "0.1"))
    follow(job, ["running"])
    assert job.eta is None
    end = time.monotonic() + 30
    while job.progress[0] < 10 and time.monotonic() < end:
        time.sleep(0.05)
        job.poll()
    assert 5 < job.eta < 60


def test_stop_while_simulating_leaves_nothing(tmp_path, started):
    job = started(fake(tmp_path, "--simulate", "60"))
    follow(job, ["simulating"])
    assert (job.stage.name, job.stage.total) == ("simulating", 10)
    job.stop()
    follow(job, ["stopped"])
    assert job.run is None
    assert not any((tmp_path / JOBS_FOLDER).iterdir())


def test_child_that_ignores_the_request_is_ended(tmp_path, started, monkeypatch):
    monkeypatch.setattr(jobs_module, "_GRACE", 0.5)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf',"
        " flush=True); time.sleep(60)"
    )
    job = started(Job([sys.executable, "-c", stubborn], tmp_path))
    time.sleep(0.5)
    job.stop()
    follow(job, ["stopped"], seconds=10)


def test_bad_input_is_shown_as_the_command_line_says_it(tmp_path, started):
    job = started(fake(tmp_path, "--fail", "input"))
    follow(job, ["failed"])
    assert job.error == "Error: there is no galaxy set in /nowhere; give the path of one."


def test_crash_shows_the_exception_and_where_the_log_is(tmp_path, started):
    job = started(fake(tmp_path, "--fail", "crash"))
    follow(job, ["failed"])
    assert job.error == f"RuntimeError: the galaxies ran away. The log is {job.log}."
    assert "Traceback" in job.log.read_text()


def test_crash_of_a_run_shows_its_error_and_keeps_the_log_with_it(tmp_path, started):
    job = started(fake(tmp_path, "--fail", "late", "--epochs", "5"))
    follow(job, ["failed"])
    assert (
        job.error
        == f"ValueError: the loss became nan in epoch 2. The log is {job.run.path / 'log.txt'}."
    )
    assert "Traceback" in (job.run.path / "log.txt").read_text()


def test_killed_process_is_named(tmp_path, started):
    job = started(fake(tmp_path, "--fail", "killed"))
    follow(job, ["failed"])
    assert job.error.startswith("It was ended by SIGKILL, perhaps because memory ran out.")


def test_killed_process_of_a_run_leaves_an_interrupted_run(tmp_path, started):
    job = started(fake(tmp_path, "--pause", "0.5", "--epochs", "50"))
    follow(job, ["running"])
    os.kill(job.process.pid, signal.SIGKILL)
    follow(job, ["failed"])
    assert job.run.status == "interrupted"


def test_message_broken_into_boxed_lines_is_joined():
    box = (
        "\x1b[31m╭─ Error ──────╮\x1b[0m\n│ Unknown method 'x'; │\n│ there are mmd, dann."
        " │\n╰──────────────╯\n"
    )
    assert "Unknown method 'x'; there are mmd, dann." in failure_text(box, 2, Path("/nowhere"))


def test_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        fake(tmp_path / "file").start()


def test_another_page_finds_a_training_at_every_stage(tmp_path, started):
    job = started(fake(tmp_path, "--simulate", "0.6", "--pause", "0.3", method="mmd"))
    (found,) = find_jobs(tmp_path)
    assert (found.method, found.state, found.run) == ("mmd", "starting", None)
    assert follow(found, ["running"]) == ["starting", "simulating", "running"]
    (late,) = find_jobs(tmp_path)
    assert late.run.id == found.run.id
    follow(job, ["finished"])
    assert follow(found, ["finished"])[-1] == "finished"
    assert find_jobs(tmp_path) == []


def test_training_from_a_terminal_is_found_too(tmp_path):
    run = make_run(tmp_path, n=40, epochs=1, status="running")
    (found,) = find_jobs(tmp_path)
    assert (found.poll(), found.run.id) == ("running", run.id)


def test_failure_nobody_saw_is_shown_once(tmp_path, started):
    job = started(fake(tmp_path, "--fail", "crash"))
    job.process.wait()
    (found,) = find_jobs(tmp_path)
    assert found.state == "failed"
    assert "the galaxies ran away" in found.error
    assert find_jobs(tmp_path) == []


def test_queue_runs_only_so_many_at_once(tmp_path):
    queue = JobQueue(at_once=1)
    queue.add(fake(tmp_path, "--pause", "0", "--epochs", "1"))
    queue.add(fake(tmp_path, "--pause", "0", "--epochs", "1", method="mmd"))
    end = time.monotonic() + 60
    queue.poll()
    assert [job.state for job in queue.jobs] == ["starting", "waiting"]
    while queue.poll():
        assert sum(job.state in ("starting", "running") for job in queue.jobs) <= 1
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [job.state for job in queue.jobs] == ["finished", "finished"]


@pytest.mark.parametrize(("stop", "ending"), [(False, "finished"), (True, "stopped")])
def test_closing_the_page_stops_the_training_only_if_asked(tmp_path, stop, ending):
    queue = JobQueue()
    queue.add(fake(tmp_path, "--epochs", "200" if stop else "10", "--pause", "0.15"))
    queue.poll()
    follow(queue.jobs[0], ["running"])
    while queue.jobs[0].progress[0] < 1:
        time.sleep(0.02)
        queue.poll()
    queue.stop_on_close = stop
    queue.close()
    run = Run(queue.jobs[0].run.path)
    end = time.monotonic() + 30
    while run.info["status"] == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
        run.reload()
    assert run.info["status"] == ending


@pytest.mark.parametrize("stop", [False, True])
def test_choice_holds_for_trainings_that_another_page_started_too(tmp_path, started, stop):
    job = started(fake(tmp_path, "--simulate", "20"))
    queue = JobQueue()
    queue.adopt(find_jobs(tmp_path))
    queue.stop_on_close = stop
    queue.close()
    if stop:
        follow(job, ["stopped"])
    else:
        time.sleep(0.5)
        assert job.poll() in ("starting", "simulating")


def test_queue_drops_what_cannot_be_started(tmp_path):
    (tmp_path / "file").touch()
    queue = JobQueue()
    queue.add(fake(tmp_path / "file"))
    queue.add(fake(tmp_path / "file", method="mmd"))
    with pytest.raises(InputError):
        queue.poll()
    assert queue.jobs == []
    assert not queue.poll()


def test_commands_are_shown_as_one_types_them(tmp_path):
    root = tmp_path / "my runs"
    shown = command_line(
        train_command(root, "mmd", seed=2, epochs=5, data=("--source", "a", "--target", "b c"))
    )
    assert (
        shown == "daexplore train --source a --target 'b c' --method mmd --seed 2 --epochs 5 --runs"
        f" {shlex.quote(str(root))}"
    )
    assert (
        command_line(resume_command(root / "run"))
        == f"daexplore train --resume {shlex.quote(str(root / 'run'))}"
    )
