"""Unequal classes: weights of the loss against naive loops, batches that draw all classes equally
often, ranks and resumes.
"""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from factories import make_galaxies
from torch.nn.functional import cross_entropy

from daexplore.alignment import build_alignment
from daexplore.config import AlignmentConfig, DataConfig, ModelConfig, RunConfig, TrainConfig
from daexplore.data.class_balance import balanced_order, class_weights
from daexplore.data.loaders import PairSampler
from daexplore.domains import DomainBatch
from daexplore.engine.training.data import build_loader, prepare_data
from daexplore.engine.training.setup import build_adapter
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import build_network

LABELS = np.array([0] * 70 + [1] * 20 + [2] * 5)


def test_weights_are_inverse_shares_with_mean_one():
    weights = class_weights(LABELS, 4)
    assert weights == pytest.approx((95 / (3 * 70), 95 / (3 * 20), 95 / (3 * 5), 0))
    assert np.mean([weights[label] for label in LABELS]) == pytest.approx(1)
    assert class_weights(np.array([0, 1, 1, 0]), 2) == (1, 1)


def network():
    torch.manual_seed(0)
    return build_network(ModelConfig("deepmerge"), 1, 3, 16)


def test_the_weighted_loss_is_a_naive_loop_s_and_over_all_images_torch_s():
    logits, labels = (
        torch.randn(len(LABELS), 3, generator=torch.Generator().manual_seed(1)),
        torch.from_numpy(LABELS),
    )
    weights = class_weights(LABELS, 3)
    adapter = AdaptationStep(network(), [], "source", weights)
    expected = 0.0
    for row, label in zip(logits[60:80].double(), labels[60:80], strict=True):
        expected -= weights[label] * (row[label] - row.exp().sum().log()) / 20
    assert adapter.task_loss(logits[60:80], labels[60:80]).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    over_all = cross_entropy(logits, labels, torch.tensor(weights))
    torch.testing.assert_close(adapter.task_loss(logits, labels), over_all)
    halves = [
        adapter.task_loss(logits[part], labels[part]) * len(labels[part])
        for part in (slice(50), slice(50, None))
    ]
    torch.testing.assert_close(sum(halves) / len(labels), over_all)


def test_weights_reach_the_task_loss_only_and_none_is_plain_cross_entropy():
    images = torch.randn(2, 12, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    batch = DomainBatch(images[0], torch.arange(12) % 3, images[1])
    losses = {}
    for name, weights in (("plain", None), ("weighted", (0.5, 1.0, 4.0))):
        adapter = AdaptationStep(
            network(), [(build_alignment(AlignmentConfig("mmd"), 32, 3), 2.0)], "mixed", weights
        ).eval()
        losses[name] = adapter(batch, 0.9)
        assert not any("class_weights" in key for key in adapter.state_dict())
    source = network().eval()(torch.cat([batch.source_images, batch.target_images])).logits[:12]
    assert torch.equal(losses["plain"]["task"], cross_entropy(source, batch.source_labels))
    assert torch.equal(losses["plain"]["mmd"], losses["weighted"]["mmd"])
    difference = losses["weighted"]["total"] - losses["plain"]["total"]
    torch.testing.assert_close(
        difference, losses["weighted"]["task"] - losses["plain"]["task"], atol=1e-5, rtol=1e-4
    )
    assert difference.abs() > 0.01


@pytest.mark.parametrize(("needed", "epoch"), [(96, 0), (97, 3), (3, 1), (1000, 2)])
def test_every_run_of_three_rows_holds_each_class(needed, epoch):
    order = balanced_order(LABELS, needed, 7, epoch)
    assert len(order) == needed
    classes = LABELS[order]
    for start in range(0, needed - 2, 3):
        assert sorted(classes[start : start + 3]) == [0, 1, 2]
    # Not always in the same order: ranks take every so-many-th row.
    assert (
        needed < 90
        or len({tuple(classes[start : start + 3]) for start in range(0, needed - 2, 3)}) > 3
    )


def test_all_rows_have_their_turn_evenly_over_the_epochs():
    seen = Counter(
        np.concatenate([balanced_order(LABELS, 96, 0, epoch) for epoch in range(11)]).tolist()
    )
    for label in range(3):
        counts = [seen[row] for row in np.flatnonzero(label == LABELS).tolist()]
        assert max(counts) - min(counts) <= 1
        assert min(counts) >= 5 * (label + 1)
    within = balanced_order(LABELS, 60, 0, 5)
    assert len(set(within[LABELS[within] == 0])) == (LABELS[within] == 0).sum()


def test_order_depends_on_seed_and_epoch_alone():
    first = balanced_order(LABELS, 60, 3, 4)
    np.testing.assert_array_equal(first, balanced_order(LABELS, 60, 3, 4))
    for other in (balanced_order(LABELS, 60, 3, 5), balanced_order(LABELS, 60, 4, 4)):
        assert (first != other).any()


def test_ranks_share_balanced_batches_and_the_target_is_drawn_as_before():
    whole = list(PairSampler(95, 64, 16, 1, balance=LABELS).steps(2))
    ranks = [list(PairSampler(95, 64, 16, 1, rank, 2, LABELS).steps(2)) for rank in (0, 1)]
    plain = list(PairSampler(95, 64, 16, 1).steps(2))
    for step, one, other, before in zip(whole, *ranks, plain, strict=True):
        np.testing.assert_array_equal(np.stack([one[0], other[0]], axis=1).reshape(-1), step[0])
        np.testing.assert_array_equal(step[1], before[1])
        # The five rows of class 2 must repeat; those of the common class are disjoint.
        common = [set(rows[0][LABELS[rows[0]] == 0]) for rows in (one, other)]
        assert not common[0] & common[1]
        assert np.bincount(LABELS[step[0]], minlength=3).min() >= 5


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """A source with 12 images of class 1 among 96, and a target whose labels are all class 1."""
    folder = tmp_path_factory.mktemp("rare")
    for galaxies, labels in zip(
        make_galaxies(folder, 96), (np.arange(96) % 8 == 0, np.ones(96)), strict=True
    ):
        relabelled = galaxies.catalogue.assign(label=labels.astype("int64")).astype(
            {"label": "Int64"}
        )
        dataclasses.replace(galaxies, catalogue=relabelled).save(folder / galaxies.name)
    return folder


def settings(folder, balance):
    data = DataConfig(str(folder / "source"), str(folder / "target"))
    return RunConfig(data=data, train=TrainConfig(epochs=1, batch_size=16, class_balance=balance))


def test_training_takes_the_setting_from_the_config_and_no_target_label(rare):
    prepared = prepare_data(settings(rare, "none").data, 50)
    labels = prepared.domains["source"].labels[prepared.rows["source"]]
    assert build_adapter(settings(rare, "none"), prepared).class_weights is None
    weights = build_adapter(settings(rare, "weights"), prepared).class_weights
    torch.testing.assert_close(
        weights,
        torch.tensor([len(labels) / 2 / (labels == k).sum() for k in (0, 1)], dtype=torch.float32),
    )
    target = prepared.domains["target"]
    flipped = dataclasses.replace(
        target, catalogue=target.catalogue.assign(label=0).astype({"label": "Int64"})
    )
    other = dataclasses.replace(prepared, domains=prepared.domains | {"target": flipped})
    for balance, share in (("none", None), ("batches", 8)):
        loader = build_loader(prepared, settings(rare, balance))
        loader.epoch = 1
        batches = list(loader)
        again = build_loader(other, settings(rare, balance))
        again.epoch = 1
        for batch, same in zip(batches, again, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(batch, same, strict=True))
            if share:
                assert (batch.source_labels == 1).sum() == share
