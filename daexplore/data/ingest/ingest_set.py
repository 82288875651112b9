"""Ingest of a set: chunks in worker processes, resumable."""

import errno
import itertools
import math
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from daexplore.config import ReadConfig
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.ingest import workspace as place
from daexplore.data.ingest.assemble import RejectionTally, finish, verify
from daexplore.data.ingest.chunk import Plan, Record, read_record, write_chunk
from daexplore.data.readers.load import decide_frame
from daexplore.data.readers.registry import open_listing
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address

__all__ = ["ingest"]

Progress = Callable[[int, int], None]

_MOST_BYTES = 1 << 26
_MOST_WORKERS = 8
_INTERVAL = 2.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def ingest(
    source: str | Path,
    dest: str | Path,
    read: ReadConfig | None = None,
    workers: int | None = None,
    chunk: int = 512,
    progress: Progress | None = None,
    restart: bool = False,
) -> GalaxySet:
    """Read an input of any kind into one chunked galaxy set.

    The result is the same bit by bit whatever the number of workers and however often the work was
    stopped: started again with the same arguments it continues where it was, and where it had
    finished the chunks' checksums are compared. Galaxies that cannot be read, or whose size, bands,
    scale or units are not the others', are rejected and listed with the reason in ``aside.csv``.

    Args:
        source: whatever ``read_galaxies`` understands, or an address (https, s3, hf) of Parquet,
            HDF5, npz or tar files.
        dest: folder of the set; new, empty, or started by an earlier ingest of the same input.
        read: what is declared of the input.
        workers: processes; None takes as many as there are CPUs for this process, at most 8; 1
            stays in this process. A script that does not say 1 must guard its main part by ``if
            __name__ == "__main__"``.
        chunk: galaxies a chunk at most; fewer where they would take more than 64 MiB.
        progress: called with the number of galaxies done and their total.
        restart: delete first what an earlier ingest wrote into ``dest``.

    Raises:
        InputError: an input that cannot be used or is mixed (more than a tenth of other size or
            bands, more than half unusable), a folder that holds something else or was started with
            another input, another process at it, a full disk; finished chunks stay.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # This is a worker that runs the user's script again: without this it would wait for ever
        # for the process that started it.
        raise InputError(
            "A script that ingests galaxies needs the line `if __name__ == '__main__':` above what"
            " it does."
        )
    for what, number in (("workers", workers), ("galaxies a chunk", chunk)):
        if number is not None and number < 1:
            raise InputError(f"Cannot ingest with {number} {what}: give at least 1.")
    read, folder = read or ReadConfig(), Path(dest).expanduser()
    if not is_address(source):
        place.outside(Path(source), folder)
    with place.locked(folder):
        begun = place.begun_with(folder)
        if restart and begun is not None:
            place.empty(folder)
            begun = None
        listing = open_listing(source, read)
        identity = place.identity(listing, read, chunk)
        if begun is not None:
            place.check_same(folder, begun, identity)
        if place.is_complete(folder):
            verify(folder)
            return GalaxySet.load(folder)
        if begun is None:
            place.record(folder, identity, decide_frame(listing, read))
        frame = place.frame_of(folder)
        rows = max(1, min(chunk, _MOST_BYTES // (4 * math.prod(frame.shape))))
        plan = Plan(listing, read, frame, rows, folder)
        _write_missing(plan, workers, progress)
        return finish(plan, (_finished(plan, number) for number in range(plan.count)), identity)


def _write_missing(plan: Plan, workers: int | None, progress: Progress | None) -> None:
    """Every chunk whose record is not there yet."""
    for part in plan.folder.rglob("*.part"):
        part.unlink(missing_ok=True)
    tally, done, missing = RejectionTally(plan), 0, []
    for number in range(plan.count):
        record = read_record(plan.folder, number)
        if record is None:
            missing.append(number)
        else:
            tally.add(record)
            done += len(plan.rows(number))
    _check_room(plan, missing)
    if progress is not None:
        progress(done, len(plan.listing))
    try:
        for number, record in _written(plan, missing, _worker_count(workers, len(missing))):
            tally.add(record)
            done += len(plan.rows(number))
            if progress is not None:
                progress(done, len(plan.listing))
    except BrokenProcessPool as error:
        raise InputError(
            f"A process that read {plan.listing.name} was ended from outside, perhaps because"
            f" memory ran out. Finished chunks stay in {plan.folder}: run the same command again,"
            " with fewer --workers."
        ) from error
    except OSError as error:
        if error.errno not in _FULL:
            raise InputError(
                f"Cannot write to {plan.folder}: {error}. Finished chunks stay: fix that, and run"
                " the same command again."
            ) from error
        raise _full(
            plan, [number for number in missing if read_record(plan.folder, number) is None]
        ) from error


def _finished(plan: Plan, number: int) -> Record:
    record = read_record(plan.folder, number)
    if record is None:
        raise InputError(
            f"{plan.folder} was changed while galaxies were ingested into it. Run the same again."
        )
    return record


def _worker_count(workers: int | None, chunks: int) -> int:
    if workers is None:
        cpus = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        # a new process takes about as long to start as a few chunks take
        workers = min(cpus, _MOST_WORKERS, chunks // 4)
    return max(1, min(workers, chunks))


def _written(plan: Plan, missing: list[int], workers: int) -> Iterator[tuple[int, Record]]:
    """Each chunk's number and record, in the order in which they get ready."""
    if workers == 1:
        for number in missing:
            yield number, write_chunk(plan, number)
        return
    context = multiprocessing.get_context("spawn")
    # A process that is started with a long plan is waited for until it has read it, one after the
    # other: handed over by a thread, all start at once.
    plans = context.SimpleQueue()
    threading.Thread(target=_hand_over, args=(plans, plan, workers), daemon=True).start()
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(plans,)
    ) as pool:
        waiting: dict[Future[Record], int] = {}
        left = iter(missing)
        try:
            while True:
                # a short queue: after an interruption there is little to wait for
                for number in itertools.islice(left, 2 * workers - len(waiting)):
                    waiting[pool.submit(_work, number)] = number
                if not waiting:
                    return
                ready, _ = wait(waiting, timeout=_INTERVAL, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


_plans: list[Plan] = []


def _hand_over(plans: "SimpleQueue[Plan]", plan: Plan, workers: int) -> None:
    for _ in range(workers):
        plans.put(plan)


def _begin(plans: "SimpleQueue[Plan]") -> None:
    """Once in each worker: the plan is sent once, not with each chunk."""
    _plans[:] = [plans.get()]
    # Ctrl-C reaches all processes of a terminal: the first process ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next chunk for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(number: int) -> Record:
    return write_chunk(_plans[0], number)


def _check_room(plan: Plan, missing: list[int]) -> None:
    if _needed(plan, missing) > shutil.disk_usage(plan.folder).free:
        raise _full(plan, missing)


def _needed(plan: Plan, missing: list[int]) -> int:
    return 4 * math.prod(plan.frame.shape) * sum(len(plan.rows(number)) for number in missing)


def _full(plan: Plan, missing: list[int]) -> InputError:
    free = shutil.disk_usage(plan.folder).free
    return InputError(
        f"There is no room for the galaxies in {plan.folder}: {len(missing)} chunks are still to be"
        f" written and need {_needed(plan, missing) / 1e6:.1f} MB, {free / 1e6:.1f} MB are free."
        f" The {plan.count - len(missing)} finished chunks are kept: make room there (or raise your"
        " quota) and run the same command again."
    )
