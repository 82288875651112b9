"""Glossary terms: domains, views and single galaxies."""

from dataclasses import dataclass

__all__ = ["CHAPTERS", "TERMS", "Term"]

CHAPTERS = ("Domains and galaxies", "Views", "Looking at one galaxy")


@dataclass(frozen=True)
class Term:
    """One word of the glossary.

    Attributes:
        name: as it is looked up and shown.
        chapter: under which it is in the glossary.
        meaning: one sentence.
        formula: in plain Unicode; empty where there is none.
        origin: publication, or part of the package that computes it.
        code: what it is called in tables and settings.
    """

    name: str
    chapter: str
    meaning: str
    formula: str = ""
    origin: str = ""
    code: str = ""


_DOMAINS, _VIEWS, _GALAXY = CHAPTERS

TERMS = (
    Term(
        "source",
        _DOMAINS,
        "The labelled galaxies that a network learns from, mostly simulated ones.",
    ),
    Term(
        "target",
        _DOMAINS,
        "The galaxies that a network is meant for, mostly a survey's; its images are used in"
        " training, its labels never.",
    ),
    Term(
        "oracle",
        _DOMAINS,
        "Marks values that used target labels, which are not available in practice: an oracle"
        " value can evaluate a method but not select one.",
    ),
    Term(
        "latent",
        _DOMAINS,
        "What the last hidden layer makes of an image: a vector of numbers, from which the last,"
        " linear layer reads off the class.",
        "z = encoder(image),   logits = W z + b",
    ),
    Term(
        "held-out galaxies",
        _DOMAINS,
        "Galaxies that no weight was fitted on: those of validation chose the epoch, those of test"
        " chose nothing; all images of one galaxy are in one split, in both domains.",
    ),
    Term(
        "selected epoch",
        _DOMAINS,
        "The pass over the training images at which a run is shown unless another is asked for: the"
        " best one on source validation, of the second half of the training.",
    ),
    Term(
        "seed",
        _DOMAINS,
        "The number that settles everything random in a training: first weights, order of images,"
        " noise.",
    ),
    Term(
        "seed noise",
        _DOMAINS,
        "Predictions that change when the same method is trained with another seed; a larger change"
        " is needed as evidence for a method.",
        "1/n Σᵢ [class by seed a ≠ class by seed b], averaged over pairs of seeds",
        "daexplore.analysis.comparison.flips",
    ),
    Term(
        "95% interval",
        _DOMAINS,
        "Range of the value in 95 of 100 repetitions that draw galaxies, with all their images,"
        " with replacement.",
        "[2.5%, 97.5%] quantiles over resamples of galaxies",
        "Efron & Tibshirani 1993, An Introduction to the Bootstrap",
    ),
    Term(
        "threshold",
        _DOMAINS,
        "A galaxy is predicted as the second class if its probability is larger than this.",
        "p > t   ⇔   w·z + b > ln(t / (1 − t))",
    ),
    Term(
        "margin plane",
        _VIEWS,
        "Galaxies as the network's last layer sees them: x is the distance to the decision"
        " boundary, y how target-like a linear probe that may not use x finds them; the boundary is"
        " exactly a vertical line, and the axes mean the same in every run and epoch.",
        "x = (w·z + b) / (|w| σ),   w = w₂ − w₁, b = b₂ − b₁, σ: spread of the source within its"
        " classes",
        "daexplore.analysis.latents.margin_plane",
        "plane",
    ),
    Term(
        "PCA",
        _VIEWS,
        "Principal component analysis: the latents seen along the two directions in which the"
        " source varies most.",
        "(z − z̄)·v₁ and (z − z̄)·v₂,   v: eigenvectors of the covariance with the largest"
        " eigenvalues",
        "Pearson 1901, Phil. Mag. 2, 559",
        "pca",
    ),
    Term(
        "UMAP",
        _VIEWS,
        "A map of the latents that preserves neighbourhoods only: distances and gaps"
        " on it are not distances.",
        "",
        "McInnes, Healy & Melville 2018, arXiv:1802.03426",
        "umap",
    ),
    Term(
        "AlignedUMAP",
        _VIEWS,
        "UMAPs of several epochs or runs, each of its own latents, laid out together so that the"
        " same galaxy stays near its place; distances and gaps on it are no distances either.",
        "Σ UMAP losses + λ Σᵢ |place of i in one map − its place in the next|²",
        "McInnes, Healy & Melville 2018, arXiv:1802.03426; umap.AlignedUMAP",
        "aligned",
    ),
    Term(
        "witness",
        _VIEWS,
        "Where the domains differ: above 0 the source is denser around a galaxy, below 0 the"
        " target; its own images are left out.",
        "f(z) = mean k(z, source) − mean k(z, target)",
        "Gretton et al. 2012, JMLR 13, sec. 2.3",
        "witness",
    ),
    Term(
        "Grad-CAM",
        _GALAXY,
        "Where in the image the evidence for a class lies: the last convolution's maps, weighted by"
        " their effect on the class score.",
        "max(0, Σ_k α_k A_k),   α_k = mean of ∂(logit) / ∂A_k over the map",
        "Selvaraju et al. 2017, arXiv:1610.02391",
    ),
    Term(
        "IoU",
        _GALAXY,
        "Intersection over union: how far two maps point to the same places, of the fifth of their"
        " cells that are largest; chance alone gives about 0.11.",
        "|A ∩ B| / |A ∪ B|",
        "daexplore.analysis.saliency.maps",
    ),
    Term(
        "nearest in the latent",
        _GALAXY,
        "The galaxies with the closest latents, which this network regards as similar; if all are"
        " of one domain, the domains are separated.",
        "smallest |zᵢ − z|",
    ),
    Term(
        "margin",
        _GALAXY,
        "Distance of a galaxy from the decision boundary: far is confident, near is uncertain.",
        "w·z + b = ln(p / (1 − p))",
    ),
)
