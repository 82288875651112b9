"""Former address of ``daexplore.domains``, which users' own methods may still import."""

from daexplore.domains import DomainBatch, DomainOutputs

__all__ = ["DomainBatch", "DomainOutputs"]
