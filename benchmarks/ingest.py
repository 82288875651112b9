"""How fast an ingest is, what memory it takes, whether kills change its result, and training from
sets larger than memory.

    python benchmarks/ingest.py ingest [--n 20000] [--workers 2] [--out docs/results/ingest.json]
    python benchmarks/ingest.py training [--gigabytes 3.0] [--spare 0.3] [--out
    docs/results/larger-than-memory.json]

``ingest`` makes FITS cut-outs (3 x 64 x 64 float32) in a temporary folder, reads them with a plain
loop of ``fits.getdata``, ingests them, then ingests them again with three kills (SIGKILL to the
first process), and compares the two folders byte by byte. Memory is the largest sum over all
processes of their proportional share (PSS), sampled ten times a second.

``training`` makes a source and a target of so many gigabytes each, in chunks, and measures the
address space (VmPeak) of a training on a tiny set. A training from the chunks is then allowed
(RLIMIT_AS) that much and ``--spare`` gigabytes; the same training with all images in memory is not
limited. Both read every pixel once, and train on the same galaxies.
"""

import argparse
import dataclasses
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

SHAPE = (3, 64, 64)


def make_cutouts(folder: Path, n: int) -> None:
    from astropy.io import fits

    folder.mkdir()
    rng = np.random.default_rng(0)
    header = fits.Header({"BANDS": "gri", "PIXSCALE": 0.262})
    for i in range(n):
        fits.PrimaryHDU(rng.standard_normal(SHAPE, np.float32), header).writeto(
            folder / f"{i:06d}.fits"
        )
    pd.DataFrame(
        {"filename": [f"{i:06d}.fits" for i in range(n)], "label": np.arange(n) % 2}
    ).to_csv(folder / "catalogue.csv", index=False)


def plain_loop(folder: Path) -> float:
    """Seconds of the loop that everybody would write."""
    from astropy.io import fits

    start = time.perf_counter()
    for path in sorted(folder.glob("*.fits")):
        fits.getdata(path)
    return time.perf_counter() - start


def start_ingest(source: Path, dest: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "ingest",
        str(source),
        str(dest),
        "--workers",
        str(workers),
        "--bands",
        "g,r,i",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def peak_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process; bytes that it and its children took together at most."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, taken(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"The ingest ended with {process.returncode}.")
    return peak


def taken(pid: int) -> int:
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for one in tree:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def contents(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def with_kills(source: Path, dest: Path, workers: int, chunks: int) -> list[int]:
    """Chunks that were finished at each of three kills."""
    finished = []
    for part in (1, 2, 3):
        with start_ingest(source, dest, workers) as process:
            while (
                len(done := list((dest / ".ingest").glob("[0-9]*.json"))) < part * chunks // 4
                and process.poll() is None
            ):
                time.sleep(0.01)
            process.kill()
        finished.append(len(done))
    if (dest / "galaxies.json").exists():
        raise SystemExit("The ingest was faster than the kills: take more galaxies.")
    return finished


def measure_ingest(n: int, workers: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="daexplore-ingest-") as place:
        source, whole, parts = (Path(place) / name for name in ("cutouts", "whole", "parts"))
        make_cutouts(source, n)
        plain_loop(source)  # once unmeasured: both then read from the page cache
        loop = plain_loop(source)
        start = time.perf_counter()
        peak = peak_of(start_ingest(source, whole, workers))
        seconds = time.perf_counter() - start
        chunks = len(json.loads((whole / "galaxies.json").read_text())["chunks"])
        finished = with_kills(source, parts, workers, chunks)
        peak_of(start_ingest(source, parts, workers))
        return {
            "images": n,
            "shape": SHAPE,
            "workers": workers,
            "getdata_images_per_second": n / loop,
            "ingest_images_per_second": n / seconds,
            "ratio": loop / seconds,
            "peak_memory_gb": peak / 1e9,
            "chunks": chunks,
            "chunks_at_each_kill": finished,
            "same_after_kills": contents(whole) == contents(parts),
        }


def make_set(folder: Path, name: str, gigabytes: float, seed: int) -> None:
    """A chunked set of noise with one nucleus or two, as an ingest would write it."""
    rows = 512
    count = max(1, round(gigabytes * 1e9 / (4 * np.prod(SHAPE) * rows)))
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    nuclei = [
        np.exp(-((x - 32 - offset) ** 2 + (y - 32) ** 2) / 18).astype(np.float32)
        for offset in (0, 12)
    ]
    chunks, labels = [], rng.integers(2, size=count * rows)
    for number in range(count):
        images = rng.standard_normal((rows, *SHAPE), np.float32) * np.float32(0.3 * seed)
        images += (nuclei[0] + labels[number * rows : (number + 1) * rows, None, None] * nuclei[1])[
            :, None
        ]
        file = folder / "images" / f"{number:05d}.npy"
        np.save(file, images)
        chunks.append({"file": f"images/{file.name}", "rows": rows, "sha256": ""})
    ids = [f"{name}/{i:07d}" for i in range(count * rows)]
    label = pd.array(labels, dtype="Int64")
    pd.DataFrame({"sample_id": ids, "group_id": ids, "label": label}).to_parquet(
        folder / "catalogue.parquet", index=False
    )
    about = {
        "format": 1,
        "name": name,
        "classes": ["one", "two"],
        "bands": ["g", "r", "i"],
        "pixel_scale": None,
        "provenance": {},
    }
    (folder / "galaxies.json").write_text(json.dumps(about | {"chunks": chunks}))


def train_here(data: Path, runs: Path, limit: int, in_memory: bool, address_space: int) -> None:
    """Train in this process and prints what came out."""
    import daexplore.engine.training.setup as build
    from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
    from daexplore.engine.training.train import train

    if in_memory:
        opened = build.open_domains
        build.open_domains = lambda *given: tuple(
            dataclasses.replace(one, images=np.asarray(one.images)) for one in opened(*given)
        )
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    config = RunConfig(
        data=DataConfig(str(data / "source"), str(data / "target"), limit=limit),
        alignments=(AlignmentConfig("mmd"),),
        train=TrainConfig(epochs=2, evaluation_limit=400, saliency_limit=8, accelerator="cpu"),
    )
    start = time.perf_counter()
    run = train(config, runs)
    memory = {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("Vm")
    }
    found = {
        "metrics": run.info["metrics"],
        "training_seconds": run.info["seconds"]["training"],
        "seconds": time.perf_counter() - start,
    }
    print(json.dumps(found | {"address_space": memory["VmPeak"], "resident": memory["VmHWM"]}))


def trained(
    data: Path, runs: Path, limit: int, in_memory: bool = False, address_space: int = 0
) -> dict[str, object]:
    """``train_here`` in a new process."""
    options = [
        "--data",
        data,
        "--runs",
        runs,
        "--limit",
        limit,
        "--address-space",
        address_space,
        *(["--in-memory"] if in_memory else []),
    ]
    done = subprocess.run(
        [sys.executable, __file__, "here", *map(str, options)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_training(gigabytes: float, spare: float, limit: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="daexplore-ingest-") as place:
        tiny, large, runs = (Path(place) / name for name in ("tiny", "large", "runs"))
        for folder, size in ((tiny, 0.02), (large, gigabytes)):
            make_set(folder / "source", "source", size, 1)
            make_set(folder / "target", "target", size, 2)
        base = trained(tiny, runs, limit)
        allowed = int(base["address_space"] + spare * 1e9)
        limited = trained(large, runs, limit, address_space=allowed)
        free = trained(large, runs, limit, in_memory=True)
        shutil.rmtree(runs)
        images = sum(path.stat().st_size for path in large.rglob("*.npy"))
        return {
            "images_gb": images / 1e9,
            "allowed_address_space_gb": allowed / 1e9,
            "times_larger": images / allowed,
            "address_space_of_a_tiny_set_gb": base["address_space"] / 1e9,
            "peak_address_space_gb": limited["address_space"] / 1e9,
            "peak_address_space_in_memory_gb": free["address_space"] / 1e9,
            "same_metrics": limited["metrics"] == free["metrics"],
            "training_seconds": limited["training_seconds"],
            "training_seconds_in_memory": free["training_seconds"],
            "speed_ratio": free["training_seconds"] / limited["training_seconds"],
            "seconds_with_opening": limited["seconds"],
            "seconds_with_opening_in_memory": free["seconds"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("ingest", "training", "here"))
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gigabytes", type=float, default=3.0, help="of each domain")
    parser.add_argument(
        "--spare", type=float, default=0.3, help="gigabytes allowed beyond a training on a tiny set"
    )
    parser.add_argument("--limit", type=int, default=4000, help="training images a domain")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--address-space", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.what == "here":
        train_here(given.data, given.runs, given.limit, given.in_memory, given.address_space)
        return
    found = (
        measure_ingest(given.n, given.workers)
        if given.what == "ingest"
        else measure_training(given.gigabytes, given.spare, given.limit)
    )
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
