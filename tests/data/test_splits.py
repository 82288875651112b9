"""Splits: whole galaxies, the same ones held out in both domains, and blind to target labels."""

import numpy as np
import pandas as pd
import pytest

from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.splits import SPLITS, limit_rows, split_groups
from daexplore.errors import InputError

FRACTIONS = (0.7, 0.1, 0.2)


def make(name, groups, labels):
    ids = [f"{name}/{i}" for i in range(len(groups))]
    catalogue = pd.DataFrame(
        {"sample_id": ids, "group_id": groups, "label": pd.array(labels, dtype="Int64")}
    )
    return GalaxySet(
        np.zeros((len(groups), 1, 2, 2), np.float32), catalogue, ("a", "b"), ("grey",), name
    )


@pytest.fixture
def domains():
    """300 source galaxies with 1 to 4 images each, a third of them of class 1; the target shows 200
    of them and 100 others.
    """
    rng = np.random.default_rng(0)
    source = [f"G{i}" for i in range(300) for _ in range(rng.integers(1, 5))]
    target = [f"G{i}" for i in range(100, 400) for _ in range(rng.integers(1, 5))]
    return tuple(
        make(name, groups, [int(int(g[1:]) % 3 == 0) for g in groups])
        for name, groups in (("s", source), ("t", target))
    )


def by_group(galaxies, splits):
    return pd.Series(splits).groupby(galaxies.catalogue["group_id"].to_numpy()).unique()


def test_no_group_comes_apart_within_or_across_the_domains(domains):
    found = {}
    for galaxies, splits in zip(domains, split_groups(*domains, FRACTIONS, 3), strict=True):
        assert len(splits) == len(galaxies)
        for group, values in by_group(galaxies, splits).items():
            assert found.setdefault(group, values.tolist()) == values.tolist()
            assert len(values) == 1
    assert len(found) == 400


def test_shares_hold_in_each_class_of_the_source_and_in_the_target(domains):
    splits = split_groups(*domains, FRACTIONS, 0)
    source = by_group(domains[0], splits[0]).str[0]
    is_class_1 = np.array([int(group[1:]) % 3 == 0 for group in source.index])
    for part in (source[is_class_1], source[~is_class_1], by_group(domains[1], splits[1]).str[0]):
        for split, fraction in zip(SPLITS, FRACTIONS, strict=True):
            assert (part == split).sum() == pytest.approx(fraction * len(part), abs=2)


def test_target_labels_change_nothing(domains):
    source, target = domains
    expected = split_groups(source, target, FRACTIONS, 5)
    generator = np.random.default_rng(1)
    for labels in (generator.permutation(target.labels), 1 - target.labels, [None] * len(target)):
        relabelled = make("t", target.catalogue["group_id"], labels)
        for splits, before in zip(
            split_groups(source, relabelled, FRACTIONS, 5), expected, strict=True
        ):
            np.testing.assert_array_equal(splits, before)


def test_unlabelled_source_galaxies_take_nothing_from_the_classes():
    labels = [0] * 60 + [1] * 10 + [None] * 130
    source = make("s", [f"G{i}" for i in range(200)], labels)
    splits, _ = split_groups(
        source, make("t", [f"T{i}" for i in range(10)], [None] * 10), FRACTIONS, 0
    )
    for label, expected in ((0, (42, 6, 12)), (1, (7, 1, 2)), (-1, (91, 13, 26))):
        assert tuple(
            (splits[source.labels == label] == split).sum() for split in SPLITS
        ) == pytest.approx(expected, abs=1)


def test_shares_hold_in_a_class_also_where_only_some_galaxies_are_shared():
    """A rare class whose galaxies the target shows in part: both parts are dealt out in the
    shares.
    """
    source = make("s", [f"G{i}" for i in range(400)], [int(i % 20 == 0) for i in range(400)])
    target = make("t", [f"G{i}" for i in range(0, 800, 2)], [None] * 400)
    splits, others = split_groups(source, target, FRACTIONS, 1)
    rare = splits[source.labels == 1]
    assert tuple((rare == split).sum() for split in SPLITS) == pytest.approx((14, 2, 4), abs=2)
    held_out = dict(zip(source.catalogue["group_id"], splits, strict=True))
    shared = [group in held_out for group in target.catalogue["group_id"]]
    assert all(
        held_out[group] == split
        for group, split, both in zip(target.catalogue["group_id"], others, shared, strict=True)
        if both
    )
    assert sum(shared) == 200


def test_the_order_of_rows_does_not_matter_and_the_seed_does(domains):
    source, target = domains
    order = np.random.default_rng(2).permutation(len(source))
    expected = split_groups(source, target, FRACTIONS, 0)[0]
    np.testing.assert_array_equal(
        split_groups(source.take(order), target, FRACTIONS, 0)[0], expected[order]
    )
    assert (split_groups(source, target, FRACTIONS, 1)[0] != expected).mean() > 0.2


def test_a_class_of_three_galaxies_is_in_every_split():
    source = make("s", [f"G{i}" for i in range(43)], [0] * 40 + [1] * 3)
    splits, _ = split_groups(
        source, make("t", [f"T{i}" for i in range(10)], [None] * 10), FRACTIONS, 0
    )
    assert sorted(splits[40:]) == sorted(SPLITS)


@pytest.mark.parametrize(
    "fractions", [(0.7, 0.2, 0.2), (0.8, 0.2, 0.0), (1.2, -0.4, 0.2), (float("nan"), 0.5, 0.5)]
)
def test_impossible_fractions_are_refused(domains, fractions):
    with pytest.raises(InputError, match="three positive numbers that add up to 1"):
        split_groups(*domains, fractions, 0)


def test_a_split_that_would_be_empty_is_refused():
    source = make("s", [f"G{i}" for i in range(10)], [0, 1] * 5)
    with pytest.raises(
        InputError, match=r"'t': 2 galaxies \(groups\) .* leave the validation split empty"
    ):
        split_groups(source, make("t", ["T0", "T1", "T1"], [0, 1, 1]), FRACTIONS, 0)


def test_a_limit_keeps_whole_groups_and_the_same_ones_in_both_domains(domains):
    kept = []
    for galaxies, splits in zip(domains, split_groups(*domains, FRACTIONS, 0), strict=True):
        rows = np.flatnonzero(splits == "train")
        limited = limit_rows(galaxies, rows, 200, 0)
        assert 190 < len(limited) <= 200
        assert set(limited) <= set(rows)
        groups = galaxies.catalogue["group_id"].to_numpy()
        kept.append(set(groups[limited]))
        assert not kept[-1] & set(groups[np.setdiff1d(rows, limited)])
        np.testing.assert_array_equal(limit_rows(galaxies, rows, None), rows)
        np.testing.assert_array_equal(limit_rows(galaxies, rows[::-1], len(rows)), rows)
    shared = {f"G{i}" for i in range(100, 300)}
    overlap = len(kept[0] & kept[1])
    # Groups chosen independently would share about a third of this.
    assert overlap > 0.6 * min(len(chosen & shared) for chosen in kept)


def test_a_limit_below_one_galaxy_is_refused():
    galaxies = make("s", ["G0"] * 5 + ["G1"] * 5, [0] * 5 + [1] * 5)
    with pytest.raises(InputError, match="a limit of 4 images is less than the 5 of 'G"):
        limit_rows(galaxies, np.arange(10), 4)
