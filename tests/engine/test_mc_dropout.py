"""MC dropout: only dropout is at work, the same drops for a seed, and an error where there is
nothing to drop.
"""

import numpy as np
import pytest
import torch
from torch import nn

from daexplore.analysis.calibration.ensembles import combine_members
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.engine.calibration.mc_dropout import dropout_layers, mc_dropout
from daexplore.engine.calibration.mixup import MIXTURE, mixed_logits
from daexplore.engine.inference import network_outputs
from daexplore.errors import InputError
from daexplore.models import DeepMerge
from daexplore.runs import softmax

ROWS = np.arange(11)


def make_network(dropout=0.5):
    torch.manual_seed(0)
    network = DeepMerge(3, 2, 16, dropout=dropout)
    # Batch norm with stored statistics that differ from any batch's own.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean -= 0.3
            module.running_var *= 0.2
    return network.eval()


@pytest.fixture
def images():
    return np.random.default_rng(1).normal(size=(11, 3, 16, 16)).astype(np.float32)


@pytest.fixture
def as_is(monkeypatch):
    """Preprocessing that leaves images alone."""

    def unchanged(images, rows, preprocess, domain, *rest):
        return torch.from_numpy(np.asarray(images[rows]))

    for module in ("calibration.mc_dropout", "calibration.mixup", "inference"):
        monkeypatch.setattr(f"daexplore.engine.{module}.as_batch", unchanged)
    return object.__new__(Preprocess)


def test_passes_differ_and_their_mean_is_near_the_network(images, as_is):
    network = make_network(0.2)
    found = mc_dropout(network, images, ROWS, as_is, "target", passes=200)
    assert found.shape == (200, 11, 2)
    np.testing.assert_allclose(found.sum(axis=2), 1)
    assert (found.std(axis=0) > 1e-3).all()
    plain = softmax(network_outputs(network, images, ROWS, as_is, "target").logits)
    np.testing.assert_allclose(combine_members(found).probabilities, plain, atol=0.05)


def test_a_pass_equals_the_layers_by_hand(images, as_is):
    network = make_network()
    found = mc_dropout(network, images, ROWS, as_is, "source", passes=2, seed=7)
    # The dropped units are the only thing drawn: convolutions and batch norm are in evaluation
    # mode.
    with torch.no_grad():
        flat = network.convolutions(torch.from_numpy(images)).flatten(1)
        torch.manual_seed(int(np.random.SeedSequence([7, 1, 0]).generate_state(1)[0]))
        hidden = torch.nn.functional.dropout(flat, 0.5, training=True)
        expected = network.head(network.hidden[2:](hidden)).softmax(1).numpy()
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)


def test_neighbours_do_not_matter(images, as_is):
    network = make_network()
    alone = mc_dropout(network, images[:1], ROWS[:1], as_is, "source", passes=3)
    twice = mc_dropout(
        network,
        np.concatenate([images[:1], 100 + images[1:]]),
        ROWS,
        as_is,
        "source",
        passes=3,
        batch_size=1,
    )
    # Batch norm in training mode would mix the images of a batch; a batch of one has the drops of
    # its first row.
    np.testing.assert_allclose(alone[:, 0], twice[:, 0])


def test_a_seed_gives_the_same_drops_and_leaves_the_world_alone(images, as_is):
    network = make_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    one = mc_dropout(network, images, ROWS, as_is, "source", passes=4, seed=1)
    assert torch.equal(torch.rand(4), expected)
    np.testing.assert_array_equal(
        one, mc_dropout(network, images, ROWS, as_is, "source", passes=4, seed=1)
    )
    assert not np.array_equal(
        one, mc_dropout(network, images, ROWS, as_is, "source", passes=4, seed=2)
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module.training for module in network.modules())


def test_progress_counts_images(images, as_is):
    counted = []
    mc_dropout(
        make_network(), images, ROWS, as_is, "source", passes=2, batch_size=4, report=counted.append
    )
    assert counted == [4, 4, 3]


def test_a_network_without_dropout_is_refused(images, as_is):
    network = make_network(0.0)
    assert dropout_layers(network) == []
    with pytest.raises(InputError, match=r"model\.options\.dropout"):
        mc_dropout(network, images, ROWS, as_is, "source")
    with pytest.raises(InputError, match="at least 2 passes"):
        mc_dropout(make_network(), images, ROWS, as_is, "source", passes=1)


def test_mixtures_are_of_preprocessed_images(images, as_is):
    network = make_network()
    pairs = np.array([0, 3, 5]), np.array([1, 2, 4])
    found = mixed_logits(network, images, pairs, as_is, batch_size=2)
    with torch.no_grad():
        mixed = torch.from_numpy(
            MIXTURE * images[pairs[0]] + np.float32(1 - MIXTURE) * images[pairs[1]]
        )
        np.testing.assert_allclose(found, network(mixed).logits.numpy(), rtol=1e-4, atol=1e-5)
    assert mixed_logits(network, images, (ROWS[:0], ROWS[:0]), as_is).shape == (0, 2)
