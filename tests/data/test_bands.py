"""Channels of two sets matched: names in any order and case, numbers by position, and in words what
does not fit.
"""

import re

import pytest

from daexplore.data.bands import bands_are_distinct, channel_order, chosen_bands
from daexplore.errors import InputError

NUMBERED = ("channel 0", "channel 1", "channel 2")
PICTURE = ("R", "G", "B")


@pytest.mark.parametrize(
    ("have", "network", "channels", "match", "expected"),
    [
        (("z", "g", "r"), ("g", "r", "z"), ("g", "r", "z"), "name", (1, 2, 0)),
        (("G", "R", "I"), ("i", "g"), ("g", "r", "i"), "name", (2, 0)),
        (("u", "g", "r"), ("g", "r"), ("g", "r"), "name", (1, 2)),
        (("z", "g", "r"), ("g", "r", "z"), ("g", "r", "z"), "position", (0, 1, 2)),
        (("F814W", "F356W", "F160W"), ("r", "g"), ("g", "r", "z"), "position", (1, 0)),
        (("F814W", "F356W"), ("r", "g"), ("g", "r", "z"), "position", (0, 1)),
        (NUMBERED, ("r", "g"), ("g", "r", "z"), "name", (1, 0)),
        (("g", "r", "z"), NUMBERED, NUMBERED, "name", (0, 1, 2)),
        (NUMBERED, PICTURE, PICTURE, "name", (0, 1, 2)),
        (PICTURE, PICTURE, PICTURE, "name", (0, 1, 2)),
        (("grey",), ("r",), ("r",), "name", (0,)),
        (("a", "a"), ("g", "r"), ("g", "r"), "name", (0, 1)),
    ],
)
def test_channels_find_their_place(have, network, channels, match, expected):
    assert channel_order(have, network, channels, match) == expected


@pytest.mark.parametrize(
    ("have", "network", "match", "message"),
    [
        (
            ("g", "r", "i"),
            ("g", "r", "z"),
            "name",
            'it lacks z. Give both the same bands: use what both have (data.bands=["g","r"])',
        ),
        (
            ("J", "H"),
            ("g", "r"),
            "name",
            "it lacks g, r. Give both the same bands: match the channels by their order",
        ),
        # The colours of a picture are no bands.
        (PICTURE, ("g", "r"), "name", "the target has 3 (R, G, B); it lacks g, r."),
        (
            NUMBERED,
            ("g", "r"),
            "name",
            "the target has 3 (channel 0, channel 1, channel 2); channels matched by",
        ),
        (("g", "r", "z"), ("g", "r"), "position", "must be equally many"),
    ],
)
def test_mixed_bands_are_refused_with_what_is_missing_and_what_to_do(have, network, match, message):
    with pytest.raises(InputError, match="Mixed bands: the source has .*" + re.escape(message)):
        channel_order(have, network, network, match)


def test_bands_are_chosen_as_the_set_spells_them():
    assert chosen_bands(("g", "r", "F160W"), ("f160w", "G"), "The set") == ("F160W", "g")
    assert chosen_bands(("g", "r"), None, "The set") == ("g", "r")
    for wanted, message in (
        (("i", "g"), "The set lacks i; it has the bands g, r"),
        (("g", "G"), "name each once"),
        ((), "at least one"),
    ):
        with pytest.raises(InputError, match=message):
            chosen_bands(("g", "r"), wanted, "The set")


def test_numbers_and_repeated_names_tell_nothing():
    assert bands_are_distinct(("g", "r"))
    assert bands_are_distinct(PICTURE)
    for bands in (NUMBERED, ("g", "G"), ("gray",)):
        assert not bands_are_distinct(bands)
