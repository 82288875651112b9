"""Explanations compared: axioms of the attributions, means by outcome, overlap and its controls."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import confusion_matrix
from torch import nn

from daexplore.analysis.saliency.agreement import (
    agreement,
    chance_iou,
    mean_by_outcome,
    mean_interval,
    other_galaxies,
    outcomes,
    rank_correlation,
)
from daexplore.analysis.saliency.maps import integrated_gradients, iou, occlusion
from daexplore.errors import InputError
from daexplore.models.base import NetworkOutputs

SHAPE = (3, 8, 8)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(192, 2)

    def forward(self, images):
        return NetworkOutputs(images.flatten(1), self.head(images.flatten(1)))


class Curved(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Tanh(),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(256, 2),
        )

    def forward(self, images):
        return self.layers(images)


@pytest.fixture
def images():
    return torch.randn(6, *SHAPE, generator=torch.Generator().manual_seed(2))


CLASSES = np.array([0, 1, 1, 0, 1, 0])


def deciding(network):
    """(6, pixels) weights of what decides between two classes: a logit less the other."""
    weight = network.head.weight.detach().numpy()
    return weight[CLASSES] - weight[1 - CLASSES]


def test_integrated_gradients_are_complete(images):
    network = Curved().train()
    sky = torch.full((1, 3, 1, 1), -0.3)
    found = integrated_gradients(network, images, CLASSES, sky, batch=4)
    assert network.training
    network.eval()
    with torch.no_grad():
        fall = network(images) - network(sky.expand(1, *SHAPE))
    chosen = torch.as_tensor(CLASSES)
    rows = torch.arange(6)
    expected = (fall[rows, chosen] - fall[rows, 1 - chosen]).numpy()
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), expected, rtol=1e-3, atol=1e-4)


def test_integrated_gradients_of_a_linear_network_are_weights_times_change(images):
    network = Linear()
    found = integrated_gradients(network, images, CLASSES, 0.5)
    weight = deciding(network).reshape(images.shape)
    np.testing.assert_allclose(found, weight * (images.numpy() - 0.5), atol=1e-5)


def test_occlusion_of_a_linear_network_is_what_the_square_adds(images):
    network = Linear()
    found = occlusion(network, images, CLASSES, window=4, baseline=0.25)
    adds = deciding(network).reshape(images.shape) * (images.numpy() - 0.25)
    squares = adds.sum(axis=1).reshape(6, 2, 4, 2, 4).sum(axis=(2, 4))
    np.testing.assert_allclose(found, squares.repeat(4, axis=1).repeat(4, axis=2), atol=1e-5)


def test_overlapping_squares_give_their_mean(images):
    network = Linear()
    found = occlusion(network, images, CLASSES, window=4, stride=2)
    adds = (deciding(network).reshape(images.shape) * images.numpy()).sum(axis=1)
    total, times = np.zeros((6, 8, 8)), np.zeros((8, 8))
    for row in (0, 2, 4):
        for column in (0, 2, 4):
            place = np.s_[row : row + 4, column : column + 4]
            total[(slice(None), *place)] += adds[(slice(None), *place)].sum(axis=(1, 2))[
                :, None, None
            ]
            times[place] += 1
    np.testing.assert_allclose(found, total / times, atol=1e-5)


def test_no_images_have_no_explanations(images):
    assert integrated_gradients(Linear(), images[:0], CLASSES[:0]).shape == (0, *SHAPE)
    assert occlusion(Linear(), images[:0], CLASSES[:0], window=4).shape == (0, 8, 8)
    with pytest.raises(InputError, match="window of 1 to 8"):
        occlusion(Linear(), images, CLASSES, window=9)


def test_outcomes_are_those_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(-1, 2, 200), rng.integers(0, 2, 200)
    found = outcomes(labels, predicted)
    (tn, fp), (fn, tp) = confusion_matrix(labels[labels >= 0], predicted[labels >= 0])
    counted = {name: int((found == name).sum()) for name in ("TP", "FP", "TN", "FN", "")}
    assert counted == {"TP": tp, "FP": fp, "TN": tn, "FN": fn, "": int((labels < 0).sum())}


def test_means_by_outcome_are_means_over_its_galaxies():
    rng = np.random.default_rng(1)
    maps = rng.random((30, 4, 5))
    maps[3] = 0
    outcome = np.array(["TP", "FN", "TN"], object)[np.arange(30) % 3]
    found = mean_by_outcome(maps, outcome)
    np.testing.assert_allclose(found["TP"].mean, sum(maps[i] for i in range(0, 30, 3)) / 10)
    assert (found["TP"].n, found["TP"].blank, found["FN"].blank) == (10, 1, 0)
    assert found["FP"].n == 0
    assert np.isnan(found["FP"].mean).all()
    shares = mean_by_outcome(maps, outcome, shares=True)["TP"]
    np.testing.assert_allclose(
        shares.mean, sum(maps[i] / maps[i].sum() for i in range(0, 30, 3) if i != 3) / 9
    )
    assert shares.n == 9


def test_rank_correlations_are_scipys():
    rng = np.random.default_rng(2)
    a, b = np.round(rng.random((10, 5, 5)), 1), rng.random((10, 5, 5))
    b[4] = 2.0
    found = rank_correlation(a, b)
    for i in range(10):
        if i != 4:
            assert found[i] == pytest.approx(spearmanr(a[i].ravel(), b[i].ravel()).statistic)
    assert np.isnan(found[4])


def test_the_expected_overlap_by_chance_is_that_of_random_maps():
    rng = np.random.default_rng(3)
    drawn = iou(rng.random((20000, 6, 6)), rng.random((20000, 6, 6)))
    assert chance_iou(36) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(20000))


def test_other_galaxies_are_other_galaxies_and_each_is_used_once():
    groups = np.repeat(np.array([f"G{i}" for i in range(20)], object), 2)
    other = other_galaxies(groups, seed=0)
    assert (groups[other] != groups).all()
    assert sorted(other) == list(range(40))
    assert (other_galaxies(np.array(["a", "a"], object), 0) == -1).all()


def test_agreement_is_higher_for_one_galaxy_than_for_two_only_where_maps_differ():
    rng = np.random.default_rng(4)
    groups = np.array([f"G{i}" for i in range(200)], object)
    own = rng.random((200, 7, 7))
    same, others = agreement([(own, own + 0.01 * rng.random(own.shape))], groups)
    assert same.low > others.high
    assert others.value == pytest.approx(chance_iou(49), abs=0.02)
    centre = np.broadcast_to(rng.random((7, 7)), (200, 7, 7)) + 0
    same, others = agreement([(centre, centre)], groups)
    assert same.value == others.value == 1.0


def test_intervals_resample_galaxies_and_cover_the_mean():
    rng = np.random.default_rng(5)
    covered = []
    for trial in range(200):
        # Two images of a galaxy are almost the same: resampling images would halve the variance.
        values = np.repeat(rng.normal(size=60), 2) + 0.01 * rng.normal(size=120)
        found = mean_interval(values, np.repeat(np.arange(60), 2), resamples=200, seed=trial)
        covered.append(found.low <= 0 <= found.high)
    # Binomial (200, 0.95): 3 sigma are 0.046; a percentile interval of 60 galaxies is a little
    # narrow.
    assert 0.88 <= np.mean(covered) <= 0.995


def test_undefined_values_are_counted_and_do_not_count():
    values = np.array([[1.0, np.nan, 3.0], [2.0, np.nan, np.nan]])
    found = mean_interval(values, np.arange(3))
    assert found.value == pytest.approx(2.0)
    assert (found.n, found.blank) == (2, 1)
    nothing = mean_interval(np.full(3, np.nan), np.arange(3))
    assert np.isnan(nothing.value)
    assert (nothing.n, nothing.blank) == (0, 3)
