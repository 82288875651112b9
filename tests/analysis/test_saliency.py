"""Grad-CAM agrees with one written out by hand, and leaves the network as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from daexplore.analysis.saliency.maps import gradcam, iou
from daexplore.models.base import NetworkOutputs


class Small(nn.Module):
    """Two convolutions; the second one's grid is 5 x 4 for images of 10 x 8."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.last = nn.Conv2d(4, 6, 3, padding=1)
        self.rest = nn.Sequential(
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(120, 5),
            nn.ReLU(),
        )
        self.head = nn.Linear(5, 3)

    def forward(self, images):
        latents = self.rest(self.last(self.first(images)))
        return NetworkOutputs(latents, self.head(latents))


def by_hand(network, image, target):
    """Selvaraju et al. 2017: relu of the activations weighted by the mean gradient of each
    channel.
    """
    network.eval()
    kept = {}

    def keep(module, inputs, output):
        kept["activation"] = output
        output.retain_grad()
        # What follows works in place; it gets a copy.
        return output.clone()

    handle = network.last.register_forward_hook(keep)
    network(image[None]).logits[0, target].backward()
    handle.remove()
    network.zero_grad()
    activation, gradient = (
        kept["activation"][0].detach().numpy(),
        kept["activation"].grad[0].numpy(),
    )
    weighted = sum(gradient[c].mean() * activation[c] for c in range(len(activation)))
    return np.maximum(weighted, 0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Small()


@pytest.fixture
def images():
    return torch.randn(7, 3, 10, 8, generator=torch.Generator().manual_seed(1))


def test_maps_agree_with_those_made_by_hand(network, images):
    classes = np.array([0, 1, 2, 1, 0, 2, 1])
    maps = gradcam(network, images, classes, network.last, batch=3)
    assert maps.shape == (7, 5, 4)
    assert maps.dtype == np.float32
    assert (maps >= 0).all()
    assert maps.any(axis=(1, 2)).sum() >= 4
    for i in range(7):
        np.testing.assert_allclose(maps[i], by_hand(network, images[i], int(classes[i])), atol=1e-6)


def test_batches_change_nothing(network, images):
    classes = np.ones(7, int)
    np.testing.assert_allclose(
        gradcam(network, images, classes, network.last, batch=2),
        gradcam(network, images, classes, network.last),
        atol=1e-6,
    )
    assert len(gradcam(network, images[:0], classes[:0], network.last)) == 0


def test_the_network_is_left_as_it_was(network, images):
    network.train()
    network.first.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        gradcam(network, images, np.ones(7, int), network.last)
    assert network.training
    assert network.rest[3].training
    assert not network.first[1].training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not images.requires_grad
    assert not network.last._forward_hooks


def test_frozen_networks_can_be_explained(network, images):
    expected = gradcam(network, images, np.ones(7, int), network.last)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    np.testing.assert_allclose(
        gradcam(network, images, np.ones(7, int), network.last), expected, atol=1e-6
    )


def test_iou_counts_the_largest_cells():
    a, b = np.zeros((2, 5)), np.zeros((2, 5))
    a[0, :2] = [3, 2]
    b[0, 1:3] = [1, 5]
    # The largest two of ten cells: (0, 0) and (0, 1) against (0, 1) and (0, 2).
    assert iou(a, b) == pytest.approx(1 / 3)
    assert iou(a, a) == 1
    assert iou(a, np.roll(a, 5, axis=1)[::-1]) == 0
    assert iou(a, b, fraction=0.1) == 0
    assert np.isnan(iou(a, np.zeros((2, 5))))


def test_iou_of_many_maps_is_that_of_each():
    rng = np.random.default_rng(0)
    a, b = rng.random((20, 9, 9)), rng.random((20, 9, 9))
    found = iou(a, b, fraction=0.3)
    for i in range(20):
        large = [set(np.argsort(-maps[i].ravel())[:24]) for maps in (a, b)]
        assert found[i] == pytest.approx(len(large[0] & large[1]) / len(large[0] | large[1]))
