"""Handwritten digits, and the same before photographs: every method on data that scikit-learn
ships.

The pair is MNIST -> MNIST-M (Ganin et al. 2016, JMLR 17, 59, Section 5.2.4) made small, from
nothing that has to be downloaded:

- Source: the 1797 digits of 8 x 8 pixels of ``sklearn.datasets.load_digits`` (Alpaydin & Kaynak
  1998, UCI), grey values 0 to 1.
- Target: each of them turned by a random angle within 15 degrees,
  its difference taken from a random patch of the photograph "china.jpg" (also scikit-learn's, at
  half its size) made fainter, |strength * patch - digit| as in MNIST-M, and blurred by a Gaussian
  of half a pixel. Drawn once, from seed 0. The strength is 0.3 ("faint") or 0.5 ("strong").
- 60% of the digits train, 15% validate, 25% test (450 of them), stratified, from seed 0; a digit is
  in the same part in both domains. Each domain is normalised by the mean and deviation of its own
  training images.

How hard the pairs are is told by a support vector machine. Trained on the source's pixels it finds
0.99 of the source's test digits; of the target's it finds 0.78 (faint) and 0.48 (strong), and
trained on labelled target pixels 0.91 and 0.84. Network, epochs and learning rate were chosen by
noDA's source-validation accuracy. Every method has the package's default options and weight 1; none
was tuned here. The strong pair came first, its strength chosen by that machine before any method
had run. As methods gain little or nothing on it, four of them were tried there in stronger or
longer settings in one seed, without success, and the faint pair was added; noDA, DANN, CORAL, LMMD,
MCC and the oracle had been seen on it in one seed before it was kept, and a third pair (30 degrees,
blur 0.7) was begun and dropped. Both tables are published. In a first measurement Sinkhorn, whose
learned weights then began at 1, collapsed on the source in both pairs (target .28 and .24); it was
corrected for that reason, and measured again beside the open-set queue, which had held a galaxy's own
earlier copies. ``protocol.py`` says the rest. Writes docs/results/published-digits-faint.csv and
-strong.csv.
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, rotate, zoom
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from benchmarks.published.protocol import Method, Part, Problem
from benchmarks.published.table import measure
from daexplore.alignment import METHODS
from daexplore.config import AlignmentConfig, TrainConfig
from daexplore.models import Network

__all__ = ["ALL", "STRENGTHS", "before_photographs", "domains", "problem"]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
ANGLE, BLUR = 15.0, 0.5
STRENGTHS = {"faint": 0.3, "strong": 0.5}


class Small(Network):
    """Two convolutions, and a latent of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.hidden = nn.Linear(32 * 4 * 4, 64)
        self.head = nn.Linear(64, 10)

    @property
    def saliency_layer(self) -> nn.Module:
        return self.convolutions[3]

    def encode(self, images: Tensor) -> Tensor:
        return torch.relu(self.hidden(self.convolutions(images).flatten(1)))


def before_photographs(
    digits: NDArray[np.float64], strength: float, seed: int = 0
) -> NDArray[np.float64]:
    """The target's digits (n, 8, 8) of the source's (n, 8, 8)."""
    rng = np.random.default_rng(seed)
    photograph = zoom(load_sample_image("china.jpg").mean(axis=2) / 255.0, 0.5, order=1)
    made = []
    for digit in digits:
        turned = rotate(digit, rng.uniform(-ANGLE, ANGLE), reshape=False, order=1)
        row, column = (rng.integers(0, length - 8) for length in photograph.shape)
        patch = photograph[row : row + 8, column : column + 8]
        made.append(gaussian_filter(np.abs(strength * patch - turned), BLUR))
    return np.stack(made)


@cache
def domains(pair: str) -> dict[tuple[str, str], Part]:
    """The parts of a pair, the same for all seeds: there are no more digits to draw from."""
    digits = load_digits()
    source, labels = digits.images / 16.0, digits.target.astype(np.int64)
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=0.25, random_state=0, stratify=labels
    )
    train, validation = train_test_split(rest, test_size=0.2, random_state=0, stratify=labels[rest])
    rows = {"train": train, "validation": validation, "test": test}
    found = {}
    for domain, images in (
        ("source", source),
        ("target", before_photographs(source, STRENGTHS[pair])),
    ):
        scaled = ((images - images[train].mean()) / images[train].std()).astype(np.float32)[:, None]
        found |= {
            (domain, split): Part(scaled[chosen], labels[chosen]) for split, chosen in rows.items()
        }
    return found


ALL = (
    Method("noda"),
    # What the losses' mixed batch norm does by itself.
    Method("noda (mixed)", batch_norm="mixed"),
    Method("adabn", batch_norm="adabn"),
    *(Method(name, (AlignmentConfig(name),)) for name in METHODS),
    Method(
        "mmd+fisher+entropy", tuple(AlignmentConfig(name) for name in ("mmd", "fisher", "entropy"))
    ),
    Method("oracle", supervision="target"),
)
RECIPE = TrainConfig(epochs=20, batch_size=64, learning_rate=3e-3)


def problem(pair: str) -> Problem:
    """How networks are trained on "faint" or "strong"."""
    return Problem(lambda seed: domains(pair), Small, 10, RECIPE)  # noqa: ARG005


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Digits before photographs: every method, five seeds."
    )
    parser.add_argument("--pair", choices=tuple(STRENGTHS), help="one of the two; both by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for pair in [given.pair] if given.pair else STRENGTHS:
        measure(problem(pair), ALL, FOLDER / f"published-digits-{pair}.csv")
