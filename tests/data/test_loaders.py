from itertools import pairwise

import numpy as np
import pytest
import torch

from daexplore.data.loaders import DomainPairLoader, PairSampler, square_symmetry
from daexplore.data.preprocessing.common_format import CommonFormat
from daexplore.data.preprocessing.pipeline import DomainSteps, Preprocess
from daexplore.data.preprocessing.steps import Crop, Normalise
from daexplore.errors import InputError


def all_steps(sampler, epoch):
    return [(source.tolist(), target.tolist()) for source, target in sampler.steps(epoch)]


def test_order_depends_on_seed_and_epoch_alone():
    assert all_steps(PairSampler(50, 80, 16, seed=3), 4) == all_steps(
        PairSampler(50, 80, 16, seed=3), 4
    )
    assert all_steps(PairSampler(50, 80, 16, seed=3), 4) != all_steps(
        PairSampler(50, 80, 16, seed=3), 5
    )
    assert all_steps(PairSampler(50, 80, 16, seed=3), 4) != all_steps(
        PairSampler(50, 80, 16, seed=4), 4
    )


def test_the_larger_domain_is_seen_once_and_the_smaller_repeats_evenly():
    steps = all_steps(PairSampler(20, 96, 16, seed=0), 1)
    source, target = (np.bincount(np.concatenate([step[i] for step in steps])) for i in (0, 1))
    assert len(steps) == 6
    assert (target == 1).all()
    assert source.max() - source.min() <= 1


def test_ranks_share_each_batch_without_overlap():
    whole = all_steps(PairSampler(64, 64, 16, seed=1), 2)
    ranks = [all_steps(PairSampler(64, 64, 16, seed=1, rank=rank, world=2), 2) for rank in (0, 1)]
    for step, one, other in zip(whole, *ranks, strict=True):
        for domain in (0, 1):
            assert not set(one[domain]) & set(other[domain])
            assert sorted(one[domain] + other[domain]) == sorted(step[domain])


def test_small_sets_make_small_batches():
    sampler = PairSampler(10, 30, 64, seed=0)
    assert sampler.size == 10
    assert len(all_steps(sampler, 1)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1, 50, 8, 0), "at least 2 images"), ((50, 50, 9, 0, 0, 2), "shared equally")],
)
def test_impossible_batches_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        PairSampler(*arguments)


def test_the_eight_symmetries_are_those_of_the_square():
    image = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    turned = square_symmetry(np.repeat(image, 8, axis=0), np.arange(8))
    expected = {
        np.rot90(side, k).tobytes() for side in (image[0, 0], image[0, 0].T) for k in range(4)
    }
    assert {picture[0].tobytes() for picture in turned} == expected


def loader(augment, epoch, n=24):
    images = np.arange(n * 16, dtype=np.float32).reshape(n, 1, 4, 4)
    unchanged = DomainSteps(("g",), (Crop((4, 4)), Normalise((0.0,), (1.0,))))
    preprocess = Preprocess(CommonFormat(("g",), ("g",), (4, 4)), unchanged, unchanged)
    rows = np.arange(0, n, 2)
    pairs = DomainPairLoader(
        images,
        rows,
        rows % 3,
        images,
        rows + 1,
        preprocess,
        PairSampler(len(rows), len(rows), 4, seed=0),
        augment,
    )
    pairs.epoch = epoch
    return pairs


def test_labels_stay_with_their_images_and_rows_with_their_domain():
    for batch in loader(augment=False, epoch=1):
        rows = (batch.source_images[:, 0, 0, 0] / 16).long()
        assert torch.equal(rows % 3, batch.source_labels)
        assert (rows % 2 == 0).all()
        assert ((batch.target_images[:, 0, 0, 0] / 16).long() % 2 == 1).all()


def test_augmentation_repeats_for_an_epoch_and_changes_between_epochs():
    epochs = [
        torch.cat([batch.source_images for batch in loader(True, epoch)]) for epoch in (1, 1, 2)
    ]
    assert torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0].sort(0)[0], epochs[2].sort(0)[0])
    sums = [images.sum((1, 2, 3)).sort()[0] for images in epochs]
    assert all(torch.equal(a, b) for a, b in pairwise(sums))
