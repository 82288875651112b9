"""Fisher loss: the source's classes should be tight and far apart in the latent."""

import torch
from torch import Tensor, nn

from daexplore.alignment.base import Alignment
from daexplore.domains import DomainOutputs
from daexplore.errors import InputError

__all__ = ["Fisher"]


class Fisher(Alignment):
    """Scatter of the source's latents about learned class centres against the centres' own, after
    DeepMerge II (arXiv:2103.01373).

    With centres ``c_k``: within ``S_w = mean |z - c_y|^2``, between ``S_b = mean over images of
    |c_y - mean c|^2``. The loss is ``S_w / S_b`` ("ratio") or ``S_w - S_b`` ("difference", which
    has no lower bound and needs a small weight). It aligns no domains by itself; it leaves room
    between the classes for a loss that does.

    Args:
        latent_dim: dimension of the latent.
        classes: number of classes.
        form: "ratio" or "difference".

    Raises:
        InputError: a form that there is not.
    """

    def __init__(self, latent_dim: int, classes: int, form: str = "ratio"):
        super().__init__()
        if form not in ("ratio", "difference"):
            raise InputError(f"The form of fisher is ratio or difference; got {form!r}.")
        self.form = form
        self.centres = nn.Parameter(torch.randn(classes, latent_dim))

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``fisher``."""
        assert source.labels is not None
        centres = self.centres[source.labels]
        within = ((source.latents - centres) ** 2).sum(dim=1).mean()
        between = ((centres - self.centres.mean(dim=0)) ** 2).sum(dim=1).mean()
        return {
            "fisher": (
                within - between if self.form == "difference" else within / between.clamp(min=1e-6)
            )
        }
