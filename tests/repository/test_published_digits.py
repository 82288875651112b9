"""The digits pair of the published benchmarks: what it is made of, and that nothing of the test
part reaches the training part.
"""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from benchmarks.published.digits import ALL, STRENGTHS, Small, before_photographs, domains
from daexplore.alignment import METHODS


def test_every_method_and_both_bounds_are_there():
    assert {"noda", "adabn", "oracle", *METHODS} <= {method.name for method in ALL}
    assert [method.name for method in ALL if method.supervision == "target"] == ["oracle"]


@pytest.mark.parametrize("pair", STRENGTHS)
def test_a_digit_is_in_one_part_and_in_the_same_in_both_domains(pair):
    found = domains(pair)
    sizes = {split: len(found["source", split].labels) for split in ("train", "validation", "test")}
    assert sizes == {"train": 1077, "validation": 270, "test": 450}
    for split in sizes:
        assert (found["source", split].labels == found["target", split].labels).all()
    rows = {split: {image.tobytes() for image in found["source", split].images} for split in sizes}
    assert not rows["train"] & rows["test"]
    assert not rows["validation"] & (rows["train"] | rows["test"])
    for domain in ("source", "target"):
        train = found[domain, "train"].images
        assert (train.mean(), train.std()) == pytest.approx((0, 1), abs=1e-5)


def test_the_target_is_drawn_once_for_all():
    digits = load_digits().images[:20] / 16.0
    assert (before_photographs(digits, 0.3) == before_photographs(digits, 0.3)).all()
    assert not np.allclose(before_photographs(digits, 0.3), before_photographs(digits, 0.3, seed=1))


@pytest.mark.parametrize(
    ("pair", "unadapted", "bound"), [("faint", 0.78, 0.91), ("strong", 0.48, 0.84)]
)
def test_the_pair_is_as_hard_as_its_protocol_says(pair, unadapted, bound):
    found = domains(pair)
    flat = {
        key: (part.images.reshape(len(part.images), -1), part.labels) for key, part in found.items()
    }
    machines = {domain: SVC().fit(*flat[domain, "train"]) for domain in ("source", "target")}
    assert round(machines["source"].score(*flat["source", "test"]), 2) == 0.99
    assert round(machines["source"].score(*flat["target", "test"]), 2) == unadapted
    assert round(machines["target"].score(*flat["target", "test"]), 2) == bound


def test_the_network_ends_in_a_head_for_ten_classes():
    import torch

    outputs = Small()(torch.zeros(2, 1, 8, 8))
    assert (tuple(outputs.latents.shape), tuple(outputs.logits.shape)) == ((2, 64), (2, 10))
