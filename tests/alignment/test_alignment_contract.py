"""One contract for every method: finite, felt by the encoder and by its own parameters, nothing at
weight zero, calm on odd batches.
"""

import pytest
import torch
from domain_outputs import outputs

from daexplore.alignment import METHODS, build_alignment
from daexplore.config import AlignmentConfig, ModelConfig
from daexplore.domains import DomainBatch, DomainOutputs
from daexplore.engine.training.step import AdaptationStep
from daexplore.models import build_network

REACHED = {"fisher": {"source"}, "mcc": {"target"}, "pseudo": {"target"}}
"""Domains whose latents a method moves, where not both: what the labels or the target's own
predictions alone teach.
"""


def constant(n, labelled, classes=2):
    latents = torch.zeros(n, 8, requires_grad=True)
    return DomainOutputs(
        latents,
        latents @ torch.ones(8, classes),
        torch.zeros(n, dtype=torch.long) if labelled else None,
    )


@pytest.mark.parametrize("name", METHODS)
class TestContract:
    def test_terms_are_finite_scalars_and_reach_latents_and_every_parameter(self, name):
        method = build_alignment(AlignmentConfig(name), 8, 2)
        source, target = outputs(shift=1.0), outputs(seed=1, labelled=False)
        terms = method(source, target, 0.7)
        assert terms
        assert all(value.ndim == 0 and torch.isfinite(value) for value in terms.values())
        method.penalty(terms, torch.tensor(0.6)).backward()
        pairs = {"source": source, "target": target}
        moved = {
            domain
            for domain, o in pairs.items()
            if o.latents.grad is not None and o.latents.grad.abs().sum() > 0
        }
        assert moved == REACHED.get(name, {"source", "target"})
        assert all(
            parameter.grad is not None and parameter.grad.abs().sum() > 0
            for parameter in method.parameters()
        )

    @pytest.mark.parametrize("kind", ["identical", "constant", "two", "one class", "sure", "huge"])
    def test_degenerate_batches_give_finite_losses_and_gradients(self, name, kind):
        n = 2 if kind == "two" else 6
        source, target = (
            outputs(n),
            outputs(n, seed=0 if kind == "identical" else 1, labelled=False),
        )
        if kind == "constant":
            source, target = constant(n, True), constant(n, False)
        elif kind == "one class":
            source = source._replace(labels=torch.ones(n, dtype=torch.long))
        elif kind == "sure":
            source, target = (o._replace(logits=o.logits * 1e4) for o in (source, target))
        elif kind == "huge":
            source, target = (
                o._replace(latents=(o.latents.detach() * 1e3).requires_grad_())
                for o in (source, target)
            )
        method = build_alignment(AlignmentConfig(name), 8, 2)
        terms = method(source, target, 0.5)
        method.penalty(terms, torch.tensor(0.6)).backward()
        assert all(torch.isfinite(value) for value in terms.values())
        reached = [o.latents.grad for o in (source, target) if o.latents.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in reached)
        assert all(
            parameter.grad is None or torch.isfinite(parameter.grad).all()
            for parameter in method.parameters()
        )

    def test_domains_of_unequal_size_and_three_classes_are_taken(self, name):
        terms = build_alignment(AlignmentConfig(name), 8, 3)(
            outputs(5, classes=3), outputs(9, classes=3, labelled=False, seed=1), 1.0
        )
        assert all(torch.isfinite(value) for value in terms.values())

    @pytest.mark.parametrize("batch_norm", ["mixed", "source", "adabn", "separate"])
    def test_weight_zero_is_noda_bit_for_bit_and_a_weight_changes_the_encoder(
        self, name, batch_norm
    ):
        encoders = {weight: after_training(name, weight, batch_norm) for weight in (None, 0.0, 1.0)}
        assert torch.equal(encoders[None], encoders[0.0])
        assert not torch.equal(encoders[None], encoders[1.0])

    def test_a_larger_weight_moves_the_encoder_further(self, name):
        first, small, large = (
            after_training(name, weight, "mixed", steps=1) for weight in (None, 0.1, 0.3)
        )
        assert 0 < (small - first).norm() < (large - first).norm()

    def test_its_parameters_are_in_the_one_module_that_is_optimised(self, name):
        method = build_alignment(AlignmentConfig(name), 32, 2)
        adapter = AdaptationStep(
            build_network(ModelConfig("deepmerge"), 1, 2, 16), [(method, 1.0)], "mixed"
        )
        optimised = {id(parameter) for parameter in adapter.parameters()}
        assert all(id(parameter) in optimised for parameter in method.parameters())


def after_training(name, weight, batch_norm, steps=4):
    """The first convolution after a few steps of plain gradient descent in which a linear loss
    weight is not undone by an optimiser.
    """
    torch.manual_seed(0)
    # Dropout on, so that a method that draws random numbers would shift the network's.
    network = build_network(ModelConfig("deepmerge", {"dropout": 0.2}), 1, 2, 16, batch_norm)
    methods = (
        []
        if weight is None
        else [(build_alignment(AlignmentConfig(name), network.head.in_features, 2), weight)]
    )
    adapter = AdaptationStep(network, methods, batch_norm)
    optimizer = torch.optim.SGD(adapter.parameters(), 0.05)
    # As the training does before each epoch: what the method drew for its first weights does not
    # count.
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        source, target = torch.randn(2, 16, 1, 16, 16, generator=generator)
        adapter(DomainBatch(source, torch.arange(16) % 2, target + 1), 1.0)["total"].backward()
        optimizer.step()
        optimizer.zero_grad()
    return network.convolutions[0].weight.detach().clone()
