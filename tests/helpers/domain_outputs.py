"""Made-up outputs of a network for one domain."""

import torch

from daexplore.domains import DomainOutputs


def outputs(n=12, dimension=8, classes=2, seed=0, shift=0.0, labelled=True):
    """Latents of their own and logits of one head for both domains."""
    generator = torch.Generator().manual_seed(seed)
    latents = (torch.randn(n, dimension, generator=generator) + shift).requires_grad_()
    labels = torch.randint(classes, (n,), generator=generator) if labelled else None
    head = torch.randn(dimension, classes, generator=torch.Generator().manual_seed(99))
    return DomainOutputs(latents, latents @ head, labels)
