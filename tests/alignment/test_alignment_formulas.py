"""Each method's formula against an independent one: naive loops, closed forms, numpy, or another
library.
"""

import math

import numpy as np
import ot
import pytest
import torch
from domain_outputs import outputs
from scipy.special import entr, softmax

from daexplore.alignment import (
    CDAN,
    CORAL,
    JAN,
    LMMD,
    MCC,
    MMD,
    Entropy,
    Fisher,
    OpenSet,
    PseudoLabels,
    Sinkhorn,
)
from daexplore.domains import DomainOutputs
from daexplore.errors import InputError
from daexplore.kernels import SCALES, mmd2, mmd2_biased, mmd2_features, mmd2_linear


def pair(n=7, m=9, classes=2, shift=0.8):
    return outputs(n, classes=classes, shift=shift), outputs(
        m, classes=classes, seed=3, labelled=False
    )


def arrays(o):
    return o.latents.detach().numpy().astype(float), softmax(
        o.logits.detach().numpy().astype(float), axis=1
    )


def half_median(x, y):
    pooled = np.concatenate([x, y])
    distances = sorted(
        ((a - b) ** 2).sum() for i, a in enumerate(pooled) for j, b in enumerate(pooled) if i != j
    )
    return distances[len(distances) // 2] / 2


def kernel(a, b, widths):
    return sum(math.exp(-((a - b) ** 2).sum() / (2 * width)) for width in widths) / len(widths)


def test_biased_mmd_is_the_naive_loop_over_all_pairs():
    source, target = pair()
    (x, _), (y, _) = arrays(source), arrays(target)
    widths = [scale * half_median(x, y) for scale in SCALES]
    naive = np.mean([kernel(a, b, widths) for a in x for b in x]) + np.mean(
        [kernel(a, b, widths) for a in y for b in y]
    )
    naive -= 2 * np.mean([kernel(a, b, widths) for a in x for b in y])
    assert MMD(8, 2, estimator="biased")(source, target, 1.0)["mmd"].item() == pytest.approx(
        naive, abs=1e-6
    )
    assert mmd2_biased(x, y, widths) == pytest.approx(naive, abs=1e-12)
    assert naive > 0


def test_linear_time_mmd_is_the_mean_over_disjoint_pairs():
    source, target = pair(8, 11)
    (x, _), (y, _) = arrays(source), arrays(target)
    widths = [0.7, 3.0]
    terms = [
        kernel(x[i], x[i + 1], widths)
        + kernel(y[i], y[i + 1], widths)
        - kernel(x[i], y[i + 1], widths)
        - kernel(x[i + 1], y[i], widths)
        for i in range(0, 8, 2)
    ]
    assert mmd2_linear(x, y, widths) == pytest.approx(np.mean(terms), abs=1e-12)


def test_all_estimators_agree_in_the_mean_on_a_known_distance():
    # Two normal distributions and one Gaussian kernel have a closed MMD^2 (Gretton et al. 2012,
    # sec. 3.3 by integration).
    rng = np.random.default_rng(0)
    d, width, shift = 2, 1.5, 0.8
    decay = (width / (width + 2)) ** (d / 2)
    truth = 2 * decay * (1 - math.exp(-(shift**2) / (2 * (width + 2))))
    frequencies = rng.normal(size=(20_000, d))
    found = {"unbiased": [], "linear": [], "features": []}
    for _ in range(300):
        x, y = rng.normal(size=(60, d)), rng.normal((shift, 0), 1, (60, d))
        found["unbiased"].append(mmd2(x, y, [width]))
        found["linear"].append(mmd2_linear(x, y, [width]))
        found["features"].append(mmd2_features(x, y, [width], frequencies))
    for values in found.values():
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / math.sqrt(len(values))
    assert np.std(found["linear"]) > 1.5 * np.std(found["unbiased"])


def test_random_features_are_close_to_the_kernel_and_drawn_once():
    source, target = pair(60, 80)
    exact = MMD(8, 2)(source, target, 1.0)["mmd"].item()
    method = MMD(8, 2, estimator="features", features=50_000)
    assert method(source, target, 1.0)["mmd"].item() == pytest.approx(exact, abs=0.01)
    assert torch.equal(method(source, target, 1.0)["mmd"], method(source, target, 1.0)["mmd"])
    assert torch.equal(
        method.frequencies, MMD(8, 2, estimator="features", features=50_000).frequencies
    )
    with pytest.raises(InputError, match="estimator of mmd"):
        MMD(8, 2, estimator="quadratic")


def test_coral_is_the_squared_frobenius_distance_of_numpys_covariances():
    source, target = pair()
    difference = np.cov(arrays(source)[0].T) - np.cov(arrays(target)[0].T)
    expected = np.linalg.norm(difference, "fro") ** 2 / (4 * 8**2)
    assert CORAL(8, 2)(source, target, 1.0)["coral"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_lmmd_is_the_naive_weighted_sum_per_class(classes):
    source, target = pair(classes=classes)
    (x, _), (y, p) = arrays(source), arrays(target)
    widths = [scale * half_median(x, y) for scale in SCALES]
    found = []
    for k in range(classes):
        a = (source.labels.numpy() == k).astype(float)
        if not a.any() or k not in p.argmax(axis=1):
            continue
        a, b = a / a.sum(), p[:, k] / p[:, k].sum()
        value = sum(a[i] * a[j] * kernel(x[i], x[j], widths) for i in range(7) for j in range(7))
        value += sum(b[i] * b[j] * kernel(y[i], y[j], widths) for i in range(9) for j in range(9))
        found.append(
            value
            - 2 * sum(a[i] * b[j] * kernel(x[i], y[j], widths) for i in range(7) for j in range(9))
        )
    assert LMMD(8, classes)(source, target, 1.0)["lmmd"].item() == pytest.approx(
        np.mean(found), abs=1e-6
    )


def test_lmmd_sees_swapped_classes_that_mmd_does_not():
    labels = torch.arange(40) % 2
    latents = torch.randn(40, 8, generator=torch.Generator().manual_seed(0)) + 4 * labels[:, None]
    source = DomainOutputs(latents, torch.zeros(40, 2), labels)
    right, swapped = (
        DomainOutputs(latents, 20.0 * torch.stack([1 - c, c], 1), None)
        for c in (labels, 1 - labels)
    )
    assert MMD(8, 2)(source, right, 1.0)["mmd"] == MMD(8, 2)(source, swapped, 1.0)["mmd"]
    assert LMMD(8, 2)(source, swapped, 1.0)["lmmd"] > 100 * LMMD(8, 2)(source, right, 1.0)[
        "lmmd"
    ].clamp(min=1e-3)


def test_jan_is_mmd_with_the_product_kernel():
    source, target = pair()
    (x, p), (y, q) = arrays(source), arrays(target)
    widths, width = [scale * half_median(x, y) for scale in SCALES], [1.68 / 2]

    def joint(one, other):
        return kernel(one[0], other[0], widths) * kernel(one[1], other[1], width)

    a, b = list(zip(x, p, strict=True)), list(zip(y, q, strict=True))
    naive = sum(
        joint(one, other) for i, one in enumerate(a) for j, other in enumerate(a) if i != j
    ) / (7 * 6)
    naive += sum(
        joint(one, other) for i, one in enumerate(b) for j, other in enumerate(b) if i != j
    ) / (9 * 8)
    naive -= 2 * np.mean([joint(one, other) for one in a for other in b])
    assert JAN(8, 2)(source, target, 1.0)["jmmd"].item() == pytest.approx(naive, abs=1e-6)


def test_jan_s_gradient_stays_small_where_both_classes_are_sure():
    source, target = pair()
    gradients = []
    for sharpness in (1.0, 40.0):
        latents = source.latents.detach()
        logits = sharpness * torch.eye(2)[torch.arange(len(latents)) % 2]
        logits.requires_grad_()
        fixed = target._replace(latents=target.latents.detach(), logits=target.logits.detach())
        JAN(8, 2)(DomainOutputs(latents, logits, source.labels), fixed, 1.0)["jmmd"].backward()
        gradients.append(float(logits.grad.norm()))
    assert gradients[1] < gradients[0]


def test_lmmd_leaves_out_a_class_that_no_target_galaxy_is_called():
    source, target = pair(classes=3)
    called = target.logits.detach().clone()
    called[:, 2] = -1.0
    called[:, :2] += 5
    alone = target._replace(latents=target.latents.detach(), logits=called)
    rest = source.labels != 2
    expected = LMMD(8, 3)(DomainOutputs(source.latents, source.logits, source.labels), alone, 1.0)[
        "lmmd"
    ]
    moved = source.latents.detach().clone()
    moved[~rest] += 100.0
    # Of a class that is left out nothing is pulled.
    moved.requires_grad_()
    LMMD(8, 3)(DomainOutputs(moved, source.logits, source.labels), alone, 1.0)["lmmd"].backward()
    assert moved.grad[~rest].abs().max() < 1e-6 < moved.grad[rest].abs().max()
    assert expected.isfinite()
    none = target._replace(logits=torch.tensor([[0.0, 0.0, 9.0]]).repeat(len(target.logits), 1))
    others = DomainOutputs(source.latents, source.logits, torch.zeros_like(source.labels))
    assert LMMD(8, 3)(others, none, 1.0)["lmmd"] == 0


def test_cdan_sees_the_outer_product_and_weighs_by_certainty():
    source, target = pair(classes=3)
    method = CDAN(8, 3)
    logits, weights = [], []
    for o in (source, target):
        z, p = arrays(o)
        maps = np.stack([np.outer(p[i], z[i]).ravel() for i in range(len(z))])
        torch.testing.assert_close(method.features(o), torch.tensor(maps, dtype=torch.float32))
        logits.append(
            method.classifier(torch.tensor(maps, dtype=torch.float32))
            .detach()
            .numpy()
            .astype(float)
        )
        weights.append(1 + np.exp(-entr(p).sum(1)))
    of_source = np.average(np.log1p(np.exp(logits[0])), weights=weights[0])
    of_target = np.average(np.log1p(np.exp(-logits[1])), weights=weights[1])
    assert method(source, target, 0.5)["domain"].item() == pytest.approx(
        (of_source + of_target) / 2, rel=1e-5
    )


@pytest.mark.parametrize("domains", [("source", "target"), ("target",)])
def test_entropy_is_scipys(domains):
    source, target = pair(classes=3)
    chosen = np.concatenate(
        [arrays({"source": source, "target": target}[name])[1] for name in domains]
    )
    assert Entropy(8, 3, domains=domains)(source, target, 1.0)["entropy"].item() == pytest.approx(
        entr(chosen).sum(1).mean(), rel=1e-5
    )


def test_mcc_is_the_naive_class_correlation():
    source, target = pair(classes=3)
    logits = target.logits.detach().numpy().astype(float)
    p = softmax(logits / 2.5, axis=1)
    w = 1 + np.exp(-entr(p).sum(1))
    w = w / w.sum() * len(w)
    correlation = np.zeros((3, 3))
    for i in range(len(p)):
        correlation += w[i] * np.outer(p[i], p[i])
    correlation /= correlation.sum(axis=1, keepdims=True)
    expected = (correlation.sum() - np.trace(correlation)) / 3
    assert MCC(8, 3)(source, target, 1.0)["confusion"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["ratio", "difference"])
def test_fisher_is_the_naive_scatter(form):
    source, target = pair()
    method = Fisher(8, 2, form=form)
    x, labels, centres = (
        arrays(source)[0],
        source.labels.numpy(),
        method.centres.detach().numpy().astype(float),
    )
    within = np.mean([((x[i] - centres[labels[i]]) ** 2).sum() for i in range(7)])
    between = np.mean([((centres[labels[i]] - centres.mean(0)) ** 2).sum() for i in range(7)])
    expected = within / between if form == "ratio" else within - between
    assert method(source, target, 1.0)["fisher"].item() == pytest.approx(expected, rel=1e-5)


def test_pseudo_labels_take_the_surest_of_each_class():
    logits = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.2, 0.0], [0.0, 0.1], [0.0, 2.0]])
    target = DomainOutputs(torch.zeros(6, 8), logits, None)
    value = PseudoLabels(8, 2, portion=(0.5, 0.5))(outputs(), target, 0.5)["pseudo"].item()
    taken = [(0, 0), (1, 0), (5, 1)]
    assert value == pytest.approx(
        -np.mean([math.log(softmax(logits[i].numpy().astype(float))[k]) for i, k in taken]),
        rel=1e-6,
    )


def test_the_portion_of_pseudo_labels_grows_with_the_training():
    target = DomainOutputs(
        torch.zeros(10, 8), torch.stack([torch.arange(1.0, 11), torch.zeros(10)], 1), None
    )
    method = PseudoLabels(8, 2, portion=(0.2, 0.8))
    early, late = (method(outputs(), target, progress)["pseudo"].item() for progress in (0.0, 1.0))
    assert early == pytest.approx(np.mean([math.log1p(math.exp(-x)) for x in (10, 9)]), rel=1e-4)
    assert late == pytest.approx(
        np.mean([math.log1p(math.exp(-x)) for x in range(3, 11)]), rel=1e-5
    )


def test_sinkhorn_is_pots_debiased_divergence():
    source, target = pair(12, 15)
    (x, _), (y, _) = arrays(source), arrays(target)
    # A wide blur, at which POT's plain iterations converge.
    blur = 0.3 * math.sqrt(max(((a - b) ** 2).sum() for a in x for b in y))
    found = Sinkhorn(8, 2, blur=0.3)(source, target, 1.0)["sinkhorn"].item()

    def dual(a, b):
        wa, wb = np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))
        cost = ((a[:, None] - b[None]) ** 2).sum(-1) / 2
        plan = ot.sinkhorn(
            wa, wb, cost, blur**2, method="sinkhorn_log", numItermax=100_000, stopThr=1e-10
        )
        # Feydy's OT_eps has the relative entropy to the product of the marginals.
        return (plan * cost).sum() + blur**2 * (plan * np.log(plan / np.outer(wa, wb))).sum()

    expected = dual(x, y) - dual(x, x) / 2 - dual(y, y) / 2
    assert found == pytest.approx(expected, rel=0.02)


def test_the_learned_weights_feel_siddas_loss_and_the_network_the_divergence():
    method = Sinkhorn(8, 2)
    with torch.no_grad():
        method.scales.copy_(torch.tensor([0.7, 1.3]))
    task, divergence = torch.tensor(0.4, requires_grad=True), torch.tensor(0.9, requires_grad=True)
    value = method.penalty({"sinkhorn": divergence}, task)
    value.backward()
    assert value.item() == pytest.approx((0.7 / 1.3) ** 2 * 0.9)
    assert task.grad is None
    assert divergence.grad.item() == pytest.approx((0.7 / 1.3) ** 2)
    # d/da and d/db of task/(2a^2) + divergence/(2b^2) + log(ab)
    np.testing.assert_allclose(
        method.scales.grad, [-0.4 / 0.7**3 + 1 / 0.7, -0.9 / 1.3**3 + 1 / 1.3], rtol=1e-5
    )
    with torch.no_grad():
        method.scales.copy_(torch.tensor([2.0, 0.1]))
    method.penalty({"sinkhorn": divergence}, task)
    assert method.scales.tolist() == [2.0, 0.5]


def test_until_the_warm_up_ends_the_learned_weights_are_the_optimum_of_their_loss():
    method = Sinkhorn(8, 2)
    source, target = pair(12, 15)
    for scale in (1.0, 30.0):
        large = [o._replace(latents=o.latents * scale) for o in (source, target)]
        terms = method(*large, 0.1)
        value = method.penalty(terms, torch.tensor(0.4))
        value.backward()
        # Both halves of the loss then weigh alike, whatever the latents' scale, and a and b have no
        # reason to move.
        assert value.item() == pytest.approx(0.4, rel=1e-4)
        assert method.scales.grad.abs().max() < 1e-3
        method.scales.grad = None
    before = method.scales.detach().clone()
    method.penalty(method(*large, 0.5), torch.tensor(9.0))
    assert torch.equal(before, method.scales)


def test_mcc_survives_a_class_that_a_whole_batch_rules_out():
    target = DomainOutputs(
        torch.zeros(4, 8), torch.tensor([[0.0, -1e4]] * 4, requires_grad=True), None
    )
    value = MCC(8, 2)(outputs(), target, 1.0)["confusion"]
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(target.logits.grad).all()


def test_open_set_neighbours_and_separation_are_naive_loops():
    source, target = pair(8, 6)
    method = OpenSet(8, 2, queue=4)
    first = outputs(5, seed=11, labelled=False)
    method(source, first, 1.0)
    found = method(source, target, 1.0)

    def unit(v):
        return v / np.linalg.norm(v, axis=-1, keepdims=True)

    x, z = arrays(source)[0], unit(arrays(target)[0])
    means = unit(np.stack([x[source.labels.numpy() == k].mean(0) for k in (0, 1)]))
    queue = unit(arrays(first)[0])[:4]
    total = 0.0
    for i in range(6):
        others = np.concatenate([means, queue, np.delete(z, i, axis=0)])
        total += entr(softmax(others @ z[i] / 0.05)).sum() / 6
    assert found["neighbours"].item() == pytest.approx(total, rel=1e-4)
    away = np.abs(entr(arrays(target)[1]).sum(1) / math.log(2) - 0.5)
    assert found["separation"].item() == pytest.approx(
        -np.where(away > 0.1, away, 0).mean(), rel=1e-4
    )


def test_the_queue_keeps_the_newest_and_forgets_the_oldest():
    method = OpenSet(8, 2, queue=7)
    batches = [outputs(5, seed=s, labelled=False) for s in range(3)]
    for target in batches:
        method(outputs(), target, 1.0)
    newest = torch.nn.functional.normalize(batches[2].latents.detach(), dim=1)
    assert int(method.filled) == 7
    torch.testing.assert_close(method.bank[:5], newest)
    torch.testing.assert_close(
        method.bank[5:7], torch.nn.functional.normalize(batches[1].latents.detach(), dim=1)[:2]
    )
