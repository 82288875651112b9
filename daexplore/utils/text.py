"""Small pieces of text that tables, captions and messages share."""

from collections.abc import Iterable, Sequence

__all__ = ["capitalise", "count_range", "enumeration", "setting_list"]


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
