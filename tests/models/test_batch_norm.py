"""Batch norm that keeps the domains apart: statistics of each, nothing of the other, and weights
that go from one kind to the other.
"""

import pytest
import torch

from daexplore.alignment import build_alignment
from daexplore.config import AlignmentConfig, ModelConfig
from daexplore.domains import DomainBatch
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import batch_norm_domain, build_network, copy_source_statistics


def network(batch_norm, seed=0):
    torch.manual_seed(seed)
    return build_network(ModelConfig("deepmerge"), 1, 2, 16, batch_norm)


def batch(shift=3.0):
    images = torch.randn(16, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    return DomainBatch(images, torch.arange(16) % 2, images + shift)


@pytest.mark.parametrize("batch_norm", ["adabn", "separate"])
def test_each_domain_has_the_statistics_of_its_own_images(batch_norm):
    net = network(batch_norm).train()
    norm, seen = net.convolutions[1], {}
    norm.register_forward_pre_hook(
        lambda module, given: seen.setdefault(module.domain, given[0].detach())
    )
    AdaptationStep(net, [(build_alignment(AlignmentConfig("mmd"), 32, 2), 1.0)], batch_norm)(
        batch(), 1.0
    )
    for domain, mean, var in (
        ("source", norm.running_mean, norm.running_var),
        ("target", norm.target_mean, norm.target_var),
    ):
        torch.testing.assert_close(mean, 0.1 * seen[domain].mean(dim=(0, 2, 3)))
        torch.testing.assert_close(var, 0.9 + 0.1 * seen[domain].var(dim=(0, 2, 3)))
    assert not torch.allclose(norm.running_mean, norm.target_mean)


def test_without_an_alignment_the_target_leaves_only_its_statistics():
    """AdaBN as a control: the source's way through the network is that of noDA, bit for bit."""
    trained = {}
    for batch_norm in ("source", "adabn"):
        net = network(batch_norm)
        adapter = AdaptationStep(net, [], batch_norm).train()
        optimizer = torch.optim.SGD(adapter.parameters(), 0.1)
        for _ in range(3):
            adapter(batch(), 1.0)["total"].backward()
            optimizer.step()
            optimizer.zero_grad()
        trained[batch_norm] = net.eval()
    own = dict(trained["adabn"].named_parameters())
    assert all(
        torch.equal(value, own[name]) for name, value in trained["source"].named_parameters()
    )
    images = batch().target_images
    with batch_norm_domain(trained["adabn"], "target"):
        adapted = trained["adabn"](images).logits
    assert torch.equal(trained["source"](images).logits, trained["adabn"](images).logits)
    assert not torch.allclose(adapted, trained["source"](images).logits)


def test_after_the_block_images_are_the_sources_again_even_after_an_error():
    net = network("adabn").eval()
    with pytest.raises(RuntimeError), batch_norm_domain(net, "target"):
        raise RuntimeError
    assert {module.domain for module in net.modules() if hasattr(module, "domain")} == {"source"}


def test_only_separate_norms_have_a_scale_and_shift_of_the_target():
    def names(kind):
        return {name for name, _ in network(kind).named_parameters() if "target" in name}

    assert names("adabn") == names("mixed") == set()
    assert len(names("separate")) == 6


def test_plain_weights_enter_a_separated_network_as_both_domains():
    plain = network("mixed").train()
    plain(batch().source_images)
    apart = network("separate", seed=1)
    apart.load_state_dict(plain.state_dict(), strict=False)
    copy_source_statistics(apart)
    images = batch().target_images
    plain.eval(), apart.eval()
    with batch_norm_domain(apart, "target"):
        assert torch.equal(plain(images).logits, apart(images).logits)


def test_adabns_target_statistics_converge_to_those_of_the_whole_target():
    net = network("adabn").train()
    adapter = AdaptationStep(net, [], "adabn")
    generator = torch.Generator().manual_seed(0)
    for _ in range(80):
        images = 2 + 3 * torch.randn(64, 1, 16, 16, generator=generator)
        adapter(
            DomainBatch(
                torch.randn(8, 1, 16, 16, generator=generator), torch.arange(8) % 2, images
            ),
            0.5,
        )
    first = net.convolutions[0](2 + 3 * torch.randn(4000, 1, 16, 16, generator=generator)).detach()
    norm = net.convolutions[1]
    torch.testing.assert_close(norm.target_mean, first.mean(dim=(0, 2, 3)), rtol=0.03, atol=0.02)
    torch.testing.assert_close(norm.target_var, first.var(dim=(0, 2, 3)), rtol=0.05, atol=0.02)
