"""The glossary has every word that the tabs use, and its formulas are those of the numbers they
explain.
"""

import ast
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import daexplore.app
from daexplore.alignment import METHODS
from daexplore.analysis.calibration.reliability import ece, nll
from daexplore.analysis.calibration.temperature import apply_temperature
from daexplore.analysis.comparison.flips import seed_disagreement
from daexplore.analysis.comparison.label_shift import bbse
from daexplore.analysis.distance.domain_probe import domain_probe, probe_intervals
from daexplore.analysis.distance.witness import witness
from daexplore.analysis.latents.margin_plane import margin_plane
from daexplore.analysis.metrics.classification import METRICS, auc, classification_metrics
from daexplore.analysis.saliency.agreement import chance_iou
from daexplore.analysis.saliency.maps import iou
from daexplore.app.glossary.markup import (
    GLOSSARY,
    explained,
    glossary_markdown,
    term,
    words,
)
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.registry import TABS
from daexplore.data.preprocessing.steps.psf import kernel_sigma
from daexplore.kernels import mmd2

TAB_TERMS = {tab.name: tab.terms for tab in TABS}


CODES = {entry.code for entry in GLOSSARY.values()} - {""}
APP = Path(daexplore.app.__file__).parent


class _Marks(HTMLParser):
    """What buttons refer to, and what there is."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.there: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "button":
            assert values["popovertarget"] == values["interestfor"] == values["aria-describedby"]
            self.asked.append(str(values["popovertarget"]))
        if "popover" in values:
            self.there.append(str(values["id"]))


def test_methods_metrics_views_and_dials_have_an_entry(tmp_path: Path) -> None:
    views = ExplorerState(tmp_path).param.view.objects
    measures = ("mmd2", "class_mmd2", "probe_auc", "a_distance", "ece", "nll", "aurc")
    wanted = {
        *METHODS,
        "noda",
        "adabn",
        "oracle",
        *METRICS,
        *views,
        *measures,
        "psf",
        "depth",
        "pixel",
        "redshift",
    }
    assert wanted - CODES == set()


def test_every_room_has_its_words_and_every_section_of_performance_one() -> None:
    for names in TAB_TERMS.values():
        assert set(names) <= set(GLOSSARY)
        assert len(set(names)) == len(names)
    from daexplore.app.tabs.performance.tab import SECTIONS

    for title in set(SECTIONS) - {"All metrics"}:
        assert any(
            title.lower().removesuffix("s") in name.lower() for name in TAB_TERMS["Performance"]
        ), title


def test_every_word_that_the_source_marks_is_there() -> None:
    found = set()
    for file in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "term"
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    assert {"accuracy", "IoU", "margin plane"} <= found
    assert found <= set(GLOSSARY)


def test_a_mark_opens_the_one_meaning_of_its_pane() -> None:
    markup = explained(f"<p>{term('AUC')} and {term('AUC', 'the <area>')} of {term('MMD²')}</p>")
    marks = _Marks(markup)
    assert marks.asked == ["term-auc", "term-auc", "term-mmd²"]
    assert marks.there == ["term-auc", "term-mmd²"]
    assert "the &lt;area&gt;" in markup
    assert _Marks(explained(markup)).there == marks.there
    with pytest.raises(KeyError):
        term("no such word")


@pytest.mark.parametrize("tab", TAB_TERMS)
def test_the_line_of_a_room_explains_each_of_its_words(tab: str) -> None:
    marks = _Marks(words(TAB_TERMS[tab]))
    assert len(marks.asked) == len(TAB_TERMS[tab])
    assert marks.asked == marks.there
    assert words(()) == ""


def test_the_page_of_the_documents_has_every_entry_once_with_its_formula() -> None:
    page = glossary_markdown()
    for entry in GLOSSARY.values():
        line = next(line for line in page.splitlines() if line.startswith(f"- **{entry.name}**: "))
        assert entry.meaning in line
        assert f"`{entry.formula}`" in line if entry.formula else "`" not in line
        assert page.count(f"- **{entry.name}**: ") == 1
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == list(
        dict.fromkeys(entry.chapter for entry in GLOSSARY.values())
    )


@pytest.mark.parametrize("entry", GLOSSARY.values(), ids=lambda entry: entry.name)
def test_an_entry_is_one_sentence(entry: object) -> None:
    meaning = entry.meaning
    assert meaning.endswith(".")
    assert ". " not in meaning
    assert len(meaning) < 260


# Each formula as it is written, worked out by hand beside the function that computes the number.

RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 2, 60)
P = np.clip(RNG.normal(0.3 + 0.4 * LABELS, 0.25), 0.01, 0.99)
BOTH = np.stack([1 - P, P], axis=1)
CALLED = P > 0.5
TP, FP = int((CALLED & (LABELS == 1)).sum()), int((CALLED & (LABELS == 0)).sum())
FN, TN = int((~CALLED & (LABELS == 1)).sum()), int((~CALLED & (LABELS == 0)).sum())
X, Y = RNG.normal(size=(30, 4)), RNG.normal(0.7, 1.0, size=(26, 4))
GROUPS = np.arange(60)


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two bandwidths, by hand."""
    squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.mean([np.exp(-squares / (2 * variance)) for variance in (1.0, 4.0)], axis=0)


def _mmd2() -> float:
    n, m = len(X), len(Y)
    one, other = kernel(X, X), kernel(Y, Y)
    return float(
        (one.sum() - np.trace(one)) / (n * (n - 1))
        + (other.sum() - np.trace(other)) / (m * (m - 1))
        - 2 * kernel(X, Y).mean()
    )


def _probe() -> tuple[float, float]:
    latents = np.concatenate([X, Y])
    probe = domain_probe(latents, np.repeat(["source", "target"], [len(X), len(Y)]), seed=1)
    target = np.arange(len(X) + len(Y)) >= len(X)
    called = probe.scores > probe.thresholds[probe.fold]
    error = float(np.mean([(called[target == side] != side).mean() for side in (True, False)]))
    found = probe_intervals(
        probe, latents, np.where(target, "target", "source"), np.arange(len(target)), resamples=20
    )
    return found["a_distance"]["value"], 2 * (1 - 2 * error)


def _shares() -> tuple[float, float]:
    on_target = RNG.integers(0, 2, 40)
    confusions = np.array(
        [[float((CALLED[j == LABELS] == i).mean()) for j in (0, 1)] for i in (0, 1)]
    )
    shares = np.linalg.solve(confusions, [float((on_target == i).mean()) for i in (0, 1)])
    shares = np.clip(shares, 0, None) / np.clip(shares, 0, None).sum()
    return float(bbse(LABELS, CALLED.astype(int), on_target, 2, resamples=10).shares[1]), float(
        shares[1]
    )


def _plane() -> tuple[float, float]:
    latents = RNG.normal(size=(60, 3)) + LABELS[:, None]
    weight, bias = RNG.normal(size=(2, 3)), np.array([0.2, -0.1])
    domains, splits = np.repeat(["source", "target"], 30), np.full(60, "validation")
    w, b = weight[1] - weight[0], bias[1] - bias[0]
    along = (latents @ w + b) / np.linalg.norm(w)
    inside = np.concatenate(
        [along[:30][LABELS[:30] == k] - along[:30][LABELS[:30] == k].mean() for k in (0, 1)]
    )
    x = margin_plane(latents, LABELS, domains, splits, weight, bias).x
    ratio = x / along
    assert np.allclose(ratio, ratio[0])
    return 1 / float(ratio[0]), float(np.sqrt((inside**2).sum() / 28))


FORMULAS: dict[str, tuple[str, Callable[[], tuple[float, float]]]] = {
    "accuracy": (
        "(TP + TN) / n",
        lambda: (classification_metrics(LABELS, BOTH)["accuracy"], (TP + TN) / 60),
    ),
    "precision": (
        "TP / (TP + FP)",
        lambda: (classification_metrics(LABELS, BOTH)["precision"], TP / (TP + FP)),
    ),
    "recall": (
        "TP / (TP + FN)",
        lambda: (classification_metrics(LABELS, BOTH)["recall"], TP / (TP + FN)),
    ),
    "F1": (
        "2 TP / (2 TP + FP + FN)",
        lambda: (classification_metrics(LABELS, BOTH)["f1"], 2 * TP / (2 * TP + FP + FN)),
    ),
    "Brier score": (
        "1/n Σᵢ (pᵢ − yᵢ)²",
        lambda: (classification_metrics(LABELS, BOTH)["brier"], float(((P - LABELS) ** 2).mean())),
    ),
    "NLL": (
        "−1/n Σᵢ ln p(true class of i)",
        lambda: (
            nll(LABELS, BOTH, GROUPS, resamples=5)["value"],
            float(-np.log(np.where(LABELS == 1, P, 1 - P)).mean()),
        ),
    ),
    "AUC": (
        "P(p of a merger > p of a non-merger) + ½ P(equal)",
        lambda: (
            auc(LABELS == 1, P),
            float((P[LABELS == 1][:, None] > P[LABELS == 0][None]).mean()),
        ),
    ),
    "ECE": (
        "Σ_b |Σ_(i in b) (yᵢ − pᵢ)| / n   over bins b of equal mass, debiased",
        lambda: (
            ece(LABELS, BOTH, GROUPS, bins=6, resamples=20)["plugin"],
            float(sum(abs((LABELS - P)[rows].sum()) for rows in np.split(np.argsort(P), 6)) / 60),
        ),
    ),
    "temperature scaling": (
        "p = softmax(logits / T)",
        lambda: (
            float(apply_temperature(np.array([[0.3, 1.7]]), 2.5)[0, 1]),
            float(1 / (1 + np.exp(-(1.7 - 0.3) / 2.5))),
        ),
    ),
    "BBSE": (
        "C q = μ,   C_ij = P(predicted i | class j),   μ_i = share predicted i on the target",
        _shares,
    ),
    "MMD²": (
        (
            "mean_(i≠j) k(xᵢ, xⱼ) + mean_(i≠j) k(yᵢ, yⱼ) − 2 mean k(xᵢ, yⱼ),   k = mean of exp(−|a"
            " − b|² / 2σ²)"
        ),
        lambda: (float(mmd2(X, Y, (1.0, 4.0))), _mmd2()),
    ),
    "witness": (
        "f(z) = mean k(z, source) − mean k(z, target)",
        lambda: (
            float(witness(np.full((1, 4), 0.2), X, Y, (1.0, 4.0))[0]),
            float(kernel(np.full((1, 4), 0.2), X).mean() - kernel(np.full((1, 4), 0.2), Y).mean()),
        ),
    ),
    "proxy A-distance": ("2 (1 − 2 error)", _probe),
    "margin plane": (
        (
            "x = (w·z + b) / (|w| σ),   w = w₂ − w₁, b = b₂ − b₁, σ: spread of the source within"
            " its classes"
        ),
        _plane,
    ),
    "seed noise": (
        "1/n Σᵢ [class by seed a ≠ class by seed b], averaged over pairs of seeds",
        lambda: (float(seed_disagreement(np.array([[0, 1, 1, 0], [0, 1, 0, 1]])).mean()), 0.5),
    ),
    "IoU": (
        "|A ∩ B| / |A ∪ B|",
        lambda: (
            float(
                iou(
                    np.array([[5.0, 4, 1, 1, 1]] * 2),
                    np.array([[5.0, 1, 4, 1, 1]] * 2),
                    fraction=0.4,
                )
            ),
            2 / 6,
        ),
    ),
    "PSF": (
        "FWHM = √(8 ln 2) σ ≈ 2.355 σ of a Gaussian",
        lambda: (2.355 * kernel_sigma(0.0, 1.0, 1.0), 1.0),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_what_is_computed(name: str) -> None:
    written, work_out = FORMULAS[name]
    assert GLOSSARY[name].formula == written
    computed, by_hand = work_out()
    assert computed == pytest.approx(by_hand, rel=1e-3 if name == "PSF" else 1e-9)


def test_what_chance_gives_for_the_iou_is_as_said() -> None:
    assert "about 0.11" in GLOSSARY["IoU"].meaning
    assert chance_iou(12 * 12) == pytest.approx(0.11, abs=0.01)
