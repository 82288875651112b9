"""When each method fails, in one or two sentences: what its formula cannot see, or what was measured."""

__all__ = ["FAILS"]

FAILS: dict[str, str] = {
    "noda": "On any target that does not look like the source: what a network learns from clean images alone need not survive noise, "
    "another point spread function or another redshift. Its source accuracy says nothing of that.",
    "mmd": "It matches the distributions as wholes and sees no class: mergers may come to lie on non-mergers, and on domains whose "
    "class shares differ it moves galaxies across the boundary to make the shares equal. From small batches the estimate is "
    "mostly noise.",
    "dann": "The game may not settle: an opponent that is too strong costs target accuracy before it costs source accuracy, one that "
    "is too weak finds nothing, and its loss at ln 2 does not tell the two apart. Like MMD it sees no class. Seeds that "
    "disagree on the target are the warning.",
    "cdan": "It meets classes through the network's own predictions: where these are wrong on the target, it aligns the wrong "
    "classes, and the entropy weights trust sure mistakes most. It inherits the unsteadiness of DANN.",
    "lmmd": "The target's classes are guesses of the network. If most of them are wrong at the end of the warm-up, each class is "
    "aligned with the wrong galaxies. Rare classes are missing from many batches, and are then left out.",
    "jan": "The joint distribution of the target is made of its predictions, not of its labels: predictions that are wrong but sure "
    "are matched as they are. Two kernels multiplied need larger batches than one.",
    "coral": "Second moments only: means may stay apart, and any difference in shape beyond the covariance is not seen. The loss grows "
    "with the fourth power of the latents' scale, so that one weight does not fit two networks.",
    "sinkhorn": "Transport moves every galaxy somewhere, whatever its class; with different class shares some have to cross the boundary. "
    "Between few points in many dimensions even two samples of one distribution lie far apart.",
    "fisher": "It looks at the source alone and aligns nothing. Alone it can make things worse, since classes that are tight in the "
    "source are fitted to what only the source has.",
    "entropy": "It makes a network sure, not right: on a target that it mostly gets wrong, wrong calls harden, and a constant prediction "
    "is a minimum of the loss.",
    "mcc": "It needs a network that is already mostly right on the target: confusion is lowered as well by calling all galaxies of a "
    "pair of classes the same. It aligns no distributions.",
    "pseudo": "What is wrong among the first labels is learned and confirms itself. The equal portions of each class assume that a "
    "batch holds all of them.",
    "openset": "Pushing entropies apart makes strangers of hard galaxies of known classes. At the package's default weight of 1 known "
    "classes are torn as well: where the target has no unknown class, use none of it, or the published weight of 0.05.",
    "adabn": "It removes a shift and a scale in each feature and nothing else, and needs target batches whose class shares are those "
    "of the source: else the statistics carry the difference in shares.",
    "oracle": "It is no method but the upper bound: it learns from labels that nobody has, and everything about it is marked oracle. "
    "Use it to see how much there was to gain.",
}
"""By the name that the command line gives a method."""
