"""Principal components agree with scikit-learn; UMAP is deterministic and keeps clusters apart;
aligned ones keep galaxies in place.
"""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from daexplore.analysis.latents.projection import aligned_umap, pca, rotate_to, same_rows, umap
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


def test_relations_go_by_name_and_not_by_row():
    first, second = np.array(["a", "b", "c", "d"]), np.array(["d", "x", "a", "c"])
    assert same_rows(first, second) == {0: 2, 2: 3, 3: 0}
    assert same_rows(first, np.array(["y"])) == {}


def test_what_cannot_be_aligned_is_refused():
    names = np.array(list("abcdef"))
    latents = draw(6)
    with pytest.raises(InputError, match="have none"):
        aligned_umap([latents, latents], [names, np.array(list("uvwxyz"))])
    with pytest.raises(InputError, match="at least 4 galaxies, got 3"):
        aligned_umap([latents, latents[:3]], [names, names[:3]])
    with pytest.raises(InputError, match="diverged"):
        aligned_umap([latents, latents * np.nan], [names, names])


def test_layouts_are_turned_and_mirrored_alike_onto_what_is_given():
    rng = np.random.default_rng(3)
    plane = rng.normal(size=(80, 2)) * [5.0, 0.2] + [3.0, -1.0]
    angle = 2.1
    mirrored = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    layout = (plane / plane.std(axis=0)) @ mirrored + 7
    other = rng.normal(size=(30, 2))
    layout[4] = np.nan
    found = rotate_to([other, layout], 1, plane)
    for axis in (0, 1):
        assert (
            np.corrcoef(np.delete(found[1][:, axis], 4), np.delete(plane[:, axis], 4))[0, 1] > 0.999
        )
    assert np.isnan(found[1][4]).all()
    # A rotation keeps distances: within a layout, and between the layouts of two epochs.
    np.testing.assert_allclose(
        np.linalg.norm(found[0][0] - found[1][7]), np.linalg.norm(other[0] - layout[7]), rtol=1e-5
    )


@pytest.mark.slow
def test_an_aligned_umap_follows_the_names_through_shuffled_rows():
    rng = np.random.default_rng(0)
    names, cluster = np.array([f"G{i}" for i in range(90)]), np.arange(90) % 3
    first = (rng.normal(size=(90, 6)) + 10 * np.eye(6)[cluster]).astype(np.float32)
    # The same galaxies in another network: other axes, other rows.
    order = rng.permutation(90)
    second = (
        first @ np.linalg.qr(rng.normal(size=(6, 6)))[0].astype(np.float32)
        + rng.normal(size=(90, 6))
    )[order]
    one, other = aligned_umap([first, second], [names, names[order]], neighbours=8)
    assert one.shape == other.shape == (90, 2)
    back = np.empty_like(other)
    back[order] = other
    apart = np.linalg.norm(one - back, axis=1)
    mixed = np.linalg.norm(one - other, axis=1)
    assert np.median(apart) < 0.5 * np.median(mixed)
    again = aligned_umap([first, second], [names, names[order]], neighbours=8)
    np.testing.assert_array_equal(one, again[0])
    np.testing.assert_array_equal(
        aligned_umap([first], [names], neighbours=8)[0], umap(first, neighbours=8)
    )
