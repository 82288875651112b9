"""In the margin plane the boundary is exactly a vertical line, the axes are invariant, and no
target label is used.
"""

import time

import numpy as np
import pytest
from latent_case import make_case

from daexplore.analysis.latents.margin_plane import margin_plane
from daexplore.analysis.metrics.classification import auc
from daexplore.errors import InputError


@pytest.mark.parametrize("stored", [False, True])
def test_the_boundary_at_any_threshold_is_a_vertical_line(stored):
    case = make_case()
    logits = case["latents"] @ case["weight"].T + case["bias"]
    plane = margin_plane(**case, logits=logits if stored else None)
    p = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    for t in [0.01, 0.2, 0.5, 0.77, 0.99, *np.random.default_rng(0).random(200)]:
        np.testing.assert_array_equal(np.sign(plane.x - plane.threshold_x(t)) > 0, p > t)
    assert plane.threshold_x(0.5) == 0
    assert (plane.x > plane.threshold_x(0.0)).all()
    assert not (plane.x > plane.threshold_x(1.0)).any()


def test_stored_single_precision_logits_decide_as_their_probabilities_do():
    case = make_case()
    logits = (case["latents"] @ case["weight"].T + case["bias"]).astype(np.float32)
    plane = margin_plane(**case, logits=logits)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    p = (np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))[:, 1]
    # Thresholds just beside the galaxies' own probabilities are the hardest.
    inside = (p > 1e-3) & (p < 1 - 1e-3)
    for t in np.r_[p[inside] * (1 + 1e-9), p[inside] * (1 - 1e-9)]:
        np.testing.assert_array_equal(plane.x > plane.threshold_x(t), p > t)


def test_x_is_the_distance_in_source_spreads():
    case = make_case()
    plane = margin_plane(**case)
    w, b = case["weight"][1] - case["weight"][0], case["bias"][1] - case["bias"][0]
    distance = (case["latents"] @ w + b) / np.linalg.norm(w)
    used = (case["domains"] == "source") & (case["splits"] == "validation")
    squares, counts = 0.0, 0
    for kind in (0, 1):
        values = distance[used & (case["labels"] == kind)]
        squares, counts = squares + ((values - values.mean()) ** 2).sum(), counts + len(values) - 1
    np.testing.assert_allclose(plane.x, distance / np.sqrt(squares / counts))
    # One unit is as many logits as ``scale`` says.
    np.testing.assert_allclose(plane.x * plane.scale, case["latents"] @ w + b)


def test_a_pair_of_more_classes():
    case = make_case(classes=4)
    logits = case["latents"] @ case["weight"].T + case["bias"]
    plane = margin_plane(**case, classes=(3, 1))
    np.testing.assert_array_equal(plane.x > 0, logits[:, 1] > logits[:, 3])
    np.testing.assert_allclose(plane.x, -margin_plane(**case, classes=(1, 3)).x)
    with pytest.raises(InputError, match="two different classes from 0 to 3, got 0 and 4"):
        margin_plane(**case, classes=(0, 4))


def test_the_plane_does_not_depend_on_rotation_or_scale_of_the_latent():
    case = make_case()
    plane = margin_plane(**case)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    turned = margin_plane(
        **(case | {"latents": case["latents"] @ turn, "weight": case["weight"] @ turn})
    )
    scaled = margin_plane(**(case | {"latents": case["latents"] * 7, "weight": case["weight"] / 7}))
    moved = margin_plane(
        **(
            case
            | {
                "latents": case["latents"] + 5,
                "bias": case["bias"] - 5 * case["weight"].sum(axis=1),
            }
        )
    )
    for other in (turned, scaled, moved):
        np.testing.assert_allclose(other.x, plane.x, atol=1e-8)
        np.testing.assert_allclose(other.y, plane.y, atol=1e-8)
        assert other.probe_auc == pytest.approx(plane.probe_auc)
        assert other.scale == pytest.approx(plane.scale)


def test_y_is_off_the_decision_axis_and_points_to_the_target():
    for seed in range(5):
        case = make_case(seed=seed)
        plane = margin_plane(**case)
        w = case["weight"][1] - case["weight"][0]
        np.testing.assert_allclose(plane.directions @ w / np.linalg.norm(w), 0, atol=1e-12)
        source = case["domains"] == "source"
        assert plane.y[~source].mean() > plane.y[source].mean() + 0.5
        # Zero and unit of y: the source's validation galaxies.
        used = source & (case["splits"] == "validation")
        assert abs(plane.y[used].mean()) < 0.2
        pooled = np.mean([plane.y[used & (case["labels"] == kind)].var(ddof=1) for kind in (0, 1)])
        assert pooled == pytest.approx(1, abs=0.25)
        assert plane.y_auc == pytest.approx(auc(~source, plane.y), abs=0.02)


def test_domains_that_differ_along_the_decision_axis_only():
    case = make_case(shift=0.0)
    w = case["weight"][1] - case["weight"][0]
    case["latents"][300:] += 3 * w / np.linalg.norm(w)
    plane = margin_plane(**case)
    assert plane.y_auc == pytest.approx(0.5, abs=0.06)
    assert plane.probe_auc > 0.7


def test_target_labels_change_nothing():
    case = make_case()
    plane = margin_plane(**case)
    target = case["domains"] == "target"
    rng = np.random.default_rng(2)
    for labels in (np.full(target.sum(), -1), rng.permutation(case["labels"][target])):
        changed = case["labels"].copy()
        changed[target] = labels
        other = margin_plane(**(case | {"labels": changed}))
        np.testing.assert_array_equal(other.x, plane.x)
        np.testing.assert_array_equal(other.y, plane.y)
        assert (other.scale, other.probe_auc, other.y_auc) == (
            plane.scale,
            plane.probe_auc,
            plane.y_auc,
        )
    # Nor do those of source test galaxies.
    changed = np.where(case["splits"] == "test", 0, case["labels"])
    np.testing.assert_array_equal(margin_plane(**(case | {"labels": changed})).x, plane.x)


def test_without_labelled_validation_galaxies():
    case = make_case()
    plane = margin_plane(**(case | {"splits": np.full(600, "test", object)}))
    assert np.isfinite(plane.x).all()
    bare = margin_plane(**(case | {"labels": np.full(600, -1)}))
    np.testing.assert_array_equal(bare.x > 0, plane.x > 0)


def test_a_collapsed_network_is_still_drawn():
    case = make_case()
    plane = margin_plane(**(case | {"latents": np.ones((600, 6))}))
    assert np.isfinite(plane.x).all()
    assert np.isfinite(plane.y).all()
    assert plane.probe_auc == 0.5


def test_hopeless_input_is_refused():
    case = make_case()
    with pytest.raises(InputError, match="does not separate class 0 from class 1"):
        margin_plane(**(case | {"weight": np.zeros((2, 6))}))
    with pytest.raises(InputError, match="diverged"):
        margin_plane(**(case | {"latents": np.full((600, 6), np.nan)}))


def test_it_is_fast():
    case = make_case(n=3000, d=32)
    case["groups"] = np.array([f"G{i:05d}" for i in case["groups"]], object)
    case["latents"] = case["latents"].astype(np.float32)
    best = np.inf
    for _ in range(3):
        started = time.process_time()
        margin_plane(**case)
        best = min(best, time.process_time() - started)
    assert best < 0.5
