"""Principal components agree with scikit-learn; UMAP is deterministic and keeps clusters apart."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from daexplore.analysis.projection import pca, umap
from daexplore.errors import InputError


def draw(n=200, d=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ np.diag(np.linspace(3, 0.5, d)) @ rng.normal(size=(d, d)) + 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("referenced", [False, True])
def test_components_agree_with_scikit_learn(referenced, seed):
    latents = draw(seed=seed)
    reference = np.arange(200) < 120 if referenced else None
    oracle = PCA(2).fit(latents if reference is None else latents[reference])
    positions, shares = pca(latents, reference)
    expected = oracle.transform(latents)
    signs = np.sign((positions * expected).sum(axis=0))
    np.testing.assert_allclose(positions, expected * signs, atol=1e-9)
    np.testing.assert_allclose(shares, oracle.explained_variance_ratio_)
    # Which of the two signs: the one that makes the largest loading positive.
    loadings = oracle.components_ * signs[:, None]
    assert (loadings[np.arange(2), np.abs(loadings).argmax(axis=1)] > 0).all()


def test_signs_do_not_hang_on_the_order_of_rows():
    latents = draw()
    order = np.random.default_rng(1).permutation(200)
    np.testing.assert_allclose(pca(latents[order])[0], pca(latents)[0][order], atol=1e-9)


def test_one_dimension_and_no_variance():
    positions, shares = pca(np.arange(5.0)[:, None])
    np.testing.assert_allclose(positions, np.c_[np.arange(-2.0, 3), np.zeros(5)])
    np.testing.assert_allclose(shares, [1, 0])
    assert np.isfinite(pca(np.ones((5, 3)))[0]).all()


def test_bad_latents_are_refused():
    with pytest.raises(InputError, match="at least 2 galaxies"):
        pca(np.ones((1, 3)))
    with pytest.raises(InputError, match="diverged"):
        pca(np.full((5, 3), np.nan))
    with pytest.raises(InputError, match="at least 4 galaxies"):
        umap(np.ones((3, 3)))


@pytest.mark.slow
def test_umap_keeps_clusters_and_repeats_itself():
    rng = np.random.default_rng(0)
    cluster = np.arange(150) % 3
    latents = (rng.normal(size=(150, 8)) + 12 * np.eye(8)[cluster]).astype(np.float32)
    first, again, other = umap(latents, seed=0), umap(latents, seed=0), umap(latents, seed=1)
    assert first.shape == (150, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    nearest = np.array([np.argsort(((first - point) ** 2).sum(axis=1))[1] for point in first])
    assert (cluster[nearest] == cluster).mean() > 0.95
    assert umap(latents[:5]).shape == (5, 2)
