"""Configuration of a run as frozen dataclasses."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from daexplore.config.conditions import MEASURED, ConditionsConfig

__all__ = [
    "AdaptationConfig",
    "AlignmentConfig",
    "DataConfig",
    "ModelConfig",
    "ReadConfig",
    "RunConfig",
    "TrainConfig",
    "TransferConfig",
]


@dataclass(frozen=True)
class ReadConfig:
    """How files are read where they do not say it themselves; what is declared here goes before
    what a file says.

    Attributes:
        name: short name of the set, with which its sample ids begin.
        label: column of the catalogue that holds the class; "none" says that there are no labels.
        id: column of the catalogue that names the images.
        group: column of the catalogue that names the physical galaxy.
        catalogue: path of the table, if it is not in the folder of the images.
        zeros_unmeasured: whether pixels that are exactly 0 count as unmeasured, as coadds write
            them where a survey has no data.
        table: name or number of the table, where the catalogue's file holds several.
        images: name of the array of images, in a file that holds several.
        resample: pixel scale to which all images are brought [arcsec / pixel], where each has its
            own; they are then cropped to ``size``.
        label_threshold: where the column of labels holds fractions, such as those of votes: from
            which on an image is of the class; of two numbers, images between them have no label.
        bands: names of the channels in their order; where each band has a file of its own, also
            which of them.
        pixel_scale: [arcsec / pixel].
        zero_points: AB magnitude that gives 1 unit of the pixels, in each band.
        psf_fwhm: full width at half maximum of the point spread function in each band [arcsec].
        size: side of the cut-outs made from survey tiles [pixel].
        max_bad_pixels: share of NaN, infinite or masked pixels up to which bad pixels are
            interpolated; with more of them it is bad.
    """

    name: str | None = None
    label: str | None = None
    group: str | None = None
    catalogue: str | None = None
    bands: tuple[str, ...] | None = None
    pixel_scale: float | None = None
    zero_points: tuple[float, ...] | None = None
    psf_fwhm: tuple[float, ...] | None = None
    size: int | None = None
    max_bad_pixels: float = 0.1
    id: str | None = None
    table: str | None = None
    zeros_unmeasured: bool = False
    images: str | None = None
    resample: float | None = None
    label_threshold: tuple[float, ...] | None = None


@dataclass(frozen=True)
class DataConfig:
    """Which galaxies, and how they become network input.

    Attributes:
        source: name of a simulator preset, one domain of it such as "nearby:target", or a path that
            ``read_galaxies`` understands; labelled.
        more_sources: further labelled sets, of the same kinds, that are joined to the source.
        target: as above; its labels, if it has any, are only ever used to report results marked
            "oracle".
        label: column of the catalogues that holds the class, where a reader would have to choose;
            ``source_read.label`` goes before it.
        source_read: how the source's files are read.
        target_read: how the target's files are read.
        simulated: images a domain that a preset simulates; None takes the preset's own number.
        simulation_seed: which galaxies a preset simulates.
        limit: at most so many training images a domain (whole groups are kept together); None takes
            all.
        fractions: train, validation and test shares, counted in groups.
        split_seed: which groups go where; the same in both domains.
        match_bands: channels of the two domains are matched by "name" (same names in any order; the
            source's order counts) or "position".
        bands: use only these bands, in this order; None uses all.
        units: "native" pixels as they come, or "nanojansky" [nJy] where both domains say what their
            pixels mean.
        background: "none", or subtract the "border" of each image, its sigma-clipped median there.
        pixel_scale: resample both domains to this scale [arcsec / pixel], flux conserved; None
            leaves the pixels alone.
        psf_fwhm: blur both domains to a point spread function of this width [arcsec]; None leaves
            it.
        stretch: "linear", "asinh" (Lupton et al. 2004, PASP 116, 133): ``asinh(x / (softening * s))
            `` with s the band's noise scale, or "percentile": clipped between two percentiles of
            the training pixels and brought to 0 to 1.
        softening: where asinh turns from linear to logarithmic, in units of that scale.
        stretch_scale: whose training split gives that noise scale, or those percentiles: each
            "domain" its own, or one domain's for both, so that both are stretched by one function
            of flux.
        percentiles: of the "percentile" stretch.
        normalise: whose training split gives the per-band mean and standard deviation: each
            "domain" its own, or the "source" for both; or each "image" is brought to background 0
            and peak 1 by itself.
        size: images are cropped, or zero-padded, about their centre to size x size [pixel]; None
            keeps the source's size.
    """

    source: str = "distant"
    target: str = "distant"
    label: str | None = None
    source_read: ReadConfig = field(default_factory=ReadConfig)
    target_read: ReadConfig = field(default_factory=ReadConfig)
    simulated: int | None = None
    simulation_seed: int = 0
    limit: int | None = None
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    split_seed: int = 0
    match_bands: Literal["name", "position"] = "name"
    bands: tuple[str, ...] | None = None
    units: Literal["native", "nanojansky"] = "native"
    background: Literal["none", "border"] = "none"
    pixel_scale: float | None = None
    psf_fwhm: float | None = None
    stretch: Literal["linear", "asinh", "percentile"] = "linear"
    softening: float = 4.0
    stretch_scale: Literal["domain", "source", "target"] = "domain"
    percentiles: tuple[float, float] = (0.1, 99.9)
    normalise: Literal["domain", "source", "image"] = "domain"
    size: int | None = None
    more_sources: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Every labelled set."""
        return (self.source, *self.more_sources)


@dataclass(frozen=True)
class ModelConfig:
    """A network by name, with the options of its constructor.

    Attributes:
        name: deepmerge, d4-deepmerge, resnet18, efficientnet-lite0, "timm:NAME", "zoobot:NAME", or
            one's own as "package.module:factory".
        options: of its constructor.
        weights: file with weights to start from: safetensors, or a state dict; None takes the
            published ones of a pretrained network, and random ones otherwise.
    """

    name: str = "deepmerge"
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True)
class AlignmentConfig:
    """One alignment loss: its name in ``daexplore.alignment`` (or ``package.module:Class``), its
    weight, its options.
    """

    name: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """How the network is trained. No field but ``supervision`` can refer to a target label.

    Attributes:
        epochs: passes over the larger domain's training split.
        batch_size: images a domain and step, over all processes together.
        learning_rate: the peak of the one-cycle schedule (Smith & Topin 2017, arXiv:1708.07120).
        weight_decay: of AdamW.
        augment: random rotations by 90 degrees and mirror images, the square's eight symmetries.
        conditions: random observing conditions under which each training image is seen; None leaves
            the images as they are.
        batch_norm: which images give batch norm its statistics: "mixed" (source and target in one
            batch), "source" (target passes in evaluation mode only), "adabn" (each domain its own),
            "separate" (and its own scale and shift) or "auto": source without alignments, mixed
            with them.
        class_balance: what is done about unequal classes in the source: "none", "weights" (the task
            loss weighs each class by the inverse of its share of the training split) or "batches"
            (each batch draws all classes equally often).
        supervision: whose labels teach. "target" is the oracle: it trains on labelled target
            images, to see how well that can be done at all, and everything about it is marked so.
        selection: which epoch represents a run, within the second half: see
            ``daexplore.engine.training.epoch_selection``.
        patience: stop after so many epochs without a better source-validation loss; None never
            stops early.
        evaluation_limit: at most so many validation and so many test images a domain are evaluated
            each epoch, always the same ones.
        saliency_limit: at most so many of the evaluated test images a domain get a stored Grad-CAM
            map.
        threads: CPU threads; None takes one, which keeps results exact and a busy machine usable.
        accelerator: Fabric's name for the hardware ("auto", "cpu", "cuda", "mps").
    """

    epochs: int = 16
    batch_size: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    augment: bool = True
    batch_norm: Literal["auto", "mixed", "source", "adabn", "separate"] = "auto"
    class_balance: Literal["none", "weights", "batches"] = "none"
    supervision: Literal["source", "target"] = "source"
    selection: Literal[
        "source_accuracy",
        "last",
        "entropy",
        "diversity",
        "information",
        "snd",
        "bnm",
        "dev",
        "mmd2",
        "domain_auc",
    ] = "source_accuracy"
    patience: int | None = None
    evaluation_limit: int = 1500
    saliency_limit: int = 750
    threads: int | None = None
    accelerator: str = "auto"
    conditions: ConditionsConfig | None = None


@dataclass(frozen=True)
class TransferConfig:
    """Which trained run a training starts from.

    Attributes:
        run: its folder.
        epoch: of whose weights; None takes the run's selected epoch.
        preprocessing: "run" treats the new images with the steps and statistics of that run, "fit"
            learns new ones.
        freeze: layers whose weights stay as they are: names, or beginnings of names, of the
            network's parts.
        rate: factor on the learning rate of the layers taken over that are not frozen.
        head: "keep" the run's last layer, or start a "new" one, as other classes need.
    """

    run: str
    epoch: int | None = None
    preprocessing: Literal["run", "fit"] = "run"
    freeze: tuple[str, ...] = ()
    rate: float = 1.0
    head: Literal["keep", "new"] = "keep"


@dataclass(frozen=True)
class AdaptationConfig:
    """How a finished run was adapted to a target without its source.

    Attributes:
        method: "adabn", "tent" or "shot".
        parent: method of the run that was adapted.
        epochs: passes over the target's training split.
        learning_rate: of what is trained.
        batch_size: images per step.
    """

    method: Literal["adabn", "tent", "shot"]
    parent: str
    epochs: int = 5
    learning_rate: float = 1e-3
    batch_size: int = 64


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run. ``alignments`` empty is noDA; ``transfer`` None starts from
    random weights; ``adaptation`` is for runs that were adapted after their training.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    alignments: tuple[AlignmentConfig, ...] = ()
    train: TrainConfig = field(default_factory=TrainConfig)
    transfer: TransferConfig | None = None
    seed: int = 0
    adaptation: AdaptationConfig | None = None

    @property
    def method(self) -> str:
        """The alignments' names joined by "+", after "adabn" where that is used; "noda" for
        neither, "oracle" for the oracle. Observing conditions follow: "conditions" where they are
        drawn, "measured" where they are those of the target.

        Where the target is one of the labelled sets, "oracle" comes first.
        """
        if self.adaptation is not None:
            return f"{self.adaptation.parent}+{self.adaptation.method}"
        names = [alignment.name.rpartition(":")[2].lower() for alignment in self.alignments]
        names = ["adabn"] * (self.train.batch_norm == "adabn") + names
        if self.train.supervision == "target":
            names = ["oracle"]
        elif self.uses_target_labels:
            names = ["oracle", *names]
        return "+".join([*(names or ["noda"]), *self._conditions])

    @property
    def _conditions(self) -> list[str]:
        conditions = self.train.conditions
        if conditions is None:
            return []
        drawn = dataclasses.replace(conditions, measured=False) != dataclasses.replace(
            MEASURED, measured=False
        )
        return ["conditions"] * drawn + ["measured"] * conditions.measured

    @property
    def uses_target_labels(self) -> bool:
        """Whether labels of the target teach: the oracle, or the target is a labelled set."""
        shared = self.data.target in self.data.sources and ":" in self.data.target
        return self.train.supervision == "target" or shared

    @property
    def batch_norm(self) -> str:
        """Which images give batch norm its statistics: "mixed", "source", "adabn" or "separate",
        with "auto" resolved.
        """
        if self.train.batch_norm == "auto":
            return "mixed" if self.alignments else "source"
        return self.train.batch_norm
