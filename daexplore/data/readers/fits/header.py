"""Header of an HDU: cards of 80 characters (FITS standard 4.0, section 4)."""

import mmap
import re
from collections.abc import Iterator, Mapping
from typing import Any

from daexplore.errors import InputError

__all__ = ["BLOCK", "CARD", "Header", "read_cards"]

BLOCK = 2880
"""Headers and data fill whole blocks of so many bytes."""

CARD = 80
"""Characters of one keyword, its value and its comment."""

_MOST_BLOCKS = 2000
_VALUE = re.compile(
    r" *(?:'((?:[^']|'')*)'|([TF])(?=[ /]|$)|([+-]?[0-9]+)(?=["
    r" /]|$)|([+-]?[0-9.]+(?:[EeDd][+-]?[0-9]+)?)(?=[ /]|$))"
)


class Header(Mapping[str, Any]):
    """Keywords of one header with their values as str, bool, int or float; of repeated ones the
    first, and only those that can be read.
    """

    def __init__(self, cards: dict[str, str]) -> None:
        self.cards = cards

    def __getitem__(self, keyword: str) -> Any:
        match = _VALUE.match(self.cards[keyword])
        if match is None:
            raise KeyError(keyword)
        text, truth, whole, number = match.groups()
        if text is not None:
            return text.replace("''", "'").rstrip()
        try:
            return (
                truth == "T"
                if truth
                else int(whole)
                if whole
                else float(number.upper().replace("D", "E"))
            )
        except ValueError:
            raise KeyError(keyword) from None

    def __contains__(self, keyword: object) -> bool:
        return keyword in self.cards

    def __iter__(self) -> Iterator[str]:
        return iter(self.cards)

    def __len__(self) -> int:
        return len(self.cards)

    def over(self, other: "Header") -> "Header":
        """This header's keywords, and another one's where this says nothing, as an extension
        inherits from the primary header.
        """
        return self if other is self else Header(other.cards | self.cards)


def read_cards(data: bytes | mmap.mmap, start: int, where: str) -> tuple[dict[str, str], int]:
    """Text after each keyword's "=", and where the data begin."""
    cards: dict[str, str] = {}
    for block in range(start, min(len(data), start + _MOST_BLOCKS * BLOCK), BLOCK):
        text = data[block : block + BLOCK].decode("latin-1")
        for at in range(0, len(text), CARD):
            keyword = text[at : at + 8].rstrip()
            if keyword == "END" and not text[at + 8 : at + CARD].strip(" \0"):
                return cards, block + BLOCK
            if keyword == "HIERARCH":
                # A name longer than eight letters (registered convention, 2009): the value follows.
                name, equals, value = text[at + 9 : at + CARD].partition("=")
                if equals and name.strip() not in cards:
                    cards[name.strip()] = value
            elif text[at + 8 : at + 9] == "=" and keyword not in cards:
                cards[keyword] = text[at + 9 : at + CARD]
    raise InputError(
        f"{where}: the header has no END: the file is cut short or damaged. Copy or download it"
        " again."
    )
