"""Entry of the registry of methods: what one method is called, does and adds to the loss."""

from dataclasses import dataclass

__all__ = ["LossTerm", "MethodInfo"]


@dataclass(frozen=True)
class LossTerm:
    """What one method adds to the task loss.

    Attributes:
        box: what computes it, in a few words.
        reads: its input.
        pulls: what its gradient does to the encoder.
        terms: names of its losses in the history, after "loss/".
        learns: whether the box has weights of its own.
        reversed: whether the encoder receives the gradient with reversed sign.
        also_classifier: whether the gradient also reaches the classifier, through the logits.
    """

    box: str
    reads: str
    pulls: str
    terms: tuple[str, ...]
    learns: bool = False
    reversed: bool = False
    also_classifier: bool = False


@dataclass(frozen=True)
class MethodInfo:
    """One method.

    Attributes:
        name: on the command line and in run.json.
        label: on screen, in tables and in the glossary.
        summary: what it does, in one sentence.
        formula: in plain Unicode.
        reference: publication.
        fails: when it does not help.
        departs: how its defaults differ from the publication; empty if they do not.
        implementation: "module:Class" of the alignment; empty for what needs no alignment loss.
        loss: its part of the loss diagram; None without an alignment loss.
    """

    name: str
    label: str
    summary: str
    formula: str
    reference: str
    fails: str
    implementation: str = ""
    loss: LossTerm | None = None
    departs: str = ""
