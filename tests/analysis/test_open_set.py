"""Unknown classes: scores against scipy, and a training in which a class that the source lacks is
found.
"""

import numpy as np
import pytest
import torch
from scipy.stats import entropy, hmean

from daexplore.alignment import OpenSet
from daexplore.analysis.metrics.open_set import h_score, unknown_score
from daexplore.domains import DomainOutputs
from daexplore.errors import InputError


def test_the_score_is_scipys_entropy_as_a_share():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    np.testing.assert_allclose(unknown_score(p), entropy(p, axis=1) / np.log(4))


def test_the_h_score_is_the_harmonic_mean():
    labels = np.array([0, 0, 1, 1, -1, -1])
    predicted = np.array([0, 1, 1, 1, 0, 1])
    unknown = np.array([False, False, False, True, True, False])
    assert h_score(labels, predicted, unknown) == pytest.approx(hmean([2 / 4, 1 / 2]))
    with pytest.raises(InputError, match="known and of unknown"):
        h_score(np.array([0, 1]), np.array([0, 1]), np.array([False, True]))


def test_galaxies_of_a_class_that_the_source_lacks_end_undecided():
    """Three clusters in the plane, two of them known: with the open-set loss the third stays apart,
    with the task alone it is called.
    """
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0]])
    labels = torch.arange(100) % 2
    kinds = torch.arange(150) % 3
    source = centres[labels] + 0.4 * torch.randn(100, 2, generator=generator)
    target = centres[kinds] + 0.4 * torch.randn(150, 2, generator=generator)
    scores = {}
    for weight in (0.0, 0.05):
        torch.manual_seed(0)
        encoder = torch.nn.Sequential(
            torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8)
        )
        head, method = torch.nn.Linear(8, 2), OpenSet(8, 2, queue=150)
        optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 0.01)
        for _ in range(200):
            outputs = [
                DomainOutputs(z, head(z), y)
                for z, y in ((encoder(source), labels), (encoder(target), None))
            ]
            loss = torch.nn.functional.cross_entropy(outputs[0].logits, labels) + weight * sum(
                method(*outputs, 1.0).values()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        probabilities = head(encoder(target)).softmax(1).detach().numpy()
        found = unknown_score(probabilities) > 0.5
        scores[weight] = h_score(np.where(kinds < 2, kinds, -1), probabilities.argmax(1), found)
    assert scores[0.05] > 0.9
    assert scores[0.05] > scores[0.0] + 0.5
