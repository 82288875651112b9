"""MMD and DANN: the formulas, the reversal and its schedule, batch norm, and methods of others."""

import math

import numpy as np
import pytest
import torch
from domain_outputs import outputs
from torch.nn.functional import cross_entropy

from daexplore.alignment import DANN, MMD, build_alignment, ganin_schedule, reverse_gradient
from daexplore.config import AlignmentConfig, ModelConfig
from daexplore.domains import DomainBatch
from daexplore.engine.training.step import AdaptationStep
from daexplore.errors import InputError
from daexplore.models import build_network


def naive_mmd2(x, y, scales):
    pooled = np.concatenate([x, y])
    distances = sorted(
        ((a - b) ** 2).sum() for i, a in enumerate(pooled) for j, b in enumerate(pooled) if i != j
    )
    median = distances[len(distances) // 2] / 2

    def k(a, b):
        return sum(
            math.exp(-((a - b) ** 2).sum() / (2 * scale * median)) for scale in scales
        ) / len(scales)

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_mmd_loss_is_the_naive_double_loop():
    source, target = outputs(7, shift=0.8), outputs(9, seed=3, labelled=False)
    method = MMD(8, 2, scales=(0.5, 1.0, 2.0))
    value = method(source, target, 1.0)["mmd"].item()
    assert value == pytest.approx(
        naive_mmd2(
            source.latents.detach().numpy(), target.latents.detach().numpy(), (0.5, 1.0, 2.0)
        ),
        abs=1e-6,
    )


def test_mmd_does_not_fall_by_shrinking_the_latent():
    source, target = outputs(20, shift=1.0), outputs(20, seed=1, labelled=False)
    small = [o._replace(latents=o.latents * 1e-3) for o in (source, target)]
    method = MMD(8, 2)
    torch.testing.assert_close(method(source, target, 1.0)["mmd"], method(*small, 1.0)["mmd"])


def test_mmd_may_be_negative():
    values = [
        MMD(4, 2)(outputs(10, 4, seed=s), outputs(10, 4, seed=100 + s, labelled=False), 1.0)[
            "mmd"
        ].item()
        for s in range(20)
    ]
    assert min(values) < 0 < max(values)


@pytest.mark.parametrize(
    ("progress", "strength"), [(0.0, 0.0), (0.1, 0.0), (0.2, 0.5), (0.3, 1.0), (1.0, 1.0)]
)
def test_mmd_warms_up(progress, strength):
    assert MMD(4, 2, start=0.1, ramp=0.2).strength(progress) == pytest.approx(strength)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.5])
def test_reversed_gradient_is_minus_lambda_times_the_gradient(strength):
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    (plain,) = torch.autograd.grad((x.sin() ** 2).sum(), x)
    assert torch.equal(reverse_gradient(x, strength), x)
    (turned,) = torch.autograd.grad((reverse_gradient(x, strength).sin() ** 2).sum(), x)
    torch.testing.assert_close(turned, -strength * plain)


@pytest.mark.parametrize(
    ("progress", "value"), [(0.0, 0.0), (0.5, 0.98661429815), (1.0, 0.99990920426)]
)
def test_ganin_schedule(progress, value):
    assert ganin_schedule(progress) == pytest.approx(value, abs=1e-10)


def test_untrained_domain_loss_is_ln_2_and_the_classifier_learns():
    torch.manual_seed(0)
    method = DANN(8, 2)
    source, target = outputs(64, shift=1.5), outputs(64, seed=1, labelled=False)
    before = method(source, target, 0.5)["domain"].item()
    assert before == pytest.approx(math.log(2), abs=0.03)
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    for _ in range(60):
        method(source, target, 0.5)["domain"].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert method(source, target, 0.5)["domain"].item() < 0.2


def test_domain_loss_counts_domains_equally():
    torch.manual_seed(0)
    method = DANN(4, 2)
    source, target = outputs(30, 4), outputs(6, 4, seed=1, labelled=False)
    logits = [method.classifier(o.latents).detach() for o in (source, target)]
    expected = 0.5 * (
        -torch.log(1 - torch.sigmoid(logits[0])).mean() - torch.log(torch.sigmoid(logits[1])).mean()
    )
    torch.testing.assert_close(method(source, target, 0.0)["domain"], expected)


def test_domain_classifier_is_trained_with_the_network():
    network = build_network(ModelConfig("deepmerge"), 1, 2, 16)
    adapter = AdaptationStep(
        network, [(build_alignment(AlignmentConfig("dann"), 32, 2), 1.0)], "mixed"
    )
    names = [name for name, _ in adapter.named_parameters()]
    assert any(name.startswith("alignments.0.classifier") for name in names)


@pytest.mark.parametrize("batch_norm", ["mixed", "source"])
def test_total_is_the_weighted_sum_and_task_the_source_cross_entropy(batch_norm):
    torch.manual_seed(0)
    network = build_network(ModelConfig("deepmerge"), 1, 2, 16)
    adapter = AdaptationStep(
        network, [(build_alignment(AlignmentConfig("mmd"), 32, 2), 0.7)], batch_norm
    )
    batch = DomainBatch(torch.randn(8, 1, 16, 16), torch.arange(8) % 2, torch.randn(8, 1, 16, 16))
    source, target = adapter.outputs(batch)
    losses = adapter(batch, 1.0)
    torch.testing.assert_close(losses["task"], cross_entropy(source.logits, batch.source_labels))
    torch.testing.assert_close(losses["total"], losses["task"] + 0.7 * losses["mmd"])
    assert target.labels is None


def test_batch_norm_of_the_source_alone_ignores_the_target():
    def statistics(batch_norm, shift):
        torch.manual_seed(0)
        network = build_network(ModelConfig("deepmerge"), 1, 2, 16)
        adapter = AdaptationStep(
            network, [(build_alignment(AlignmentConfig("mmd"), 32, 2), 1.0)], batch_norm
        ).train()
        images = torch.randn(8, 1, 16, 16)
        adapter(DomainBatch(images, torch.arange(8) % 2, images + shift), 1.0)
        assert all(module.training for module in adapter.modules())
        return network.convolutions[1].running_mean.clone()

    assert torch.equal(statistics("source", 0.0), statistics("source", 5.0))
    assert not torch.allclose(statistics("mixed", 0.0), statistics("mixed", 5.0))


def test_outsiders_methods_and_clear_errors():
    assert isinstance(build_alignment(AlignmentConfig("daexplore.alignment.mmd:MMD"), 8, 2), MMD)
    for name, message in [
        ("coral2", "Unknown method 'coral2'; there are noda, mmd, dann"),
        ("no_such_package:Method", "cannot be imported"),
        ("math:sqrt", "not a subclass"),
    ]:
        with pytest.raises(InputError, match=message):
            build_alignment(AlignmentConfig(name), 8, 2)
    with pytest.raises(InputError, match="cannot be built with the options"):
        build_alignment(AlignmentConfig("mmd", options={"colour": 1}), 8, 2)
