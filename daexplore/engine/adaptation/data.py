"""Data of an adaptation: the target, and the source where it can be opened."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import RunConfig
from daexplore.data import GalaxySet, describe, match_classes, open_described
from daexplore.data.chunked_images import Images
from daexplore.data.datasets import open_one
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.splits import limit_rows, split_groups
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["AdaptationData", "prepare_adaptation"]


@dataclass(frozen=True, eq=False)
class AdaptationData:
    """What an adaptation reads.

    Attributes:
        target: the survey.
        rows: its training rows.
        source: the parent's source; None where it cannot be opened.
        source_rows: of its evaluated galaxies.
        target_rows: of the survey's evaluated galaxies.
        samples: all galaxies of the run.
        evaluation_sample: those that are evaluated, source first.
        preprocess: the parent's, for these sets.
        description: data section of run.json.
    """

    target: GalaxySet
    rows: NDArray[np.int64]
    source: GalaxySet | None
    source_rows: NDArray[np.int64]
    target_rows: NDArray[np.int64]
    samples: pd.DataFrame
    evaluation_sample: pd.DataFrame
    preprocess: Preprocess
    description: dict[str, Any]

    def evaluated(self) -> Iterator[tuple[str, Images, NDArray[np.int64]]]:
        """Domain, images and rows of what is evaluated."""
        if self.source is not None:
            yield "source", self.source.images, self.source_rows
        yield "target", self.target.images, self.target_rows


def prepare_adaptation(parent: Run, config: RunConfig) -> AdaptationData:
    """Open the target, split it, and find the source where it is.

    The parent's own target keeps its splits. Another one is split by galaxy; its labels are not
    looked at.

    Raises:
        InputError: the target cannot be opened or does not fit the parent.
    """
    own = config.data.target == parent.config.data.target
    known = parent.samples.reset_index()
    target = _target(parent, config, own)
    splits = (
        known[known["domain"] == "target"]
        .set_index("sample_id")["split"]
        .reindex(target.sample_ids)
        .to_numpy(object)
        if own
        else _splits(target, config)
    )
    source, source_ids = _source(parent)
    limit, seed = config.train.evaluation_limit, config.data.split_seed
    held_out = [
        limit_rows(target, np.flatnonzero(splits == split), limit, seed)
        for split in ("validation", "test")
    ]
    rows = limit_rows(target, np.flatnonzero(splits == "train"), config.data.limit, seed)
    if min(map(len, (*held_out, rows))) < 2:
        raise InputError(
            f"The survey {target.name!r} has too few galaxies: {len(rows)} to adapt to and"
            f" {len(held_out[0])} to check the result on; at least 2 of each are needed."
        )
    frame = target.catalogue.assign(domain="target", split=splits)
    ours = known[known["domain"] == "source"]
    samples = pd.concat([ours, frame], ignore_index=True)
    target_rows = np.concatenate(held_out)
    evaluated = [frame.iloc[target_rows]]
    if source is not None:
        evaluated.insert(0, ours.set_index("sample_id").loc[source_ids.tolist()].reset_index())
    preprocess = Preprocess.from_dict(parent.info["preprocessing"])
    return AdaptationData(
        target,
        rows,
        source,
        np.zeros(0, np.int64) if source is None else source.rows(source_ids),
        target_rows,
        samples,
        pd.concat(evaluated, ignore_index=True),
        preprocess if own else preprocess.for_galaxy_set("target", target),
        {"source": parent.info["data"]["source"], "target": describe(target)},
    )


def _target(parent: Run, config: RunConfig, own: bool) -> GalaxySet:
    if own:
        return open_described(parent.info["data"]["target"])
    target = open_one(config.data.target, 1, config.data)
    known = parent.samples
    shared = set(target.sample_ids) & set(known.index[known["domain"] == "source"])
    if shared:
        catalogue = target.catalogue.assign(sample_id="survey/" + target.catalogue["sample_id"])
        target = dataclasses.replace(
            target, catalogue=catalogue, provenance=target.provenance | {"prefix": "survey"}
        )
    stand_in = dataclasses.replace(target, classes=parent.classes, catalogue=_unlabelled(target))
    return match_classes(stand_in, target)[1]


def _unlabelled(galaxies: GalaxySet) -> pd.DataFrame:
    return galaxies.catalogue.assign(
        label=pd.Series(pd.NA, index=galaxies.catalogue.index, dtype="Int64")
    )


def _splits(target: GalaxySet, config: RunConfig) -> NDArray[Any]:
    blind = dataclasses.replace(target, catalogue=_unlabelled(target))
    return split_groups(blind, blind, config.data.fractions, config.data.split_seed)[1]


def _source(parent: Run) -> tuple[GalaxySet | None, NDArray[np.object_]]:
    """The source and its evaluated ids, where the images can be opened."""
    evaluation = parent.evaluation()
    ids = evaluation.sample_ids[evaluation.mask("source")]
    try:
        return open_described(parent.info["data"]["source"]), ids
    except InputError:
        return None, ids
