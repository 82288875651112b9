"""Grouping of runs into methods and seeds, and their outputs in one order of galaxies."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import differences, to_dict
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run, method_label

__all__ = [
    "CommonSample",
    "Method",
    "check_comparable",
    "common_sample",
    "group_methods",
    "judged_by_source",
    "row_order",
    "seeds_paired",
    "source_judges",
]


@dataclass(frozen=True, eq=False)
class Method:
    """Runs whose settings differ in nothing but the seed.

    Attributes:
        name: for a reader, unique among the methods compared.
        runs: one a seed, by seed.
        oracle: whether target labels taught it: then whatever is said of it is marked oracle.
    """

    name: str
    runs: tuple[Run, ...]
    oracle: bool


@dataclass(frozen=True, eq=False)
class CommonSample:
    """The galaxies of one split that all runs have evaluated, in one order.

    Attributes:
        split: "test" or "validation".
        sample_ids: (n,) text, sorted.
        domain: (n,) "source" or "target".
        labels: (n,) -1 where missing; those of the target are an oracle.
        groups: (n,) the galaxy each image shows.
        largest: images of the split in the run that evaluated most of it.
    """

    split: str
    sample_ids: NDArray[np.object_]
    domain: NDArray[np.object_]
    labels: NDArray[np.int64]
    groups: NDArray[np.object_]
    largest: int

    def inside(self, domain: str) -> NDArray[np.bool_]:
        """(n,) mask of a domain."""
        return np.asarray(self.domain == domain)


def group_methods(runs: Sequence[Run]) -> tuple[Method, ...]:
    """Run gathered by their settings apart from the seed, in the order in which each method first
    occurs.

    Of two runs with the same settings and seed the newer one counts: a training repeated is not
    another seed. Methods of one name are distinguished by the settings in which they differ.
    """
    found: dict[str, dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: (str(run.info["created"]), run.id)):
        found.setdefault(_key(run), {})[run.seed] = run
    order = dict.fromkeys(_key(run) for run in runs)
    groups = [[found[key][seed] for seed in sorted(found[key])] for key in order]
    return tuple(
        Method(name, tuple(group), group[0].config.uses_target_labels)
        for name, group in zip(_names([group[0] for group in groups]), groups, strict=True)
    )


def seeds_paired(one: Method, other: Method) -> bool:
    """Whether a seed means the same in both: first weights, splits and order of galaxies."""
    first, second = one.runs[0].config, other.runs[0].config
    return (
        [run.seed for run in one.runs] == [run.seed for run in other.runs]
        and first.model == second.model
        and first.data == second.data
    )


def judged_by_source(run: Run) -> bool:
    """Whether a run was trained on source images as they are, so that they can judge it."""
    return run.config.adaptation is None and run.config.train.conditions is None


def source_judges(method: Method) -> bool:
    """Whether that holds of all runs of a method."""
    return all(judged_by_source(run) for run in method.runs)


def check_comparable(runs: Sequence[Run]) -> None:
    """Run can be compared if they saw the same galaxies, in the same splits, with the same classes.

    Raises:
        InputError: they do not, and in what.
    """
    first = runs[0]
    for run in runs[1:]:
        pair = f"{first.label} ({first.id}) and {run.label} ({run.id}) cannot be compared"
        if run.classes != first.classes:
            raise InputError(
                f"{pair}: their classes are {', '.join(first.classes)} and"
                f" {', '.join(run.classes)}. Leave one out."
            )
        for domain in DOMAINS:
            one, other = (each.info["data"][domain] for each in (first, run))
            if one["fingerprint"] != other["fingerprint"]:
                raise InputError(
                    f"{pair}: they saw other {domain} galaxies, {_described(one)} and"
                    f" {_described(other)}. Compare runs trained on the same galaxy sets, or train"
                    " again on one of them."
                )
        both = (
            first.samples["split"]
            .to_frame("one")
            .join(run.samples["split"].rename("other"), how="inner")
        )
        moved = both[both["one"] != both["other"]]
        if len(moved):
            galaxy = moved.iloc[0]
            raise InputError(
                f"{pair}: their galaxies are split differently; {moved.index[0]} is in"
                f" {galaxy['one']} in the one and in {galaxy['other']} in the other. Train both"
                " with the same data.split_seed, data.fractions and data.limit."
            )


def common_sample(runs: Sequence[Run], split: str) -> CommonSample:
    """The galaxies of a split that all runs evaluated at their selected epochs, matched by
    sample_id.

    Raises:
        InputError: an unknown split, or fewer than 10 galaxies of a domain in common.
    """
    if split not in ("test", "validation"):
        raise InputError(f"There are the splits test and validation; got {split!r}.")
    sizes, common = [], None
    for run in runs:
        evaluation = run.evaluation()
        ids = set(evaluation.sample_ids[evaluation.mask(split=split)])
        sizes.append(len(ids))
        common = ids if common is None else common & ids
    frame = runs[0].samples.loc[sorted(common or ())]
    sample = CommonSample(
        split,
        frame.index.to_numpy(object),
        frame["domain"].to_numpy(object),
        frame["label"].fillna(-1).to_numpy(np.int64),
        frame["group_id"].to_numpy(object),
        max(sizes, default=0),
    )
    for domain in DOMAINS:
        count = len(set(sample.groups[sample.inside(domain)]))
        if count < 10:
            raise InputError(
                f"These runs have {count} {domain} {split} galaxies in common; at least 10 are"
                " needed. Compare runs that evaluated the same galaxies (train.evaluation_limit),"
                " or the other split."
            )
    return sample


def row_order(evaluation: Evaluation, sample: CommonSample) -> NDArray[np.int64]:
    """(n,) the rows of an evaluation in the sample's order."""
    return np.asarray(
        pd.Index(evaluation.sample_ids).get_indexer(pd.Index(sample.sample_ids)), np.int64
    )


def _key(run: Run) -> str:
    values: dict[str, Any] = to_dict(run.config)
    values.pop("seed")
    values["train"] = values["train"] | {
        "batch_norm": run.config.batch_norm,
        "threads": None,
        "accelerator": None,
    }
    if values["transfer"]:
        # Each seed may start from its own seed's run: of a run's folder only the method in its name
        # counts.
        place = values["transfer"]["run"].rstrip("/").rpartition("/")[2]
        values["transfer"]["run"] = re.sub(r"^\d{8}T\d{6}-(.+)-[0-9a-f]{8}(-\d+)?$", r"\1", place)
    return repr(values)


def _names(runs: Sequence[Run]) -> list[str]:
    """The label without the seed; where several methods have it, with the settings they differ
    in.
    """
    plain = [run.label.rpartition(" · ")[0] or method_label(run.method) for run in runs]
    often = Counter(plain)
    names = []
    for run, name in zip(runs, plain, strict=True):
        alike = [other for other, its in zip(runs, plain, strict=True) if its == name]
        if often[name] == 1:
            names.append(name)
            continue
        table = differences([each.config for each in alike])
        settings = [
            f"{key}={_short(values[alike.index(run)])}"
            for key, values in table.items()
            if key != "seed"
        ]
        names.append(f"{name} ({', '.join(settings)})")
    return [
        name if names.count(name) == 1 else f"{name} ({run.id})"
        for name, run in zip(names, runs, strict=True)
    ]


def _short(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _described(about: dict[str, Any]) -> str:
    return f"{about.get('name')} with {about.get('n')} images (fingerprint {about['fingerprint']})"
