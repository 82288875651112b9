"""Bands of two galaxy sets, matched by name or by position."""

import re
from collections.abc import Sequence

from daexplore.errors import InputError
from daexplore.utils.text import setting_list

__all__ = ["AB_ZERO_NANOJANSKY", "bands_are_distinct", "channel_order", "chosen_bands", "positions"]

AB_ZERO_NANOJANSKY = 3631e9
"""Flux of AB magnitude 0 (Oke & Gunn 1983, ApJ 266, 713) [nJy]."""

_PICTURE = ("R", "G", "B")
_NUMBERED = re.compile(r"channel \d+|gr[ae]y", re.IGNORECASE)


def bands_are_distinct(bands: Sequence[str]) -> bool:
    """Whether these are names of bands that distinguish channels, not numbers, and not the one name
    twice.
    """
    return not any(_NUMBERED.fullmatch(band) for band in bands) and len(
        {band.lower() for band in bands}
    ) == len(bands)


def chosen_bands(bands: Sequence[str], wanted: Sequence[str] | None, where: str) -> tuple[str, ...]:
    """Those of a set's bands that are to be used, as the set spells them.

    Args:
        bands: of the set.
        wanted: some of them in any case of letters, in the order they are to have; None takes all.
        where: what the set is called in a message.

    Raises:
        InputError: a band that the set does not have, one named twice, or none at all.
    """
    if wanted is None:
        return tuple(bands)
    spelled = {band.lower(): band for band in bands}
    missing = [band for band in wanted if band.lower() not in spelled]
    if missing or not wanted or len({band.lower() for band in wanted}) < len(wanted):
        reason = (
            f"lacks {', '.join(missing)}"
            if missing
            else f"cannot give these ({', '.join(wanted)}): name each once, and at least one"
        )
        raise InputError(
            f"{where} {reason}; it has the bands {', '.join(bands)}. Choose among those with"
            " data.bands."
        )
    return tuple(spelled[band.lower()] for band in wanted)


def channel_order(
    have: Sequence[str],
    network: Sequence[str],
    channels: Sequence[str],
    match: str,
    names: tuple[str, str] = ("the source", "the target"),
) -> tuple[int, ...]:
    """The channel of a set at each of the network's inputs.

    Names that distinguish channels are matched whatever the case of their letters. The colours of a
    picture are called R, G and B but are no bands: they match those of another picture only. Where
    one of the two has numbers for names, position counts.

    Args:
        have: bands of the set.
        network: the bands that the network takes, a choice of ``channels``.
        channels: all bands of the source.
        match: "name" or "position".
        names: what the source and the set are called in a message.

    Raises:
        InputError: mixed bands, with what is missing and what to do.
    """
    if match == "name" and bands_are_distinct(have) and bands_are_distinct(channels):
        found = {key: number for number, key in enumerate(_keys(have))}
        wanted = [_keys(channels)[number] for number in positions(network, channels)]
        missing = [band for band, key in zip(network, wanted, strict=True) if key not in found]
        if not missing:
            return tuple(found[key] for key in wanted)
        common = [band for band, key in zip(network, wanted, strict=True) if key in found]
        subset = f"use what both have (data.bands={setting_list(common)}), or " if common else ""
        raise InputError(
            f"Mixed bands: {_described(names, channels, have)}; it lacks {', '.join(missing)}. Give"
            f" both the same bands: {subset}match the channels by their order"
            " (data.match_bands=position) if you know that they correspond."
        )
    if len(have) == len(channels):
        return positions(network, channels)
    if len(have) == len(network):
        return tuple(range(len(have)))
    raise InputError(
        f"Mixed bands: {_described(names, channels, have)}; channels matched by position must be"
        " equally many. Name the bands of both (bands of data.source_read and data.target_read),"
        " and choose among them with data.bands."
    )


def positions(network: Sequence[str], channels: Sequence[str]) -> tuple[int, ...]:
    """Number of each band among the channels it was chosen from."""
    everything = tuple(range(len(channels)))
    return (
        everything
        if tuple(network) == tuple(channels)
        else tuple(list(channels).index(band) for band in network)
    )


def _keys(bands: Sequence[str]) -> list[str]:
    picture = " of a picture" if tuple(bands) == _PICTURE else ""
    return [band.lower() + picture for band in bands]


def _described(names: tuple[str, str], channels: Sequence[str], have: Sequence[str]) -> str:
    return (
        f"{names[0]} has {len(channels)} bands ({', '.join(channels)}) and {names[1]} has"
        f" {len(have)} ({', '.join(have)})"
    )
