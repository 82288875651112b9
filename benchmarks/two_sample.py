"""How often the MMD permutation test is wrong, how often it finds a shift, and how fast it is.

    python benchmarks/two_sample.py [--repeats 1000] [--power-repeats 500] [--workers 2] [--out
    docs/results/two-sample.json] python benchmarks/two_sample.py --time-only

Samples of skewed, correlated latents come in four designs: galaxies of their own, the same galaxies
in both samples, several images a galaxy, and a mixture. The rejection rate at 5% is that of samples
from one distribution, with the median bandwidth of the pooled sample and, as for a run, with fixed
bandwidths in units of the first sample's spread. Power is compared with a test written as its
definition says (a loop over relabellings of its own, scikit-learn's kernel) on the same data; the
two then differ by which relabellings they drew. Intervals are binomial (Clopper-Pearson, 95%). The
time is that of one test, latents in 32 dimensions, 1000 relabellings; ``--time-only`` measures it
again, on a quieter machine, and leaves the other numbers in the file.
"""

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from daexplore.analysis.distance.domain_probe import spread
from daexplore.analysis.distance.mmd_test import mmd_test
from daexplore.kernels import SCALES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
two_samples = importlib.import_module("two_samples")

LEVEL = 0.05
PERMUTATIONS = 199
BANDWIDTHS = (0.5, 2.0, 8.0)
SHIFTS = {
    "independent": (0.8, 1.2),
    "paired": (0.6, 0.8),
    "grouped": (1.0, 1.4),
    "mixed": (0.8, 1.2),
}


def rate(found: list[bool]) -> dict[str, Any]:
    interval = binomtest(sum(found), len(found)).proportion_ci()
    return {
        "rate": sum(found) / len(found),
        "low": interval.low,
        "high": interval.high,
        "repeats": len(found),
    }


def rejections(design: str, repeats: int, source_units: bool) -> dict[str, Any]:
    rng = np.random.default_rng(2024)
    found = []
    for seed in range(repeats):
        x, y, *groups = two_samples.draw(design, rng)
        unit = spread(x) if source_units else 1.0
        p_value = mmd_test(
            x / unit, y / unit, *groups, SCALES if source_units else None, PERMUTATIONS, seed
        ).p_value
        found.append(p_value <= LEVEL)
    return {
        "design": design,
        "bandwidths": (
            "units of the first sample's spread" if source_units else "median of the pool"
        ),
    } | rate(found)


def power(design: str, shift: float, repeats: int) -> dict[str, Any]:
    rng, other = np.random.default_rng(7), np.random.default_rng(8)
    ours, reference = [], []
    for seed in range(repeats):
        sample = two_samples.draw(design, rng, shift=shift)
        ours.append(mmd_test(*sample, BANDWIDTHS, PERMUTATIONS, seed).p_value <= LEVEL)
        reference.append(
            bool(two_samples.naive_test(*sample, BANDWIDTHS, PERMUTATIONS, other)[1] <= LEVEL)
        )
    only = [
        sum(a and not b for a, b in zip(one, two, strict=True))
        for one, two in ((ours, reference), (reference, ours))
    ]
    mcnemar = binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
    about = {"design": design, "shift": shift, "ours": rate(ours), "reference": rate(reference)}
    return about | {
        "found_only_by_ours": only[0],
        "found_only_by_reference": only[1],
        "mcnemar_p": mcnemar,
    }


def timing(count: int, paired: bool, permutations: int = 1000) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(count, 32)).astype(np.float32),
        rng.normal(size=(count, 32)).astype(np.float32) + 0.05,
    )
    groups = (np.arange(count).astype(str),) * 2 if paired else (None, None)
    wall, processor = [], []
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        mmd_test(x, y, *groups, permutations=permutations)
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    about = {
        "n": count,
        "m": count,
        "dimension": 32,
        "paired": paired,
        "permutations": permutations,
    }
    return about | {"seconds": min(wall), "seconds_all": wall, "processor_seconds": min(processor)}


def run(task: tuple[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {"rejections": rejections, "power": power}[task[0]](*task[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--power-repeats", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("docs/results/two-sample.json"))
    parser.add_argument("--time-only", action="store_true")
    given = parser.parse_args()
    times = [timing(2000, paired) for paired in (False, True)]
    machine = {
        "cores": os.cpu_count(),
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "all"),
        "load_while_timing": os.getloadavg()[0],
    }
    if given.time_only:
        write(given.out, json.loads(given.out.read_text()) | {"time": times, "machine": machine})
        return
    false_alarms = [
        ("rejections", (design, given.repeats, units))
        for units in (False, True)
        for design in SHIFTS
    ]
    shifted = [
        ("power", (design, shift, given.power_repeats))
        for design, shifts in SHIFTS.items()
        for shift in shifts
    ]
    with ProcessPoolExecutor(given.workers) as pool:
        found = list(pool.map(run, false_alarms + shifted))
    answer: dict[str, Any] = {
        "level": LEVEL,
        "permutations": PERMUTATIONS,
        "under_the_null": found[: len(false_alarms)],
        "power": found[len(false_alarms) :],
        "time": times,
        "machine": machine,
    }
    write(given.out, answer)


def write(out: Path, answer: dict[str, Any]) -> None:
    text = json.dumps(answer, indent=1)
    print(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")


if __name__ == "__main__":
    main()
