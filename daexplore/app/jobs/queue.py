"""Queue of the trainings of a page, and how many of them run at a time."""

import os
from collections.abc import Sequence
from pathlib import Path

from daexplore.app.jobs.job import JOB_RECORD, JOBS_FOLDER, Job
from daexplore.errors import InputError
from daexplore.runs import RunStore
from daexplore.utils.files import read_json

__all__ = ["JobQueue", "find_jobs"]


def find_jobs(root: str | Path) -> list[Job]:
    """Trainings in progress below ``root``, by whatever user, and those that failed unseen,
    oldest first.
    """
    root = Path(root)
    jobs = []
    for record in sorted(
        root.glob(f"{JOBS_FOLDER}/*/{JOB_RECORD}"), key=lambda file: file.stat().st_mtime
    ):
        if read_json(record).get("ended"):
            continue
        job = Job.from_folder(record.parent)
        if job.poll() not in ("finished", "stopped"):
            jobs.append(job)
    known = {job.run.id for job in jobs if job.run is not None}
    runs = RunStore(root).runs()
    return jobs + [Job.of_run(run) for run in reversed(runs) if run.alive() and run.id not in known]


class JobQueue:
    """The trainings one page shows; a page's own, never shared.

    Args:
        at_once: so many of those started here run at the same time, the others wait.

    Attributes:
        jobs: in the order of their start.
        stop_on_close: whether closing the page stops what it shows; otherwise that continues to its
            end.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self.jobs: list[Job] = []
        self.stop_on_close = False
        self._started: list[Job] = []
        self._at_once = at_once or max(3, os.cpu_count() or 1)

    def add(self, job: Job) -> None:
        """Put a job in the queue, which ``poll`` starts."""
        self.jobs.append(job)
        self._started.append(job)

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Show jobs that run already."""
        self.jobs.extend(jobs)

    def forget_ended(self) -> None:
        """Take away the jobs that have ended."""
        self.jobs = [job for job in self.jobs if not job.ended]

    def replace(self, job: Job, by: Job) -> None:
        """Put a job in the place of one that has ended."""
        self.jobs[self.jobs.index(job)] = by
        self._started.append(by)

    def poll(self) -> bool:
        """Follow all jobs and starts those whose turn it is; True while some have not ended.

        Raises:
            InputError: a job cannot be started; all that wait are dropped, since they would write
                to the same folder.
        """
        for job in self.jobs:
            job.poll()
        # One that is paused takes no processor from the others.
        free = self._at_once - sum(
            not job.ended and job.state not in ("waiting", "paused") for job in self._started
        )
        for job in [job for job in self._started if job.state == "waiting"][: max(free, 0)]:
            try:
                job.start()
            except InputError:
                self.jobs = [other for other in self.jobs if other.state != "waiting"]
                self._started = [other for other in self._started if other.state != "waiting"]
                raise
        return self.busy

    @property
    def busy(self) -> bool:
        """Whether some have not ended."""
        return any(not job.ended for job in self.jobs)

    def stop(self) -> None:
        """Stop all."""
        for job in self.jobs:
            job.stop()

    def close(self) -> None:
        """To be called when the page is closed. Jobs that wait for their turn are dropped; see
        ``stop_on_close``.
        """
        for job in self.jobs:
            if self.stop_on_close or job.state == "waiting":
                job.stop()
            else:
                # No page is open to show that it is paused.
                job.resume()
