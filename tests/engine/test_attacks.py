"""Attacks: closed forms for linear networks, bounds that hold, and a search that finds what
exhaustive search finds.
"""

import numpy as np
import pytest
import torch
from torch import nn

from daexplore.engine.robustness.attacks import boundary_distances, latent_distances, pgd
from daexplore.engine.robustness.one_pixel import one_pixel
from daexplore.errors import InputError
from daexplore.models.base import NetworkOutputs

SHAPE = (2, 6, 6)


class Linear(nn.Module):
    """Pixels are the latent."""

    def __init__(self, classes=2, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.head = nn.Linear(int(np.prod(SHAPE)), classes)

    def forward(self, images):
        latents = images.flatten(1)
        return NetworkOutputs(latents, self.head(latents))


class Curved(nn.Module):
    """Logits whose margin is radius^2 - |x|^2: the boundary is a sphere about the origin."""

    def __init__(self, radius):
        super().__init__()
        self.radius = radius
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[1.0], [-1.0]]))
            self.head.bias.zero_()

    def forward(self, images):
        latents = self.radius**2 - (images.flatten(1) ** 2).sum(dim=1, keepdim=True)
        return NetworkOutputs(latents, self.head(latents))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.encode = nn.Sequential(
            nn.Conv2d(2, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.ReLU(),
        )
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        latents = self.encode(images)
        return NetworkOutputs(latents, self.head(latents))


@pytest.fixture
def images():
    return torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("classes", [2, 4])
def test_distances_of_a_linear_network_are_exact(images, classes):
    network = Linear(classes)
    found = boundary_distances(network, images, batch=5)
    weight, bias = (
        tensor.detach().double().numpy() for tensor in (network.head.weight, network.head.bias)
    )
    for i, image in enumerate(images.double().flatten(1).numpy()):
        scores = weight @ image + bias
        own = int(scores.argmax())
        to_each = [
            (scores[own] - scores[k]) / np.linalg.norm(weight[own] - weight[k])
            for k in range(classes)
            if k != own
        ]
        assert found.latent[i] == pytest.approx(min(to_each), rel=1e-4)
        assert found.pixels[i] == pytest.approx(min(to_each), rel=2e-3)
        if classes == 2:
            assert found.pixels[i] == pytest.approx(min(to_each), rel=1e-4)


def test_the_distance_to_a_curved_boundary_is_found(images):
    scaled = images / images.flatten(1).norm(dim=1)[:, None, None, None]
    found = boundary_distances(Curved(radius=3.0), scaled)
    np.testing.assert_allclose(found.pixels, 2.0, rtol=1e-3)


def test_images_at_the_distance_are_called_otherwise_and_none_much_nearer(images):
    network = Small().eval()
    found = boundary_distances(network, images)
    finite = np.isfinite(found.pixels)
    assert finite.sum() >= 10
    with torch.no_grad():
        before, after = network(images).logits.argmax(1), network(found.changed).logits.argmax(1)
    np.testing.assert_array_equal((before != after).numpy(), finite)
    np.testing.assert_allclose(
        (found.changed - images).flatten(1).norm(dim=1)[finite], found.pixels[finite], rtol=1e-5
    )
    # Captum's PGD, tried at 90% of each distance, is another way of looking for a nearer one.
    for i in np.flatnonzero(finite)[:5]:
        near = pgd(
            network, images[i : i + 1], before[i : i + 1].numpy(), 0.9 * found.pixels[i], 20, "L2"
        )
        with torch.no_grad():
            assert network(near).logits.argmax() == before[i]


def test_no_way_is_an_infinite_distance(images):
    network = Linear()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.tensor([1.0, 0.0]))
    assert np.isinf(boundary_distances(network, images).pixels).all()


def test_latent_distances_are_margins_over_the_norms_of_the_difference():
    logits, weight = np.array([[2.0, -1.0], [0.5, 0.75]]), np.array([[3.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(latent_distances(logits, weight), [3 / 5, 0.25 / 5])


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_pgd_stays_in_its_ball_and_lowers_the_margin(images, norm):
    network = Small().eval()
    with torch.no_grad():
        before = network(images).logits
    classes = before.argmax(1)
    changed = pgd(network, images, classes.numpy(), 0.3, 10, norm)
    length = (changed - images).flatten(1).norm(dim=1, p=float("inf") if norm == "Linf" else 2)
    assert float(length.max()) <= 0.3 + 1e-5
    assert float(length.min()) > 0.1
    with torch.no_grad():
        after = network(changed).logits
    rows = torch.arange(len(images))
    margins = [logits[rows, classes] - logits[rows, 1 - classes] for logits in (before, after)]
    assert (margins[1] <= margins[0] + 1e-5).all()


def test_one_step_of_pgd_is_fgsm(images):
    network = Linear()
    classes = network(images).logits.argmax(1)
    difference = network.head.weight[1] - network.head.weight[0]
    away = torch.where(classes == 0, 1.0, -1.0)[:, None] * difference.sign()
    expected = images + 0.2 * away.view(images.shape)
    np.testing.assert_allclose(
        pgd(network, images, classes.numpy(), 0.2, steps=1), expected.detach(), atol=1e-6
    )


def test_no_radius_changes_nothing(images):
    assert torch.equal(pgd(Linear(), images, np.zeros(12, np.int64), 0.0), images)


def test_the_best_pixel_is_that_of_an_exhaustive_search(images):
    network = Linear()
    y, x = np.mgrid[:6, :6]
    # Pixels count the more the nearer they are to one place, each band with a sign of its own.
    bump = np.exp(-((y - 1) ** 2 + (x - 4) ** 2) / 8)
    with torch.no_grad():
        network.head.weight.copy_(
            torch.tensor(np.stack([np.stack([bump, -bump]), np.zeros((2, 6, 6))]).reshape(2, -1))
        )
        # Far from the boundary: no pixel is enough, so that the search goes on to its end.
        network.head.bias.copy_(torch.tensor([50.0, 0.0]))
    dim = 0.1 * images[:3]
    found = one_pixel(
        network, dim, np.full(2, -2.0), np.full(2, 2.0), population=60, generations=80
    )
    with torch.no_grad():
        base = network(dim).logits
    for i in range(3):
        image = dim[i].double().numpy()
        # A linear margin falls most where each band goes to the end of its range that lowers it.
        gain = bump * (-2 - image[0]) - bump * (2 - image[1])
        assert tuple(found.place[i]) == np.unravel_index(gain.argmin(), gain.shape)
        assert found.margin[i] == pytest.approx(
            float(base[i, 0] - base[i, 1]) + gain.min(), abs=0.01
        )
    assert not found.flipped.any()


def test_one_pixel_at_most_changes_and_stays_in_its_range(images):
    network = Small().eval()
    found = one_pixel(
        network, images, np.full(2, -3.0), np.full(2, 3.0), population=30, generations=8
    )
    differs = (found.changed != images).any(dim=1)
    assert (differs.flatten(1).sum(dim=1) <= 1).all()
    assert float(found.changed[differs[:, None].expand_as(images)].abs().max()) <= 3.0
    with torch.no_grad():
        before, after = network(images), network(found.changed)
    np.testing.assert_array_equal(
        found.flipped, (before.logits.argmax(1) != after.logits.argmax(1)).numpy()
    )
    np.testing.assert_allclose(
        found.latent_shift, (after.latents - before.latents).norm(dim=1), rtol=1e-4, atol=1e-6
    )
    again = one_pixel(
        network, images, np.full(2, -3.0), np.full(2, 3.0), population=30, generations=8
    )
    assert torch.equal(found.changed, again.changed)


def test_the_network_is_left_as_it_was(images):
    network = Small().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    boundary_distances(network, images, iterations=2)
    pgd(network, images, np.zeros(12, np.int64), 0.1)
    one_pixel(network, images[:1], np.full(2, -1.0), np.full(2, 1.0), population=5, generations=1)
    assert network.training
    assert all(
        parameter.requires_grad and parameter.grad is None for parameter in network.parameters()
    )
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_cannot_be_is_refused(images):
    with pytest.raises(InputError, match="norm Linf or L2"):
        pgd(Linear(), images, np.zeros(12, np.int64), 0.1, norm="L1")
    with pytest.raises(InputError, match="2 bands"):
        one_pixel(Linear(), images, np.zeros(3), np.ones(3))
    with pytest.raises(InputError, match="population"):
        one_pixel(Linear(), images, np.zeros(2), np.ones(2), population=2)
