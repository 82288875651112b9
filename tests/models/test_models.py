import pytest
import torch
from torch.nn.functional import relu

from daexplore.config import ModelConfig
from daexplore.errors import InputError
from daexplore.models import NETWORKS, build_network

OF_VECTORS = {"linear", "mlp"}
OF_IMAGES = [name for name in NETWORKS if name not in OF_VECTORS]


def test_deepmerge_has_the_published_number_of_parameters():
    network = build_network(ModelConfig("deepmerge"), bands=3, classes=2, size=75)
    assert sum(parameter.numel() for parameter in network.parameters()) == 174_626


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize(("bands", "classes", "size"), [(1, 2, 40), (3, 2, 75), (5, 4, 64)])
def test_any_bands_classes_and_sizes(name, bands, classes, size):
    network = build_network(ModelConfig(name), bands, classes, size)
    outputs = network(torch.randn(2, bands, size, size))
    assert outputs.logits.shape == (2, classes)
    assert outputs.latents.shape == (2, network.head.in_features)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_is_linear_in_the_latent(name):
    size = 1 if name in OF_VECTORS else 48
    network = build_network(ModelConfig(name), 3, 2, size).eval()
    latents, logits = network(torch.randn(3, 3, size, size))
    by_hand = torch.stack(
        [(network.head.weight * latent).sum(1) + network.head.bias for latent in latents]
    )
    torch.testing.assert_close(logits, by_hand)


def test_pooling_before_relu_is_the_published_function():
    network = build_network(ModelConfig("deepmerge"), 3, 2, 40).eval()
    images = torch.randn(2, 3, 40, 40)
    features = images
    for layer in network.convolutions:
        if isinstance(layer, torch.nn.MaxPool2d):
            features = layer(relu(features))
        elif not isinstance(layer, torch.nn.ReLU):
            features = layer(features)
    torch.testing.assert_close(network.hidden(features), network.encode(images))


def test_the_last_convolution_keeps_its_own_grid():
    network = build_network(ModelConfig("deepmerge"), 3, 2, 75)
    assert isinstance(network.saliency_layer, torch.nn.Conv2d)
    seen = []
    network.saliency_layer.register_forward_hook(
        lambda module, given, output: seen.append(output.shape)
    )
    network(torch.randn(1, 3, 75, 75))
    assert seen == [(1, 32, 18, 18)]


@pytest.mark.parametrize(
    ("config", "size", "message"),
    [
        (
            ModelConfig("vgg"),
            75,
            "Unknown network 'vgg'; there are deepmerge, d4-deepmerge, resnet18",
        ),
        (ModelConfig("deepmerge"), 6, "at least 8 x 8 pixels, got 6 x 6"),
        (ModelConfig("resnet18"), 16, "at least 33 x 33"),
        (ModelConfig("linear"), 16, "daexplore embed"),
        (ModelConfig("mlp", {"hidden": []}), 1, "at least one width"),
        (ModelConfig("deepmerge", {"depth": 3}), 75, "depth"),
    ],
)
def test_what_cannot_be_built_says_why(config, size, message):
    with pytest.raises(InputError, match=message):
        build_network(config, 3, 2, size)
