"""Adaptation methods: label, summary, formula, reference, losses and implementation of each.

One entry declares a method for the whole package: the command line, the form, the loss diagram,
the glossary, the table in README.md and the documentation read it. Importing this module does not
import torch.
"""

from daexplore.method_info import LossTerm, MethodInfo
from daexplore.source_free import SOURCE_FREE

__all__ = [
    "ADAPTATIONS",
    "ALIGNMENTS",
    "METHODS",
    "WITHOUT_LOSS",
    "LossTerm",
    "MethodInfo",
    "method_label",
    "methods_table",
]


_LATENTS = "latents of both domains"
_BOTH = "latents and predictions of both domains"
_OUTPUTS = "predictions"

_ALL = (
    MethodInfo(
        name="noda",
        label="noDA",
        summary="No domain adaptation: trained on source labels alone; the baseline.",
        formula="task",
        reference="Ćiprijanović et al. 2021, arXiv:2103.01373: its networks without adaptation",
        fails=(
            "It fails on targets that do not look like the source. Features learned from clean "
            "images need not survive noise, another point spread function or another redshift. Its "
            "source accuracy does not show this."
        ),
    ),
    MethodInfo(
        name="mmd",
        label="MMD",
        summary="Aligns source and target latents by the MMD² between their batches.",
        formula="task + λ MMD²(z source, z target)",
        reference="Long et al. 2015, arXiv:1502.02791",
        fails=(
            "It matches whole distributions and ignores classes: mergers may be matched with"
            " non-mergers. Where the class shares of the domains differ, it moves galaxies across"
            " the boundary to make the shares equal. From small batches the estimate is mostly"
            " noise."
        ),
        departs=(
            "DeepMerge II aligns the 2592 features of the last convolution with 19 fixed "
            "bandwidths; here the latent before the classifier is aligned, with multiples of "
            "the median distance. The estimate is the unbiased one."
        ),
        implementation="daexplore.alignment.mmd:MMD",
        loss=LossTerm(
            "kernel distance", _LATENTS, "so that the two distributions of latents agree", ("mmd",)
        ),
    ),
    MethodInfo(
        name="dann",
        label="DANN",
        summary=(
            "Adversarial: a domain classifier learns to separate the domains, and the encoder "
            "learns to prevent it."
        ),
        formula="∂/∂encoder (task − λ(t) · loss of the domain classifier)",
        reference="Ganin et al. 2016, JMLR 17, 1",
        fails=(
            "The adversarial training may not converge. A domain classifier that is too strong"
            " lowers target accuracy before source accuracy; one that is too weak finds nothing."
            " Its loss at ln 2 does not distinguish the two. Like MMD it ignores classes. Seeds"
            " that disagree on the target are the warning sign."
        ),
        departs=(
            "The gradient is reversed with strength 0.1 at the end; published is 1. The "
            "latent before the classifier is aligned, while DeepMerge II aligns the features "
            "of the last convolution by a classifier of two layers of 1024 units."
        ),
        implementation="daexplore.alignment.dann:DANN",
        loss=LossTerm(
            "domain classifier",
            _LATENTS,
            "so that the domain classifier cannot separate the domains",
            ("domain",),
            learns=True,
            reversed=True,
        ),
    ),
    MethodInfo(
        name="coral",
        label="CORAL",
        summary="Matches the covariances of both domains' latents; the means are not aligned.",
        formula="|C source − C target|² / (4 d²)",
        reference="Sun & Saenko 2016, arXiv:1607.01719",
        fails=(
            "It uses second moments only: means may stay apart, and differences of shape beyond "
            "the covariance are ignored. The loss grows with the fourth power of the scale of the "
            "latents, so one weight does not suit two networks."
        ),
        implementation="daexplore.alignment.coral:CORAL",
        loss=LossTerm(
            "covariances", _LATENTS, "so that both domains have the same covariance", ("coral",)
        ),
    ),
    MethodInfo(
        name="lmmd",
        label="LMMD",
        summary="Local MMD: aligns each source class with the target galaxies predicted as it.",
        formula="mean over classes k of MMD² weighted by (label = k) and p(k)",
        reference="Zhu et al. 2020, arXiv:2106.06633",
        fails=(
            "Target classes are predictions. If most are wrong after the warm-up, each class is"
            " aligned with the wrong galaxies. Rare classes are missing from many batches and are"
            " then omitted."
        ),
        departs=(
            "The loss starts after 15% of the training; published is a ramp from the first epoch."
        ),
        implementation="daexplore.alignment.lmmd:LMMD",
        loss=LossTerm(
            "kernel distance per class",
            _BOTH,
            "so that each target class moves to the same class of the source",
            ("lmmd",),
        ),
    ),
    MethodInfo(
        name="jan",
        label="JAN",
        summary="Joint MMD: aligns latents and predictions together.",
        formula="MMD² with the kernel k(z, z′) · k(p, p′)",
        reference="Long et al. 2017, arXiv:1605.06636",
        fails=(
            "The joint distribution of the target uses predictions, not labels: confident wrong"
            " predictions are matched as they are. A product of two kernels needs larger batches"
            " than one kernel."
        ),
        departs=(
            "The estimate is the quadratic unbiased one; the published program uses one that "
            "is linear in the batch. The bandwidths of the latents are multiples of the "
            "median distance."
        ),
        implementation="daexplore.alignment.jan:JAN",
        loss=LossTerm(
            "joint kernel distance",
            _BOTH,
            "so that latents and predictions agree jointly",
            ("jmmd",),
            also_classifier=True,
        ),
    ),
    MethodInfo(
        name="cdan",
        label="CDAN",
        summary=(
            "Like DANN, but the domain classifier receives latents and predictions together; "
            "confident predictions weigh more (+E)."
        ),
        formula="domain classifier of z ⊗ p,   weight 1 + exp(−entropy of p)",
        reference="Long et al. 2018, arXiv:1705.10667",
        fails=(
            "It aligns classes through the network's own predictions. Where these are wrong on the"
            " target it aligns the wrong classes, and the entropy weights favour confident errors."
            " It shares the instability of DANN."
        ),
        departs=("The gradient is reversed with strength 0.1 at the end; published is 1."),
        implementation="daexplore.alignment.cdan:CDAN",
        loss=LossTerm(
            "domain classifier",
            _BOTH,
            "so that the domain classifier cannot separate the domains within a class",
            ("domain",),
            learns=True,
            reversed=True,
        ),
    ),
    MethodInfo(
        name="mcc",
        label="MCC",
        summary=(
            "Minimum class confusion: reduces confusion between classes in target "
            "predictions; it aligns no distributions."
        ),
        formula="share of the class correlation Pᵀ W P off its diagonal",
        reference="Jin et al. 2020, arXiv:1912.03699",
        fails=(
            "It needs a network that is already mostly right on the target. Confusion also falls"
            " when all galaxies of two classes are predicted as one. It aligns no distributions."
        ),
        implementation="daexplore.alignment.mcc:MCC",
        loss=LossTerm(
            "class confusion",
            _OUTPUTS,
            "so that target predictions do not confuse two classes",
            ("confusion",),
            also_classifier=True,
        ),
    ),
    MethodInfo(
        name="sinkhorn",
        label="Sinkhorn",
        summary="Aligns the domains by optimal transport, with learned loss weights (SIDDA).",
        formula="task / 2a² + S / 2b² + ln(a b)",
        reference="Pandya et al. 2025, arXiv:2501.14048",
        fails=(
            "Transport moves every galaxy, whatever its class; with different class shares some "
            "must cross the boundary. For few points in many dimensions even two samples of one "
            "distribution are far apart."
        ),
        departs=(
            "The loss weights are learned as published, but the network sees the loss times a "
            "factor that keeps the weight of the task."
        ),
        implementation="daexplore.alignment.sinkhorn:Sinkhorn",
        loss=LossTerm(
            "optimal transport",
            _LATENTS,
            "so that less has to be moved to turn one domain into the other",
            ("sinkhorn",),
        ),
    ),
    MethodInfo(
        name="fisher",
        label="Fisher",
        summary="Makes source classes compact and well separated, which leaves room to align.",
        formula="within-class scatter / between-class scatter",
        reference="Ćiprijanović et al. 2021, arXiv:2103.01373",
        fails=(
            "It uses the source alone and aligns nothing. Alone it can do harm: classes that "
            "are compact in the source may rely on features that only the source has."
        ),
        implementation="daexplore.alignment.fisher:Fisher",
        loss=LossTerm(
            "class scatter",
            "source latents and labels",
            "so that source classes are compact and separated",
            ("fisher",),
        ),
    ),
    MethodInfo(
        name="entropy",
        label="entropy",
        summary="Makes predictions confident, so that the boundary avoids dense regions.",
        formula="−1/n Σᵢ Σ_k p_k ln p_k",
        reference="Grandvalet & Bengio 2004, NeurIPS 17",
        fails=(
            "It makes a network confident, not right. On a target that is mostly misclassified, "
            "wrong predictions become confident; a constant prediction is a minimum of the loss."
        ),
        implementation="daexplore.alignment.entropy:Entropy",
        loss=LossTerm(
            "entropy",
            _OUTPUTS,
            "so that predictions are confident",
            ("entropy",),
            also_classifier=True,
        ),
    ),
    MethodInfo(
        name="pseudo",
        label="pseudo-labels",
        summary=(
            "Self-training: the most confident target predictions of each class serve as labels."
        ),
        formula="task + λ · mean of −ln p(k̂) over the most confident of each class k̂",
        reference="Zou et al. 2018, arXiv:1810.07911",
        fails=(
            "Errors among the first pseudo-labels are learned and reinforce themselves. Equal "
            "portions per class assume that each batch contains all classes."
        ),
        departs=(
            "Predictions of the current batch are taken; published is a choice over all "
            "target images between rounds of training."
        ),
        implementation="daexplore.alignment.pseudo_labels:PseudoLabels",
        loss=LossTerm(
            "pseudo-labels",
            _OUTPUTS,
            "towards its own most confident target predictions",
            ("pseudo",),
            also_classifier=True,
        ),
    ),
    MethodInfo(
        name="openset",
        label="open set",
        summary=(
            "Attracts target galaxies to known classes or to each other, so that unknown "
            "classes can stay apart."
        ),
        formula=(
            "task + λ (mean entropy of the similarity to neighbours − mean |H(p)/ln K − ½| "
            "above the margin)"
        ),
        reference="Saito et al. 2020, arXiv:2002.07953; Ćiprijanović et al. 2023, arXiv:2302.02005",
        fails=(
            "Separating entropies turns difficult galaxies of known classes into unknowns. At the"
            " package's default weight of 1 known classes are split too. Where the target has no"
            " unknown class, do not use it, or use the published weight of 0.05."
        ),
        departs=(
            "Recent galaxies are kept in a queue; published is one place for each. The margin "
            "is 0.1 of ln K; published is 0.5 in nats. The weight is 1; published is 0.05."
        ),
        implementation="daexplore.alignment.open_set:OpenSet",
        loss=LossTerm(
            "neighbours",
            _BOTH,
            "so that target galaxies join a class or stay clearly apart",
            ("neighbours", "separation"),
            also_classifier=True,
        ),
    ),
    MethodInfo(
        name="adabn",
        label="AdaBN",
        summary="Each domain uses its own batch-norm statistics; the control for every method.",
        formula="(x − mean of the domain) / deviation of the domain",
        reference="Li et al. 2018, Pattern Recognition 80, 109",
        fails=(
            "It removes a shift and a scale per feature and nothing else. It needs target "
            "batches with the class shares of the source: otherwise the statistics contain the "
            "difference of the shares."
        ),
        departs=(
            "Statistics are running averages of training; published are those of the whole "
            "target, computed once after it."
        ),
    ),
    MethodInfo(
        name="conditions",
        label="conditions",
        summary=(
            "Random observing conditions: each training image is seen through a drawn PSF, noise,"
            " scale, sky, colour and stretch; it aligns nothing."
        ),
        formula="task over images x′ = conditions(x), drawn again in each epoch",
        reference=(
            "Domain randomisation: Tobin et al. 2017, arXiv:1703.06907; on galaxies Ćiprijanović"
            " et al. 2022, MLST 3, 035007"
        ),
        fails=(
            "It only prepares for what it draws. A difference between the domains that no part"
            " covers, such as another population of galaxies, remains. Ranges that are too wide"
            " hide faint features that separate the classes."
        ),
    ),
    MethodInfo(
        name="measured",
        label="measured conditions",
        summary=(
            "Adds the noise and PSF measured on the unlabelled target images to each training"
            " image; it aligns nothing."
        ),
        formula="task over images x′ = PSF target ∗ x + noise of the target",
        reference="Ćiprijanović et al. 2021, arXiv:2103.01373: its source images with noise",
        fails=(
            "It only covers noise and PSF. It needs borders of the images that show empty sky, and"
            " for the PSF widths that both domains declare."
        ),
    ),
    MethodInfo(
        name="oracle",
        label="oracle",
        summary="Trained on target labels as well: the upper bound, marked oracle.",
        formula="mean of −ln p(label) over labelled target images",
        reference="Ganin et al. 2016, JMLR 17, 1: “train on target”",
        fails=(
            "It is not a method but the upper bound: it uses labels that are not available in "
            "practice, and everything about it is marked oracle. Use it to see how much could be "
            "gained."
        ),
    ),
)

METHODS: dict[str, MethodInfo] = {method.name: method for method in _ALL}
"""By name, in the order of tables and forms."""

ALIGNMENTS = tuple(method.name for method in _ALL if method.name not in ("noda", "oracle"))
"""Names of what can be combined in one run: every alignment loss, ``adabn`` and ``conditions``."""

WITHOUT_LOSS = ("noda", "oracle", "adabn", "conditions", "measured")
"""Names that add no loss to a training."""


ADAPTATIONS: dict[str, MethodInfo] = {"adabn": METHODS["adabn"]} | {
    method.name: method for method in SOURCE_FREE
}
"""Ways of adapting a finished run without its source."""


def method_label(method: str) -> str:
    """Return the label of a method or of a combination of methods.

    >>> method_label("mmd+fisher")
    'MMD+Fisher'
    """
    found = ADAPTATIONS | METHODS
    labels = (
        found[name].label if name in found else name.capitalize() for name in method.split("+")
    )
    return "+".join(labels)


def methods_table(references: bool = True) -> str:
    """Return the methods as a table in Markdown: name, what it does, and the reference."""
    heads = ["`--method`", "what it does", *(["reference"] if references else [])]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for method in _ALL:
        cells = [f"`{method.name}`", method.summary, method.reference][: len(heads)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
