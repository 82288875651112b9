"""Model of the What-if tab: probabilities, margin-plane trajectories and maps per level."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.latents.margin_plane import MarginPlane, margin_plane, project_new
from daexplore.app.core.cache import LRUCache
from daexplore.app.dial_setting import Dial
from daexplore.app.latents.embeddings import change_token
from daexplore.app.latents.view import LatentView, scene
from daexplore.app.results.opening_galaxy import opening_galaxy
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.whatif.requests import WhatIfRequests
from daexplore.engine.whatif.messages import LevelPlan, Query, Response

__all__ = ["BACKGROUND", "CENTRAL", "SelectedGalaxy", "WhatIfModel", "WhatIfQuery"]

CENTRAL = (0.16, 0.84)
"""Quantiles of the draws between which a band is."""

BACKGROUND = 1500
"""Galaxies of a plane that are drawn behind a walk at most."""

_planes: LRUCache[MarginPlane] = LRUCache(64)


@dataclass(frozen=True)
class SelectedGalaxy:
    """The galaxy that is looked at.

    Attributes:
        sample_id: its id.
        domain: "source" or "target".
        split: "validation" or "test".
        reason: how it was chosen, if the user did not choose it.
    """

    sample_id: str
    domain: str
    split: str
    reason: str


@dataclass(frozen=True, eq=False)
class WhatIfQuery:
    """A run that is asked about the galaxy.

    Attributes:
        scene: the run on screen.
        row: of the galaxy in its evaluation.
        question: what it is asked.
    """

    scene: LatentView
    row: int
    question: Query


class WhatIfModel:
    """What is asked of the runs on screen, and what has arrived.

    Args:
        state: galaxy, runs, epoch, pair, threshold; and the dial, which is taken over.
        asker: puts the questions.

    Attributes:
        dial: which one is turned.
        seed: of the noise.
        draws: of the noise.
        notes: why runs are left out, in sentences.
    """

    def __init__(self, state: ExplorerState, asker: WhatIfRequests) -> None:
        self._state, self._asker = state, asker
        self.dial, self.seed, self.draws = state.dial.name, state.dial.seed, state.dial.draws
        self._level: float | None = state.dial.level
        self.notes: list[str] = []
        self.chosen: SelectedGalaxy | None = None
        self.subjects: list[WhatIfQuery] = []

    def follow_state(self) -> None:
        """Take over what the state shows, and asks for what is missing."""
        scenes = [scene(self._state, run) for run in self._state.runs]
        self.chosen = self._choose(scenes)
        self.subjects, self.notes = [], []
        for shown in scenes:
            row = None if self.chosen is None else shown.row_of(self.chosen.sample_id)
            if self.chosen is None or row is None:
                self.notes.append(f"{shown.label} has not evaluated this galaxy and is left out.")
                continue
            path, epoch = str(shown.run.path), shown.evaluation.epoch
            asked = Query(
                path,
                epoch,
                self.chosen.sample_id,
                self.chosen.domain,
                self.dial,
                self.seed,
                self.draws,
            )
            self.subjects.append(WhatIfQuery(shown, row, asked))
        self._asker.want([(subject.scene.run, subject.question) for subject in self.subjects])

    def _choose(self, scenes: list[LatentView]) -> SelectedGalaxy | None:
        wanted, reason = self._state.galaxy, self._state.galaxy_reason
        if wanted is None:
            telling = opening_galaxy(self._state, scenes)
            wanted, reason = (telling.sample_id, telling.galaxy_reason) if telling else (None, "")
        if wanted is None and scenes:
            first = scenes[0].evaluation
            rows = np.flatnonzero(first.mask("target", self._state.split))
            rows = rows if len(rows) else np.arange(min(1, len(first)))
            if len(rows):
                wanted, reason = (
                    str(first.sample_ids[rows[0]]),
                    f"the first target galaxy of the {self._state.split} split",
                )
        for shown in scenes:
            row = shown.row_of(wanted)
            if row is not None:
                return SelectedGalaxy(
                    str(wanted),
                    str(shown.evaluation.domain[row]),
                    str(shown.evaluation.split[row]),
                    reason,
                )
        return None

    @property
    def plan(self) -> LevelPlan | None:
        """Where the dial can be turned to, as the first run's data have it."""
        return next((plan for plan in map(self._plan, self.subjects) if plan is not None), None)

    @property
    def answered(self) -> list[WhatIfQuery]:
        """The runs that see the same galaxy at the same positions as the first one, and were not
        refused.
        """
        return [
            one
            for one in self.subjects
            if self._plan(one) is not None and not self._failed(one) and self._alike(one)
        ]

    @property
    def ready(self) -> bool:
        """Whether all positions of all runs are there."""
        return self._asker.complete and bool(self.answered)

    @property
    def progress(self) -> tuple[int, int]:
        """Positions worked out, and wanted."""
        return self._asker.progress

    @property
    def position(self) -> int:
        """Number of the position that is looked at: the one nearest to what was asked for, else
        where the survey recorded.
        """
        plan, level = self.plan, self._level
        if plan is None:
            return 0
        if level is None:
            return next(number for number, stop in enumerate(plan.stops) if stop.original)
        return min(range(len(plan.stops)), key=lambda number: abs(plan.stops[number].level - level))

    def set_dial(self, dial: str, seed: int, draws: int) -> None:
        """Take another dial, or other noise, and begins where the survey recorded."""
        self.dial, self.seed, self.draws, self._level = dial, seed, draws, None
        self._remember()

    def set_level(self, number: int) -> None:
        """Turn the dial to a position."""
        plan = self.plan
        if plan is not None:
            stop = plan.stops[min(max(number, 0), len(plan.stops) - 1)]
            self._level = None if stop.original else stop.level
            self._remember()

    def _remember(self) -> None:
        self._state.show(dial=Dial(self.dial, self._level, self.seed, self.draws))

    @property
    def refusals(self) -> list[str]:
        """Why runs have no answer, in sentences; what several say is said once."""
        found: dict[str, list[str]] = {}
        for subject in self.subjects:
            failed = self._failed(subject)
            if failed:
                found.setdefault(failed, []).append(subject.scene.label)
            elif self._plan(subject) is not None and not self._alike(subject):
                found.setdefault(
                    "made from other images than the first run; compare it alone.", []
                ).append(subject.scene.label)
        return [*self.notes, *(f"{', '.join(names)}: {words}" for words, names in found.items())]

    def answers(self, number: int) -> dict[str, Response]:
        """Label of each run -> what it says at a position, as far as it is there."""
        found = {
            one.scene.label: self._asker.answer(one.scene.run, one.question, number)
            for one in self.answered
        }
        return {label: each for label, each in found.items() if each is not None}

    def everything(self) -> list[Response]:
        """All answers there are, of all runs and positions."""
        plan = self.plan
        return (
            []
            if plan is None
            else [
                each for number in range(len(plan.stops)) for each in self.answers(number).values()
            ]
        )

    def curves(self) -> pd.DataFrame:
        """One row a run and position that is there.

        Returns:
            Columns run, domain, number, level, original, how, probability (of the pair's second
            class: median over the draws), low and high (quantiles ``CENTRAL``), first (of the first
            draw), draws.
        """
        rows = [
            self._about(one, number, found) | _band(self.probabilities(one, found))
            for one, number, found in self._found()
        ]
        return pd.DataFrame(rows, columns=[*_ABOUT, "probability", "low", "high", "first", "draws"])

    def trajectories(self) -> pd.DataFrame:
        """One row a run and position that is there: where the galaxy is in the run's margin
        plane, the mean over the draws.

        Returns:
            Columns run, domain, number, level, original, how, x, y, draws.
        """
        rows = []
        for one, number, found in self._found():
            x, y = self.positions(one, found)
            rows.append(
                self._about(one, number, found)
                | {
                    "x": float(x.mean()),
                    "y": float(y.mean()),
                    "draws": len(x),
                }
            )
        return pd.DataFrame(rows, columns=[*_ABOUT, "x", "y", "draws"])

    def probabilities(self, subject: WhatIfQuery, answer: Response) -> NDArray[np.float64]:
        """(draws,) of the pair's second class against its first."""
        first, second = subject.scene.pair
        margin = answer.logits[:, second].astype(np.float64) - answer.logits[:, first]
        return np.asarray(1 / (1 + np.exp(-np.clip(margin, -500, 500))))

    def positions(
        self, subject: WhatIfQuery, answer: Response
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and y (draws,) in the run's margin plane, whose axes stay those of its evaluation."""
        return project_new(
            self.plane(subject), answer.latents, answer.logits, subject.row, subject.scene.pair
        )

    def plane(self, subject: WhatIfQuery) -> MarginPlane:
        """The run's margin plane at the epoch on screen."""
        run, found, pair = subject.scene.run, subject.scene.evaluation, subject.scene.pair
        key = (*change_token(run, found.epoch), pair)
        args: tuple[Any, ...] = (
            found.latents,
            found.labels,
            found.domain,
            found.split,
            *run.head(found.epoch),
            pair,
        )
        return _planes.get(
            key, lambda: margin_plane(*args, groups=found.group_ids, logits=found.logits)
        )

    def background(self, subject: WhatIfQuery) -> tuple[pd.DataFrame, int]:
        """Other galaxies of the split in the run's plane, columns x, y, domain, at most
        ``BACKGROUND`` of them; and how many there are.
        """
        shown, plane = subject.scene, self.plane(subject)
        rows = np.flatnonzero(shown.evaluation.mask(None, self._state.split))
        order = np.argsort(pd.util.hash_array(shown.evaluation.sample_ids[rows]), kind="stable")
        kept = rows[order[:BACKGROUND]]
        return pd.DataFrame(
            {"x": plane.x[kept], "y": plane.y[kept], "domain": shown.evaluation.domain[kept]}
        ), len(rows)

    def _found(self) -> list[tuple[WhatIfQuery, int, Response]]:
        plan = self.plan
        numbers = range(0 if plan is None else len(plan.stops))
        found = [
            (one, number, self._asker.answer(one.scene.run, one.question, number))
            for one in self.answered
            for number in numbers
        ]
        return [(one, number, each) for one, number, each in found if each is not None]

    def _about(self, subject: WhatIfQuery, number: int, _: Response) -> dict[str, Any]:
        plan = self._plan(subject)
        assert plan is not None
        stop = plan.stops[number]
        values = (
            subject.scene.label,
            subject.question.domain,
            number,
            stop.level,
            stop.original,
            stop.how,
        )
        return dict(zip(_ABOUT, values, strict=True))

    def _plan(self, subject: WhatIfQuery) -> LevelPlan | None:
        return self._asker.plan(subject.scene.run, subject.question)

    def _alike(self, subject: WhatIfQuery) -> bool:
        """Whether a run has the first one's positions and, as far as is known yet, its image of the
        galaxy.
        """
        first = next(one for one in self.subjects if self._plan(one) is not None)
        plan, other = self._plan(first), self._plan(subject)
        if plan is None or plan != other:
            return False
        own = next(number for number, stop in enumerate(plan.stops) if stop.original)
        images = [self._asker.answer(one.scene.run, one.question, own) for one in (first, subject)]
        return (
            images[0] is None
            or images[1] is None
            or bool(np.array_equal(images[0].image, images[1].image))
        )

    def _failed(self, subject: WhatIfQuery) -> str:
        return self._asker.failures.get(subject.question, "")


_ABOUT = ("run", "domain", "number", "level", "original", "how")


def _band(probabilities: NDArray[np.float64]) -> dict[str, Any]:
    low, high = np.quantile(probabilities, CENTRAL)
    middle = float(np.median(probabilities))
    return {
        "probability": middle,
        "low": float(low),
        "high": float(high),
        "first": float(probabilities[0]),
        "draws": len(probabilities),
    }
