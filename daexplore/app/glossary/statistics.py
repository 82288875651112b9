"""The numbers, as plain data for the glossary."""

from daexplore.app.glossary.terms import Term

__all__ = ["STATISTIC_CHAPTERS", "STATISTIC_TERMS"]

STATISTIC_CHAPTERS = ("Quality", "Probabilities and shares", "Distance of the domains")

_QUALITY, _SHARES, _DISTANCE = STATISTIC_CHAPTERS

STATISTIC_TERMS = (
    Term(
        "accuracy",
        _QUALITY,
        "The share of correct predictions; with unequal classes a constant prediction can score"
        " high.",
        "(TP + TN) / n",
        "",
        "accuracy",
    ),
    Term(
        "precision",
        _QUALITY,
        "Of the predicted mergers, the share that are mergers: the purity of a catalogue.",
        "TP / (TP + FP)",
        "",
        "precision",
    ),
    Term(
        "recall",
        _QUALITY,
        "Of the mergers, the share that are predicted as mergers: the completeness of a catalogue.",
        "TP / (TP + FN)",
        "",
        "recall",
    ),
    Term(
        "F1",
        _QUALITY,
        "The harmonic mean of precision and recall.",
        "2 TP / (2 TP + FP + FN)",
        "",
        "f1",
    ),
    Term(
        "AUC",
        _QUALITY,
        "The area under the ROC curve: the chance that a merger gets a higher probability than a"
        " non-merger, whatever the threshold; 0.5 is guessing.",
        "P(p of a merger > p of a non-merger) + ½ P(equal)",
        "Hanley & McNeil 1982, Radiology 143, 29",
        "auc",
    ),
    Term(
        "ROC",
        _QUALITY,
        "Receiver operating characteristic: for every threshold, the share of mergers found against"
        " the share of non-mergers taken for mergers.",
        "TPR = TP / (TP + FN)   against   FPR = FP / (FP + TN)",
    ),
    Term(
        "precision-recall curve",
        _QUALITY,
        "For every threshold, how pure a catalogue is against how complete it is; unlike the ROC"
        " curve it depends on the merger fraction.",
        "TP / (TP + FP)   against   TP / (TP + FN)",
    ),
    Term(
        "confusion matrix",
        _QUALITY,
        "Number of galaxies per true and predicted class: TP and TN on the diagonal are right,"
        " FP and FN are not.",
        "Cᵢⱼ = number of galaxies of class i predicted as j",
    ),
    Term(
        "flips",
        _QUALITY,
        "Galaxies that two networks predict differently: fixed if the second is right, broken if"
        " the first was.",
        "fixed: wrong → right,   broken: right → wrong",
        "daexplore.analysis.comparison.flips",
    ),
    Term(
        "slice",
        _QUALITY,
        "The galaxies for which a column of the catalogue is in a range, each evaluated separately:"
        " where a method helps, and where not.",
    ),
    Term(
        "risk-coverage curve",
        _QUALITY,
        "The share of errors among the most confident predictions, for every share that is kept.",
        "risk(c) = errors among the c·n most confident / (c·n)",
        "El-Yaniv & Wiener 2010, JMLR 11, 1605",
    ),
    Term(
        "AURC",
        _QUALITY,
        "The mean risk over all coverages; the excess is what is above an order that puts all"
        " errors last.",
        "mean of risk(c) over c",
        "Geifman & El-Yaniv 2017, arXiv:1705.08500",
        "aurc",
    ),
    Term(
        "calibration",
        _SHARES,
        "Whether probabilities equal frequencies: of the galaxies given 0.8, 80% should be of the"
        " class.",
    ),
    Term(
        "Brier score",
        _SHARES,
        "Mean squared error of the probability; lower is better, and a constant ½ has 0.25.",
        "1/n Σᵢ (pᵢ − yᵢ)²",
        "Brier 1950, Monthly Weather Review 78, 1",
        "brier",
    ),
    Term(
        "NLL",
        _SHARES,
        "Negative log-likelihood: mean negative log-probability of the true class; lower is better,"
        " and a constant ½ has ln 2.",
        "−1/n Σᵢ ln p(true class of i)",
        "",
        "nll",
    ),
    Term(
        "ECE",
        _SHARES,
        "Expected calibration error: how far the probabilities are from the frequencies they"
        " promise, less what noise adds to that.",
        "Σ_b |Σ_(i in b) (yᵢ − pᵢ)| / n   over bins b of equal mass, debiased",
        "Naeini et al. 2015, AAAI; Kumar et al. 2019, arXiv:1909.10155",
        "ece",
    ),
    Term(
        "reliability diagram",
        _SHARES,
        "Predicted probability against observed frequency; on the diagonal, of the galaxies given p"
        " a share p is of the class.",
        "",
        "DeGroot & Fienberg 1983, The Statistician 32, 12",
    ),
    Term(
        "temperature scaling",
        _SHARES,
        "One number T, fitted on source validation, that makes all probabilities less (T > 1) or"
        " more (T < 1) confident and changes no prediction.",
        "p = softmax(logits / T)",
        "Guo et al. 2017, arXiv:1706.04599",
    ),
    Term(
        "BBSE",
        _SHARES,
        "Black-box shift estimation: the class shares of the target that, with the network's"
        " confusions on the source, give its predictions there; needs no target label.",
        "C q = μ,   C_ij = P(predicted i | class j),   μ_i = share predicted i on the target",
        "Lipton, Wang & Smola 2018, arXiv:1802.03916",
    ),
    Term(
        "MMD²",
        _DISTANCE,
        "Maximum mean discrepancy, squared: how far two samples of latents are from one"
        " distribution; 0 in the mean if they are of one, and the unbiased estimate may then fall"
        " below 0.",
        "mean_(i≠j) k(xᵢ, xⱼ) + mean_(i≠j) k(yᵢ, yⱼ) − 2 mean k(xᵢ, yⱼ),   k = mean of exp(−|a −"
        " b|² / 2σ²)",
        "Gretton et al. 2012, JMLR 13, eq. 3",
        "mmd2",
    ),
    Term(
        "null band",
        _DISTANCE,
        "Range of the value if the domains were assigned at random: 95% of relabellings of"
        " galaxies.",
        "p = share of relabellings with a value at least as large",
        "daexplore.analysis.distance.mmd_test",
    ),
    Term(
        "class-conditional MMD²",
        _DISTANCE,
        "The MMD² per class: the domains can match as a whole while mergers are matched with"
        " non-mergers.",
        "MMD²(source of class k, target of class k)",
        "Gretton et al. 2012, JMLR 13, eq. 3",
        "class_mmd2",
    ),
    Term(
        "domain probe AUC",
        _DISTANCE,
        "How well a linear function of the latent separates target from source on galaxies it was"
        " not fitted on: 0.5 not at all, 1 always.",
        "AUC of v·z,   v ∝ (S + a I)⁻¹ (mean of the target − mean of the source)",
        "Fisher's discriminant with a ridge: Friedman 1989, JASA 84, 165",
        "probe_auc",
    ),
    Term(
        "proxy A-distance",
        _DISTANCE,
        "The domain probe's error as a distance: 0 if the domains cannot be separated, 2 if a plane"
        " separates them.",
        "2 (1 − 2 error)",
        "Ben-David et al. 2007, NeurIPS 19",
        "a_distance",
    ),
    Term(
        "Sinkhorn distance",
        _DISTANCE,
        "How far, on average, one domain's latents would have to be moved to become the other's,"
        " blurred a little.",
        "√(2 S),   S: debiased entropic optimal transport at the cost |x − y|² / 2",
        "Feydy et al. 2019, arXiv:1810.08278",
    ),
    Term(
        "negative transfer",
        _DISTANCE,
        "Adaptation that brings the domains together and makes the target's predictions worse.",
        "",
        "Wang et al. 2019, arXiv:1811.09751",
    ),
)
