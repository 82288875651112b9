"""Adaptation methods: one file each, behind one protocol, listed in one dict."""

import importlib

from daexplore import methods
from daexplore.alignment.base import Alignment, ganin_schedule, linear_ramp
from daexplore.alignment.cdan import CDAN
from daexplore.alignment.coral import CORAL
from daexplore.alignment.dann import DANN
from daexplore.alignment.domain_classifier import reverse_gradient
from daexplore.alignment.entropy import Entropy
from daexplore.alignment.fisher import Fisher
from daexplore.alignment.jan import JAN
from daexplore.alignment.lmmd import LMMD
from daexplore.alignment.mcc import MCC
from daexplore.alignment.mmd import MMD
from daexplore.alignment.open_set import OpenSet
from daexplore.alignment.pseudo_labels import PseudoLabels
from daexplore.alignment.sinkhorn import Sinkhorn
from daexplore.config import AlignmentConfig
from daexplore.errors import InputError

__all__ = [
    "CDAN",
    "CORAL",
    "DANN",
    "JAN",
    "LMMD",
    "MCC",
    "METHODS",
    "MMD",
    "Alignment",
    "Entropy",
    "Fisher",
    "OpenSet",
    "PseudoLabels",
    "Sinkhorn",
    "build_alignment",
    "ganin_schedule",
    "linear_ramp",
    "reverse_gradient",
]


def build_alignment(config: AlignmentConfig, latent_dim: int, classes: int) -> Alignment:
    """The method that ``config`` names, from ``METHODS`` or as an outsider's
    ``package.module:Class``.

    Raises:
        InputError: unknown method or option.
    """
    kind = METHODS.get(config.name) or _imported(config.name)
    try:
        return kind(latent_dim, classes, **config.options)
    except TypeError as error:
        raise InputError(
            f"The method {config.name} cannot be built with the options {config.options}: {error}."
        ) from error


def _imported(name: str) -> type[Alignment]:
    module, _, attribute = name.partition(":")
    if not attribute:
        raise InputError(
            f"Unknown method {name!r}; there are noda, {', '.join(METHODS)}, and your own as"
            " package.module:Class."
        )
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"The method {name!r} cannot be imported: {error}.") from error
    if not (isinstance(kind, type) and issubclass(kind, Alignment)):
        raise InputError(f"The method {name!r} is not a subclass of daexplore.alignment.Alignment.")
    return kind


METHODS: dict[str, type[Alignment]] = {
    method.name: _imported(method.implementation)
    for method in methods.METHODS.values()
    if method.implementation
}
"""Classes by the name an ``AlignmentConfig`` gives, as ``daexplore.methods`` declares them."""
