"""Catalogues keep what they hold: any column that pyarrow, astropy or the csv module wrote is read
back as it was.
"""

import csv
import io
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from daexplore.data.catalogues.read import read_table

EXAMPLES = int(os.environ.get("DAEXPLORE_EXAMPLES", "150"))
LETTERS = st.characters(codec="latin-1", categories=("L", "N", "P", "S", "Zs"))
WORDS = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
# Words that a column of numbers would take for a missing one are text in a column of text.
TEXT = st.one_of(WORDS, st.sampled_from(["None", "NA", "null", "nan", "--", "007", "1e5", "True"]))
WHOLE = st.integers(-(2**63), 2**63 - 1)
UNSIGNED = st.integers(0, 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
KINDS = {
    "int64": (WHOLE, pa.int64()),
    "uint64": (UNSIGNED, pa.uint64()),
    "float64": (FLOATS, pa.float64()),
    "text": (TEXT, pa.string()),
    "bool": (st.booleans(), pa.bool_()),
}


@st.composite
def tables(draw, missing=True):
    """Columns of one length: name -> (kind, values), None where a cell is missing."""
    rows = draw(st.integers(1, 6))
    found = {}
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        cell = KINDS[kind][0]
        cell = st.one_of(st.none(), cell) if missing else cell
        found[f"c{number}_{kind}"] = (kind, draw(st.lists(cell, min_size=rows, max_size=rows)))
    return found


def check(read: pd.DataFrame, table, text=()) -> None:
    assert list(read.columns) == list(table)
    for name, (kind, values) in table.items():
        column = read[name]
        assert column.isna().tolist() == [value is None for value in values], name
        for there, value in zip(column, values, strict=True):
            if value is None:
                continue
            if kind in ("int64", "uint64"):
                assert int(there) == value
                assert not isinstance(there, float)
            elif kind == "float64":
                assert float(there) == value
            elif kind == "bool":
                assert bool(there) is value
            else:
                assert there == value, (name, there, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


any_table = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@any_table
@given(table=tables())
def test_parquet(folder, table):
    file = folder / "any.parquet"
    columns = {name: pa.array(values, KINDS[kind][1]) for name, (kind, values) in table.items()}
    pq.write_table(pa.table(columns), file)
    check(read_table(file).frame, table)


def astropy_table(table):
    """Masked columns; astropy has no missing text, and writes it as empty."""
    columns = []
    for name, (kind, values) in table.items():
        fill = {"text": "x", "bool": False, "float64": 0.0}.get(kind, 0)
        data = [fill if value is None else value for value in values]
        dtype = {"text": str, "bool": bool}.get(kind, kind)
        mask = [value is None for value in values]
        columns.append(MaskedColumn(np.array(data, dtype), name=name, mask=mask))
    return Table(columns)


@any_table
@given(table=tables())
def test_ecsv(folder, table):
    file = folder / "any.ecsv"
    astropy_table(table).write(file, format="ascii.ecsv", overwrite=True)
    # Astropy writes a row that is a lone "#" and takes it for a comment itself.
    assume(len(Table.read(file)) == len(next(iter(table.values()))[1]))
    check(read_table(file).frame, table)


@any_table
@given(table=tables(missing=False), form=st.sampled_from(["tabledata", "binary", "binary2"]))
def test_votable(folder, table, form):
    # The format has no whole numbers beyond 63 bits.
    assume(all(kind != "uint64" for kind, _ in table.values()))
    file = folder / "any.vot"
    astropy_table(table).write(file, format="votable", tabledata_format=form, overwrite=True)
    check(read_table(file).frame, table)


@any_table
@given(table=tables(missing=False))
def test_fits(folder, table):
    file = folder / "any.fits"
    ascii_only = {
        name: (kind, values if kind != "text" else [ascii(v)[1:-1].strip() or "x" for v in values])
        for name, (kind, values) in table.items()
    }
    # Of a masked column astropy writes a value that stands for missing cells (TNULL 999999).
    astropy_table(ascii_only).filled().write(file, overwrite=True)
    check(read_table(file).frame, ascii_only)


def text_cells(table):
    """As the csv module writes them: numbers in full, missing cells empty."""

    def cell(value):
        if value is None:
            return ""
        return repr(value) if isinstance(value, float) else str(value)

    names = list(table)
    rows = zip(*(values for _, values in table.values()), strict=True)
    return names, [[cell(value) for value in row] for row in rows]


@any_table
@given(
    table=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_csv(folder, table, delimiter, encoding, ending):
    """Of text, only what is text in every reader's eyes: columns of names are declared, as a
    group's or an id's are, and stay text whatever they hold.
    """
    names, rows = text_cells(table)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ending)
    writer.writerow(["key", *names])
    writer.writerows([[f"g{number}", *row] for number, row in enumerate(rows)])
    file = folder / "any.csv"
    file.write_bytes(stream.getvalue().encode(encoding))
    text = tuple(name for name, (kind, _) in table.items() if kind == "text")
    read = read_table(file, text).frame
    assert read.pop("key").tolist() == [f"g{number}" for number in range(len(rows))]
    # A column without any number is text; it has no type of its own.
    for name, (kind, values) in table.items():
        if kind != "text" and all(value is None for value in values):
            assert read[name].isna().all()
            read[name] = pd.Series([None] * len(values), dtype=object)
    check(read, table)


@pytest.mark.parametrize("value", ["1.5", "1e5", "007", "3_000", "0x1F", "--"])
def test_a_number_is_only_what_stays_the_same_number(folder, value):
    file = folder / "one.csv"
    file.write_text(f"id,x\na,{value}\nb,2\n")
    column = read_table(file).frame["x"]
    numeric = pd.api.types.is_numeric_dtype(column)
    assert numeric == (value in ("1.5", "1e5", "--"))
    if not numeric:
        assert column.tolist() == [value, "2"]
