"""Small pieces of text that tables, captions and messages share."""

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["capitalise", "count_range", "enumeration", "printable", "setting_list"]


_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def printable(text: str) -> str:
    r"""Return text whose control characters are spelled out: a name from a file must not move the
    cursor, change colours or turn the direction of what follows. Line ends and tabs stay.

    >>> printable("a" + chr(27) + "[31mb")
    'a\\x1b[31mb'
    """
    return "".join(
        each
        if each in "\n\t" or (unicodedata.category(each) != "Cc" and ord(each) not in _DIRECTIONS)
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def capitalise(text: str) -> str:
    """Return the text with a capital first letter, and the rest as it is."""
    return text[:1].upper() + text[1:]


def count_range(counts: Iterable[float]) -> str:
    """Return one number, or the smallest and the largest of several.

    >>> count_range([500, 480, 500]), count_range([7, 7]), count_range([])
    ('480 to 500', '7', '0')
    """
    found = sorted({int(count) for count in counts})
    if not found:
        return "0"
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def enumeration(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    >>> enumeration(["noDA", "MMD", "DANN"])
    'noDA, MMD and DANN'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def setting_list(names: Sequence[str]) -> str:
    """Return names as ``--set`` takes a list of them.

    >>> setting_list(["F814W", "F356W"])
    '["F814W","F356W"]'
    """
    return "[" + ",".join(f'"{name}"' for name in names) + "]"
