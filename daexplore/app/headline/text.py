"""Headline: the comparison of the selected runs in one sentence."""

import numpy as np

from daexplore.app.glossary.markup import term
from daexplore.app.latents.embeddings import margin_plane
from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import predicted_class, scores
from daexplore.app.state import ExplorerState

__all__ = ["headline"]


def headline(
    state: ExplorerState, scenes: list[LatentView], noise: tuple[float, int] | None = None
) -> str:
    """The comparison in one sentence, as markup: the first run against each of the others, on
    target galaxies.

    Args:
        state: threshold and split.
        scenes: of the runs on screen.
        noise: how many galaxies change prediction between two seeds of one method, and over how
            many pairs of seeds that is a mean.
    """
    if not scenes:
        return ""
    target = {score.run: score for score in scores(state, scenes) if score.domain == "target"}
    first = scenes[0]
    mask = first.evaluation.mask("target", state.split)
    n, galaxies = int(mask.sum()), len(set(first.evaluation.group_ids[mask]))
    parts = []
    labelled = [score for score in target.values() if score.metrics]
    if labelled:
        values = [
            _percent(target[scene.label].metrics.get("accuracy"), interval=i > 0)
            for i, scene in enumerate(scenes)
        ]
        parts.append(f"{term('accuracy')} " + _arrow(scenes, values))
    else:
        parts.append("accuracy unknown, since the target has no labels")
    aucs = [
        margin_plane(scene.run, scene.evaluation.epoch, scene.pair).probe_auc for scene in scenes
    ]
    parts.append(
        f"{term('domain probe AUC')} "
        + _arrow(scenes, [f"<b>{auc:.2f}</b>" if np.isfinite(auc) else "–" for auc in aucs])
    )
    if labelled and len(scenes) > 1:
        flips = []
        for scene in scenes[1:]:
            fixed, broken = _flips(first, scene, state)
            flips.append(f"{_name(scene, scenes)} <b>{fixed}</b> fixed, <b>{broken}</b> broken")
        parts.append("; ".join(flips) + _noise(noise))
    held = "held-out" if state.split == "test" else "validation"
    oracle = ", oracle" if labelled else ""
    each = ", one network each" if len(scenes) > 1 else ""
    count = (
        str(n)
        if not labelled or labelled[0].n == n
        else f"the {labelled[0].n} labelled ones of {n}"
    )
    what = (
        f"{held} target galaxies"
        if galaxies == n
        else f"images of {galaxies} {held} target galaxies"
    )
    about = f"<small>({state.split} split{oracle}{each})</small>"
    return f"On {count} {what} {about} {'; '.join(parts)}."


def _noise(noise: tuple[float, int] | None) -> str:
    if noise is None:
        return ""
    pairs = "one pair" if noise[1] == 1 else f"{noise[1]} pairs"
    title = (
        f"Predictions that change between two seeds of one method, on average over {pairs} of"
        " finished runs on these galaxies"
    )
    return (
        " <small"
        f" title='{title}'>({term('seed noise', f'seed-to-seed changes: {noise[0]:.0f}')})</small>"
    )


def _arrow(scenes: list[LatentView], values: list[str]) -> str:
    named = [f"{_name(scene, scenes)} {value}" for scene, value in zip(scenes, values, strict=True)]
    return named[0] if len(named) == 1 else f"{named[0]} → {', '.join(named[1:])}"


def _name(scene: LatentView, scenes: list[LatentView]) -> str:
    method = scene.label.partition(" · ")[0]
    methods = [each.label.partition(" · ")[0] for each in scenes]
    return method if methods.count(method) == 1 else scene.label


def _percent(entry: dict[str, float] | None, interval: bool) -> str:
    if entry is None or not np.isfinite(entry["value"]):
        return "–"
    text = f"<b>{100 * entry['value']:.1f}%</b>"
    if not interval:
        return text
    known = np.isfinite(entry["low"]) and np.isfinite(entry["high"])
    ends = f"[{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]" if known else "no interval"
    return f"{text} <small>{ends}</small>"


def _flips(first: LatentView, second: LatentView, state: ExplorerState) -> tuple[int, int]:
    """Target galaxies that ``second`` gets right and ``first`` does not, and the other way
    round.
    """
    before, after = (_right(scene, state) for scene in (first, second))
    common = before.keys() & after.keys()
    fixed = sum(after[key] and not before[key] for key in common)
    broken = sum(before[key] and not after[key] for key in common)
    return fixed, broken


def _right(scene: LatentView, state: ExplorerState) -> dict[str, bool]:
    found = scene.evaluation
    mask = found.mask("target", state.split) & (found.labels >= 0)
    right = predicted_class(scene, state.threshold)[mask] == found.labels[mask]
    return dict(zip(found.sample_ids[mask].tolist(), right.tolist(), strict=True))
