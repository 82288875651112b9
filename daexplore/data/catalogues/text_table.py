"""Catalogues as text: encoding, delimiter, header and comments are found; every digit is kept.

Formats: RFC 4180 and what is met beside it (semicolons, tabs, blanks, "# header" lines, Latin-1).
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["MISSING_NUMBERS", "check_names", "read_text_table"]

MISSING_NUMBERS = frozenset(
    {"", "nan", "na", "n/a", "#n/a", "null", "none", "--", "-", "...", "masked", "<na>"}
)
"""Words that mean "no number" in a column of numbers, in lower case. In a column of text only an
empty cell is missing.
"""

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED = 30
_WHOLE = r"[+-]?(0|[1-9][0-9]*)"
_DECIMAL_COMMA = r"[+-]?[0-9]+(,[0-9]+)?([eE][+-]?[0-9]+)?"


def read_text_table(path: Path, text: Sequence[str] = ()) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV or TSV file.

    Whole numbers become nullable integers where cells are empty, unsigned ones beyond 2^63, and
    stay text beyond 2^64 or with leading zeros. Other numbers become float64.

    Args:
        path: the file.
        text: columns that are names, in any case of letters: they stay text whatever they hold.

    Returns:
        The table, and what was taken for granted, one sentence each.

    Raises:
        InputError: no column, two columns of one name, or a line with too many cells.
    """
    content, notes = _decoded(path)
    lines = list(io.StringIO(content, newline=""))
    delimiter = _delimiter(lines, path)
    header, start, told = _header(lines, delimiter)
    notes += told
    names = [name.strip() for name in header]
    body, comments = _without_comments(lines[start:], delimiter, len(names))
    if comments:
        notes.append(f"{comments} comment lines were skipped.")
    frame = _cells(path, body, delimiter, names)
    keep = [bool(name) or bool((frame[i] != "").any()) for i, name in enumerate(names)]
    frame = frame.loc[:, keep]
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names) if keep[i]]
    check_names(path, names)
    frame.columns = pd.Index(names)
    kept_text = {name.lower() for name in text}
    typed, commas = {}, []
    for name in names:
        column = frame[name]
        if name.lower() in kept_text:
            typed[name] = column.mask(column == "", None)
            continue
        if delimiter != "," and _has_decimal_commas(column):
            column = column.str.replace(",", ".", regex=False)
            commas.append(name)
        typed[name] = _typed(column)
    if commas:
        notes.append(f"Commas were read as decimal points in {', '.join(commas)}.")
    if delimiter != ("\t" if path.suffix.lower() == ".tsv" else ","):
        notes.append(f"Columns were divided at {_NAMES.get(delimiter, repr(delimiter))}.")
    return pd.DataFrame(typed), tuple(notes)


_NAMES = {"": "blanks", "\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas"}


def _decoded(path: Path) -> tuple[str, list[str]]:
    data = path.read_bytes()
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), (
                [] if encoding == "utf-8-sig" else ["The text is UTF-16."]
            )
    head = data[:4000]
    if head.count(b"\0") > len(head) / 4:
        encoding = "utf-16-le" if head[1::2].count(b"\0") > head[::2].count(b"\0") else "utf-16-be"
        return data.decode(encoding, "replace"), ["The text is UTF-16."]
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["The text is not UTF-8; it was read as Latin-1."]


def _split(line: str, delimiter: str) -> list[str]:
    if not delimiter:
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _delimiter(lines: Sequence[str], path: Path) -> str:
    """The one that divides most lines into the same number of cells, at least two; "" stands for
    blanks. A file that no delimiter divides has one column.
    """
    sample = [line for line in lines[: 4 * _SNIFFED] if line.strip()]
    sample = [line.lstrip("#") for line in (_data(sample) or sample)][:_SNIFFED]
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    best, score = usual, (0.0, 0)
    for delimiter in (usual, *(each for each in _DELIMITERS if each != usual)):
        counts = Counter(len(_split(line, delimiter)) for line in sample)
        count, often = max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if count > 1 and (often / len(sample), 0) > score:
            best, score = delimiter, (often / len(sample), 0)
    if score[0] > 0.5:
        return best
    counts = Counter(len(line.split()) for line in sample)
    if len(counts) == 1 and next(iter(counts)) > 1:
        return ""
    return best


def _data(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not line.lstrip().startswith("#")]


def _header(lines: Sequence[str], delimiter: str) -> tuple[list[str], int, list[str]]:
    """Names of the columns, the line where the rows begin, and what was taken for granted.

    A line "# id, ra, dec" right above the rows names the columns where it has as many cells as
    they, and the first row looks like values: it holds a number, or names none of the columns that
    a catalogue of images has.
    """
    first = next(
        (i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")),
        len(lines),
    )
    above = next((i for i in range(first - 1, -1, -1) if lines[i].strip()), None)
    if above is not None:
        cells = _split(lines[above].lstrip().lstrip("#").strip(), delimiter)
        below = _split(lines[first], delimiter) if first < len(lines) else cells
        if len(cells) == len(below) and (_holds_number(below) or not _plausible(below)):
            return cells, first, ["The column names are those of the comment line above the rows."]
    if first == len(lines):
        return [], first, []
    return _split(lines[first], delimiter), first + 1, []


def _holds_number(cells: Sequence[str]) -> bool:
    return any(_is_number(cell.strip()) for cell in cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plausible(cells: Sequence[str]) -> bool:
    known = {"id", "name", "label", "class", "ra", "dec", "filename", "file", "image", "galaxy"}
    return bool(known & {cell.strip().lower() for cell in cells})


def _without_comments(lines: Sequence[str], delimiter: str, columns: int) -> tuple[list[str], int]:
    """The lines of the rows: without those that begin with # and are no row, since they have
    another number of cells and are not inside a quoted cell.
    """
    if not any(line.lstrip().startswith("#") for line in lines):
        return list(lines), 0
    kept, quoted = [], False
    for line in lines:
        if quoted or not line.lstrip().startswith("#") or len(_split(line, delimiter)) == columns:
            kept.append(line)
            quoted ^= bool(line.count('"') % 2)
    return kept, len(lines) - len(kept)


def _cells(path: Path, lines: Sequence[str], delimiter: str, names: Sequence[str]) -> pd.DataFrame:
    """All cells as text, blanks around them removed; short rows are filled with empty ones."""
    if not names:
        raise InputError(
            f"{path} cannot be read as a table: it is empty. Expected a header line, and one row"
            " for each image."
        )
    width = ",".join(f"c{number}" for number in range(len(names)))
    head = (width if delimiter else width.replace(",", " ")).replace(",", delimiter or " ")
    try:
        # The first line says how many cells a row has: a longer one is an error, none is cut.
        frame = pd.read_csv(
            io.StringIO("".join([f"{head}\n", *lines])),
            header=None,
            sep=delimiter or r"\s+",
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
        )
    except pd.errors.ParserError:
        return _ragged(path, lines, delimiter, names)
    frame = frame.iloc[1:].reset_index(drop=True)
    return pd.DataFrame({name: frame[name].fillna("").str.strip() for name in frame})


def _ragged(path: Path, lines: Sequence[str], delimiter: str, names: Sequence[str]) -> pd.DataFrame:
    """The same row by row, where some have empty cells too many; any other is named."""
    rows = list(
        csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        if delimiter
        else map(str.split, lines)
    )
    rows = [[cell.strip() for cell in row] for row in rows if row]
    for place, row in enumerate(rows):
        while len(row) > len(names) and not row[-1]:
            row.pop()
        if len(row) > len(names):
            raise InputError(
                f"{path}: row {place + 1} has {len(row)} cells, but there are {len(names)} columns"
                f" ({', '.join(names)}). Put quotes around text that holds"
                f" {_NAMES.get(delimiter, delimiter)}."
            )
        row += [""] * (len(names) - len(row))
    return pd.DataFrame(rows, columns=range(len(names)), dtype=str)


def check_names(path: Path | str, names: Sequence[str]) -> None:
    """Raise InputError if two columns have one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"{path} has {names.count(twice[0])} columns of the name {twice[0]!r}: which one is"
            " meant cannot be told. Rename or remove one of them."
        )


def _has_decimal_commas(column: "pd.Series[str]") -> bool:
    known = column[~column.str.lower().isin(MISSING_NUMBERS)]
    return bool(len(known)) and bool(
        known.str.contains(",", regex=False).any() and known.str.fullmatch(_DECIMAL_COMMA).all()
    )


def _typed(column: "pd.Series[str]") -> "pd.Series":
    """Numbers where all cells but missing ones are numbers, truth values, else text."""
    missing = column.str.lower().isin(MISSING_NUMBERS)
    known = column[~missing]
    if len(known):
        if known.str.fullmatch(_WHOLE).all():
            return _whole(known, column.index)
        lower = known.str.lower()
        if lower.isin(("true", "false")).all():
            values = (lower == "true").reindex(column.index)
            return values.astype("bool" if not missing.any() else "boolean")
        floats = _floats(known)
        if floats is not None:
            values = pd.Series(np.nan, column.index, dtype=np.float64)
            values[~missing] = floats
            return values
    return column.mask(column == "", None)


def _whole(known: "pd.Series[str]", index: "pd.Index[Any]") -> "pd.Series[Any]":
    import pyarrow as pa

    digits = pa.array(known.str.lstrip("+"), pa.string())
    for kind, nullable in ((pa.int64(), pd.Int64Dtype()), (pa.uint64(), pd.UInt64Dtype())):
        try:
            typed = pd.Series(digits.cast(kind).to_numpy(zero_copy_only=False), known.index)
        except pa.ArrowInvalid:  # Some number is beyond this type.
            continue
        return typed if len(known) == len(index) else typed.astype(nullable).reindex(index)
    return known.reindex(index).where(lambda column: column.notna(), None)


def _floats(known: "pd.Series[str]") -> NDArray[np.float64] | None:
    """The numbers; None where some cell is none, or has leading zeros, as a name has."""
    import pyarrow as pa

    if known.str.contains(r"^[+-]?0[0-9]", regex=True).any():
        return None
    try:
        numbers = pa.array(known.str.lstrip("+"), pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(numbers.to_numpy(zero_copy_only=False))
