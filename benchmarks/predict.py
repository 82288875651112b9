"""How fast a prediction over many galaxies is beside a bare forward loop, what memory it takes, and
whether a kill changes its catalogue.

    python benchmarks/predict.py RUN [--n 100000] [--size 48] [--bare-every 4] [--out
    docs/results/predict.json]

RUN is any trained run in three bands, for example of

    daexplore train --data demo --limit 200 --epochs 1 --set data.simulated=400 --set data.size=32
    --runs RUNS

A memory-mapped set of noise is made in a temporary folder, with ids and positions. One process
predicts it. After every so many parts the clock of the prediction is stopped, and a bare loop (rows
read, preprocessed and sent through the network, nothing kept) runs over the rows of the last part,
so that a machine whose speed drifts does not distort the ratio. All else that a prediction does
(probabilities, in-domain score, parts, the catalogue itself) counts for it. Then another process
does the same, is killed (SIGKILL) at 40%, and started again. Memory is the largest resident set,
mapped pages of the images included.
"""

import argparse
import hashlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table

BANDS = ("F814W", "F356W", "F160W")
BATCH = 256


def make_set(folder: Path, n: int, size: int, bands: tuple[str, ...]) -> None:
    """Written in pieces: nothing of it stays in memory."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(
        folder / "images.npy", "w+", np.float32, (n, len(bands), size, size)
    )
    for start in range(0, n, 1000):
        piece = images[start : start + 1000]
        piece[...] = rng.standard_normal(piece.shape, np.float32) * 0.1
    images.flush()
    ids = [f"noise/{row:07d}" for row in range(n)]
    label = pd.array([pd.NA] * n, dtype="Int64")
    sky = {"objid": np.arange(n), "ra": rng.uniform(0, 360, n), "dec": rng.uniform(-90, 90, n)}
    pd.DataFrame({"sample_id": ids, "group_id": ids, "label": label, **sky}).to_parquet(
        folder / "catalogue.parquet", index=False
    )
    about = {
        "format": 1,
        "name": "noise",
        "classes": [],
        "bands": bands,
        "pixel_scale": 0.06,
        "provenance": {},
    }
    (folder / "galaxies.json").write_text(json.dumps(about))


def clocks() -> np.ndarray:
    """Seconds on the wall and of this process's own time, which other processes of a busy machine
    do not change.
    """
    return np.array([time.perf_counter(), time.process_time()])


class Bare:
    """Told how far the prediction is; runs the bare loop now and then, and keeps what that took."""

    def __init__(self, run: Path, data: Path, every: int, rows: int):
        from daexplore.data import read_galaxies
        from daexplore.data.preprocessing.pipeline import Preprocess
        from daexplore.engine.inference import load_network
        from daexplore.engine.prediction.predict import release_pages
        from daexplore.runs import Run

        opened = Run(run)
        self.galaxies = read_galaxies(data)
        self.preprocess = Preprocess.from_dict(opened.info["preprocessing"]).for_galaxy_set(
            "target", self.galaxies
        )
        self.network, self.forget = load_network(opened), release_pages
        self.every, self.rows = every * rows, rows
        self.images, self.spent, self.first = 0, np.zeros(2), np.zeros(2)

    def __call__(self, progress) -> None:
        if progress.stage != "predicting":
            return
        if not progress.done:
            self.first = clocks()
        elif progress.done % self.every == 0:
            start = clocks()
            self.loop(progress.done - self.rows, progress.done)
            self.images += self.rows
            self.spent += clocks() - start
            # Its own map of the images must not count as the prediction's memory.
            self.forget(self.galaxies.images)

    def loop(self, first: int, last: int) -> None:
        import torch

        from daexplore.data.loaders import as_batch
        from daexplore.models import batch_norm_domain

        with torch.inference_mode(), batch_norm_domain(self.network, "target"):
            for start in range(first, last, BATCH):
                rows = np.arange(start, min(start + BATCH, last))
                self.network(as_batch(self.galaxies.images, rows, self.preprocess, "target"))


def measured(run: Path, data: Path, out: Path, every: int) -> dict[str, float]:
    import daexplore.engine.prediction.predict as module

    bare = Bare(run, data, every, module._PART)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    module.predict([run], str(data), out, batch_size=BATCH, report=bare)
    n = len(bare.galaxies)
    predicted = n / (clocks() - bare.first - bare.spent)
    alone = bare.images / bare.spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "bare_images": bare.images,
        "bare_images_per_second": alone[0],
        "predict_images_per_second": predicted[0],
        "ratio": predicted[0] / alone[0],
        "bare_images_per_cpu_second": alone[1],
        "predict_images_per_cpu_second": predicted[1],
        "ratio_cpu": predicted[1] / alone[1],
        "peak_memory_gb": peak * 1024 / 1e9,
        "memory_before_the_first_image_gb": before * 1024 / 1e9,
    }


def killed_and_resumed(run: Path, data: Path, out: Path, n: int) -> int:
    """Parts that were there after the kill."""
    command = [
        sys.executable,
        "-m",
        "daexplore",
        "predict",
        "--run",
        run,
        "--data",
        data,
        "--out",
        out,
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    parts = out.with_name(f"{out.name}.parts")
    with subprocess.Popen(list(map(str, command)), **quiet) as process:
        while len(done := list(parts.glob("part-*"))) < 0.4 * n / 2048 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    subprocess.run(list(map(str, command)), check=True, **quiet)
    return len(done)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--bare-every", type=int, default=4)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-kill", action="store_true", help="leave out the second half")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daexplore-predict-") as place:
        data, whole, parts = (
            Path(place) / "set",
            Path(place) / "whole.fits",
            Path(place) / "parts.fits",
        )
        # Made by another process, whose memory does not count.
        make = (
            "import runpy;"
            f" runpy.run_path({__file__!r})['make_set'](__import__('pathlib').Path({str(data)!r}),"
            f" {options.n}, "
        )
        subprocess.run([sys.executable, "-c", make + f"{options.size}, {BANDS})"], check=True)
        result = {"images": options.n, "shape": [len(BANDS), options.size, options.size]}
        result["mapped_file_gb"] = (data / "images.npy").stat().st_size / 1e9
        result |= measured(options.run, data, whole, options.bare_every)
        table = Table.read(whole)
        result["catalogue"] = {
            "rows": len(table),
            "units": {n: str(table[n].unit) for n in table.colnames if table[n].unit},
        }
        if not options.no_kill:
            result["parts_at_the_kill"] = killed_and_resumed(options.run, data, parts, options.n)
            same = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (whole, parts)]
            result["same_after_the_kill"] = same[0] == same[1]
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
