"""Band files: which files of a folder are bands of one galaxy, by their names."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daexplore.errors import InputError

__all__ = ["FITS_SUFFIX", "BandFiles", "find_band_files"]

FITS_SUFFIX = re.compile(r"\.(fits?|fts)(\.(gz|fz|bz2|xz))?$", re.IGNORECASE)

_LIKE_A_BAND = re.compile(
    r"F\d{3,4}(W|M|N|LP|X)\d?|[ugrizyUBVRIYJHKZ]|Ks|[NF]UV|W[1-4]|VIS|(IRAC|ch)[1-4]|N\d{3,4}",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[_\-. ]")


@dataclass(frozen=True)
class BandFiles:
    """Files by galaxy and band.

    Attributes:
        bands: in their order; empty where a file is a whole galaxy.
        galaxies: the files of each galaxy in the order of the bands, None where one is missing.
        others: files that belong to none of these galaxies, since their names say none of the
            bands.
    """

    bands: tuple[str, ...]
    galaxies: dict[str, tuple[str | None, ...]]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Split:
    """The files' names with one word taken out: at the same place in all of them."""

    words: list[str | None]
    rests: list[str]


def find_band_files(files: Sequence[str], declared: Sequence[str] | None) -> BandFiles | None:
    """Files whose names or folders differ in one word that is a band; None where each file is
    for itself.

    The word is at the same place in all names: last or first among those between "_", "-", "."
    and blanks, or further in, or it is a folder, or the whole name in the folder of a galaxy.
    Declared bands are looked for as they are, in any case of letters; at least two of them, or the
    only one, must be found. Otherwise the words of all files must look like bands (F814W, g, Ks,
    NUV, W1, …) and most galaxies must have the same two or more of them: these are the bands,
    sorted.

    Args:
        files: paths relative to the folder, with "/" between folders.
        declared: bands to look for.

    Raises:
        InputError: two files for one galaxy and band.
    """
    best: tuple[int, list[str], _Split] | None = None
    for split in _splits(files):
        bands = _bands(split, declared)
        if bands:
            wanted = {band.casefold() for band in bands}
            fitting = sum(word is not None and word.casefold() in wanted for word in split.words)
            if best is None or fitting > best[0]:
                best = fitting, bands, split
    return None if best is None else _grouped(files, best[1], best[2])


def _bands(split: _Split, declared: Sequence[str] | None) -> list[str]:
    """The bands at this place of the names; empty where there are none."""
    there = {word.casefold() for word in split.words if word}
    if declared is not None:
        found = sum(band.casefold() in there for band in declared)
        return list(declared) if found >= min(2, len(declared)) else []
    if not all(word and _LIKE_A_BAND.fullmatch(word) for word in split.words):
        return []
    of_galaxy: dict[str, set[str]] = defaultdict(set)
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for word, rest in zip(split.words, split.rests, strict=True):
        of_galaxy[rest].add(str(word).casefold())
        spelled[str(word).casefold()][str(word)] += 1
    (most, count), *_ = Counter(frozenset(words) for words in of_galaxy.values()).most_common(1)
    return (
        sorted(spelled[word].most_common(1)[0][0] for word in most)
        if len(most) > 1 and 2 * count > len(of_galaxy)
        else []
    )


def _grouped(files: Sequence[str], bands: Sequence[str], split: _Split) -> BandFiles:
    place = {band.casefold(): index for index, band in enumerate(bands)}
    galaxies: dict[str, list[str | None]] = {}
    left: dict[str, str] = {}
    for file, word, rest in zip(files, split.words, split.rests, strict=True):
        index = place.get((word or "").casefold())
        if index is None:
            left[file] = rest
            continue
        those = galaxies.setdefault(rest, [None] * len(bands))
        if those[index] is not None:
            raise InputError(
                f"{those[index]} and {file} are two files of the galaxy {rest!r} in the band"
                f" {bands[index]}. Keep one of them."
            )
        those[index] = file
    others = tuple(file for file, rest in left.items() if rest not in galaxies)
    return BandFiles(
        tuple(bands), {name: tuple(those) for name, those in sorted(galaxies.items())}, others
    )


def _splits(files: Sequence[str]) -> Iterator[_Split]:
    """One for each place that a word can have, the usual ones first: end of the name, folders from
    the last, further in, from the front.
    """
    parts = [FITS_SUFFIX.sub("", file).split("/") for file in files]
    stems = [_words(those[-1]) for those in parts]
    most = max(map(len, stems))
    yield _taken(parts, stems, -1)
    for depth in range(2, 1 + max(map(len, parts))):
        yield _Split(
            [those[-depth] if len(those) >= depth else None for those in parts],
            ["/".join(those[:-depth] + those[len(those) - depth + 1 :]) for those in parts],
        )
    for place in (*range(-2, -most - 1, -1), *range(most)):
        yield _taken(parts, stems, place)


def _words(stem: str) -> list[str]:
    """Words and what is between them, in turn."""
    return re.split(rf"({_BETWEEN.pattern})", stem)


def _taken(parts: list[list[str]], stems: list[list[str]], place: int) -> _Split:
    """With the word at a place counted from the end (below 0) or the front, and one of its
    neighbouring separators, taken out.
    """
    words: list[str | None] = []
    rests: list[str] = []
    for those, pieces in zip(parts, stems, strict=True):
        at = 2 * place if place >= 0 else len(pieces) + 1 + 2 * place
        if place == -1 and len(pieces) == 1 and len(those) > 1:  # a folder a galaxy
            words.append(those[-1])
            rests.append("/".join(those[:-1]))
            continue
        if not 0 <= at < len(pieces) or len(pieces) == 1:
            words.append(None)
            rests.append("/".join(those))
            continue
        left = pieces[: max(0, at - 1)] + pieces[at + 1 :] if at else pieces[2:]
        words.append(pieces[at])
        rests.append("/".join((*those[:-1], "".join(left))))
    return _Split(words, rests)
