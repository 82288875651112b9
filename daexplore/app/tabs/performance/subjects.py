"""Evaluated runs of the Performance tab and their labelled galaxies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.app.core.session import error_message
from daexplore.app.latents.embeddings import change_token
from daexplore.app.state import ExplorerState
from daexplore.domains import DOMAINS
from daexplore.runs import Evaluation, Run

__all__ = ["RESAMPLES", "EvaluatedRun", "mode", "predicted_class", "subjects", "unlabelled"]

RESAMPLES = 200
"""Of the group bootstrap behind the tab's bands and intervals."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run at one epoch.

    Attributes:
        run: whose outputs they are.
        name: the run's name on the page.
        evaluation: its outputs.
        key: changes whenever they do; results are kept under it.
    """

    run: Run
    name: str
    evaluation: Evaluation
    key: tuple[Any, ...]
    _masks: dict[tuple[str, str, bool], NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    def rows(self, domain: str, split: str, labelled: bool = True) -> NDArray[np.bool_]:
        """(n,) mask of a domain's galaxies in a split: those with a label, or all of them."""
        # Kept, since names are slow to compare and a slider asks at every step.
        key = (domain, split, labelled)
        if key not in self._masks:
            mask = self.evaluation.mask(domain, split)
            self._masks[key] = mask & (self.evaluation.labels >= 0) if labelled else mask
        return self._masks[key]


def subjects(state: ExplorerState) -> list[EvaluatedRun]:
    """Every run on screen; one that cannot be read is named in an alert and left out, the others
    stay.
    """
    found = []
    for run in state.runs:
        try:
            epoch = state.epoch_of(run)
            found.append(
                EvaluatedRun(run, state.label(run), run.evaluation(epoch), change_token(run, epoch))
            )
        except Exception as error:
            state.warn(f"{state.label(run)} is left out: {error_message(error)}")
    return found


def predicted_class(subject: EvaluatedRun, threshold: float) -> NDArray[np.int64]:
    """(n,) the class each galaxy is called: by the threshold for two classes, the most probable one
    for more.
    """
    if len(subject.run.classes) == 2:
        return (subject.evaluation.probabilities[:, 1] > threshold).astype(np.int64)
    return subject.evaluation.predicted


def mode(found: Sequence[EvaluatedRun], threshold: float) -> str:
    """By what rule galaxies are called, in words."""
    two = all(len(subject.run.classes) == 2 for subject in found)
    return f"threshold {threshold:.2f}" if two else "most probable class"


def unlabelled(
    found: Sequence[EvaluatedRun], split: str, threshold: float, pair: tuple[int, int] = (0, 1)
) -> list[str]:
    """For each domain that has galaxies and no label: a sentence that says so, and what share each
    run calls the pair's second class.

    That share needs no labels. It is the catalogue's merger fraction only as far as the calls are
    right.
    """
    sentences = []
    for domain in DOMAINS:
        known = [subject for subject in found if subject.rows(domain, split, labelled=False).any()]
        if not known or any(subject.rows(domain, split).any() for subject in known):
            continue
        shares = []
        for subject in known:
            mask = subject.rows(domain, split, labelled=False)
            shares.append(
                f"{subject.name}"
                f" {(predicted_class(subject, threshold)[mask] == pair[1]).mean():.1%} of"
                f" {mask.sum()}"
            )
        sentences.append(
            f"The {domain} {split} galaxies have no labels, so nothing that counts errors can be"
            " shown for them. Without labels only the share predicted as"
            f" {known[0].run.classes[pair[1]]} ({mode(known, threshold)}): {', '.join(shares)}."
        )
    return sentences
