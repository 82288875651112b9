"""Made-up latents, labels and head of one evaluation."""

import numpy as np


def make_case(n=300, d=6, classes=2, shift=1.5, seed=0):
    """n galaxies in both domains, a third of them validation, and a head that is roughly right."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, classes, n)
    labels = np.tile(own, 2)
    domains = np.repeat(np.array(["source", "target"], object), n)
    means = rng.normal(size=(classes, d)) * 2
    latents = means[labels] + rng.normal(size=(2 * n, d))
    latents[n:] += shift * rng.normal(size=d)
    return {
        "latents": latents,
        "labels": labels,
        "domains": domains,
        "splits": np.tile(np.where(np.arange(n) % 3 == 0, "validation", "test").astype(object), 2),
        "weight": means + 0.2 * rng.normal(size=(classes, d)),
        "bias": -0.5 * (means**2).sum(axis=1) + rng.normal(size=classes),
        "groups": np.tile(np.arange(n), 2),
    }
