"""How fast a training step is: images per second of each method, its ratio to noDA on equally many
images, and the share of the machine's measured matrix-multiplication peak that the network's
arithmetic reaches. All figures come from one run, interleaved, so that a machine whose speed drifts
does not distort the ratios.

    python benchmarks/train.py [--rounds 30] [--network deepmerge]
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from daexplore.alignment import METHODS, build_alignment
from daexplore.config import AlignmentConfig, ModelConfig
from daexplore.data.loaders import DomainPairLoader, PairSampler
from daexplore.data.preprocessing.common_format import CommonFormat
from daexplore.data.preprocessing.pipeline import DomainSteps, Preprocess
from daexplore.data.preprocessing.steps import Crop, Normalise
from daexplore.domains import DomainBatch
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import build_network

BANDS, CLASSES, SIZE, BATCH = 3, 2, 75, 64


def matmul_peak(seconds: float = 1.0, n: int = 1024) -> float:
    """Best floating-point operations per second of a float32 matrix product."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        a @ b
        best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


class Step:
    """One method's training step on a batch that it is given."""

    def __init__(self, method: str, batch_norm: str, network: str):
        torch.manual_seed(0)
        net = build_network(ModelConfig(network), BANDS, CLASSES, SIZE).to(
            memory_format=torch.channels_last
        )
        alignments = (
            []
            if method == "noda"
            else [(build_alignment(AlignmentConfig(method), net.head.in_features, CLASSES), 1.0)]
        )
        self.adapter = AdaptationStep(net, alignments, batch_norm)
        self.optimizer = torch.optim.AdamW(self.adapter.parameters())
        self.seconds: list[float] = []

    def __call__(self, batch: DomainBatch) -> None:
        start = time.perf_counter()
        self.adapter(batch, 0.5)["total"].backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.seconds.append(time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--network", default="deepmerge")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    rng = np.random.default_rng(0)
    n = BATCH * 8
    images = rng.normal(size=(n, BANDS, SIZE, SIZE)).astype(np.float32)
    bands = tuple(f"band {number}" for number in range(BANDS))
    steps = DomainSteps(bands, (Crop((SIZE, SIZE)), Normalise((0.0,) * BANDS, (1.0,) * BANDS)))
    preprocess = Preprocess(CommonFormat(bands, bands, (SIZE, SIZE)), steps, steps)
    rows = np.arange(n)
    labels = rng.integers(CLASSES, size=n)
    loader = DomainPairLoader(
        images, rows, labels, images, rows, preprocess, PairSampler(n, n, BATCH, seed=0)
    )

    # noDA on equally many images: the target's images stand in as labelled ones.
    steps = {"noda": Step("noda", "source", options.network)} | {
        name: Step(name, "mixed", options.network) for name in METHODS
    }
    loading: list[float] = []
    peaks = [matmul_peak()]
    for number in range(options.rounds + 3):
        start = time.perf_counter()
        loader.epoch = number
        batch = next(iter(loader))
        loading.append(time.perf_counter() - start)
        everything = DomainBatch(
            torch.cat([batch.source_images, batch.target_images]),
            batch.source_labels.repeat(2),
            batch.target_images,
        )
        for name, step in steps.items():
            step(everything if name == "noda" else batch)
        if number % 10 == 9:
            peaks.append(matmul_peak(0.3))
    peak = max(peaks)

    with FlopCounterMode(display=False) as counter:
        steps["noda"].adapter(everything, 0.5)["total"].backward()
    flop = counter.get_total_flops() / (2 * BATCH)
    base = statistics.median(steps["noda"].seconds[3:])
    print(
        f"{options.network}, {BANDS} x {SIZE} x {SIZE}, {2 * BATCH} images a step,"
        f" {options.threads} thread(s), {options.rounds} rounds"
    )
    print(
        f"matrix-multiplication peak {peak / 1e9:.1f} GFLOP/s; {flop / 1e6:.1f} MFLOP an image,"
        " forward and backward"
    )
    print(f"{'method':<8}{'images/s':>10}{'ratio to noDA':>15}{'share of peak':>15}")
    for name, step in steps.items():
        seconds = statistics.median(step.seconds[3:])
        ratio = statistics.median(
            a / b for a, b in zip(step.seconds[3:], steps["noda"].seconds[3:], strict=True)
        )
        rate = 2 * BATCH / seconds
        print(f"{name:<8}{rate:>10.0f}{ratio:>15.3f}{rate * flop / peak:>14.1%}")
    print(
        "loading, preprocessing and augmenting a batch takes"
        f" {statistics.median(loading) / base:.1%} of the noDA step"
    )


if __name__ == "__main__":
    main()
