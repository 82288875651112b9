"""Catalogues on disk: every kind of table holds what was put in, with units, descriptions and
header, however it was cut.
"""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table, validate
from astropy.table import Table

from daexplore.data import GalaxySet
from daexplore.data.catalogues.survey_columns import survey_columns, survey_piece
from daexplore.data.catalogues.write import Column, catalogue_kind, check_text, write_catalogue
from daexplore.errors import InputError

FORMATS = {".fits": "fits", ".ecsv": "ascii.ecsv", ".vot": "votable", ".parquet": "parquet"}
COLUMNS = [
    Column("sample_id", "U24", "Key", ucd="meta.id;meta.main"),
    Column("objid", "i8", "Theirs"),
    Column("ra", "f8", "Right ascension", "deg", "pos.eq.ra;meta.main"),
    Column("entropy", "f8", "Entropy", "bit"),
]
META = {
    "METHOD": "mmd",
    "RUN1": "20261125T000000-mmd-0123abcd" * 5,
    "TEMPER": 1.25,
    "NRUNS": 3,
    "ORACLE": False,
}


def values(n=1000):
    rng = np.random.default_rng(0)
    ra = rng.uniform(0, 360, n)
    ra[3] = np.nan
    ids = np.array([f'<s&"{row:06d}, xy' for row in range(n)])
    return {
        "sample_id": ids,
        "objid": 2**60 + np.arange(n),
        "ra": ra,
        "entropy": rng.normal(size=n) * 1e-9,
    }


def cut(data, rows):
    return (
        {name: column[start : start + rows] for name, column in data.items()}
        for start in range(0, len(data["ra"]), rows)
    )


def write(path, rows=300, data=None, columns=COLUMNS, meta=META):
    data = data or values()
    write_catalogue(path, catalogue_kind(path), columns, meta, len(data["ra"]), cut(data, rows))
    return data


def read(path):
    table = Table.read(path, format=FORMATS[path.suffix])
    table.convert_bytestring_to_unicode()
    return table


def plain(column):
    return (
        np.asarray(column.filled(np.nan))
        if hasattr(column, "filled") and column.dtype.kind == "f"
        else np.asarray(column)
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_astropy_reads_every_bit_with_units_and_descriptions(tmp_path, suffix):
    data = write(tmp_path / f"c{suffix}")
    table = read(tmp_path / f"c{suffix}")
    assert table.colnames == [column.name for column in COLUMNS]
    for column in COLUMNS:
        np.testing.assert_array_equal(plain(table[column.name]), data[column.name])
        assert table[column.name].description == column.description
        assert str(table[column.name].unit or "") == (column.unit or "")


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != ".vot"])
def test_the_header_is_the_tables_meta(tmp_path, suffix):
    write(tmp_path / f"c{suffix}")
    meta = read(tmp_path / f"c{suffix}").meta
    assert {key: meta[key] for key in META} == META


def test_a_votable_is_valid_and_has_the_header_as_params(tmp_path):
    write(tmp_path / "c.vot")
    table = parse_single_table(tmp_path / "c.vot", verify="exception")
    assert {param.name: param.value for param in table.params} == META
    assert [field.ucd for field in table.fields] == [column.ucd for column in COLUMNS]
    assert validate(tmp_path / "c.vot", output=None)


def test_a_fits_table_says_what_topcat_reads(tmp_path):
    write(tmp_path / "c.fits")
    assert (tmp_path / "c.fits").stat().st_size % 2880 == 0
    with fits.open(tmp_path / "c.fits") as hdus:
        hdus.verify("exception")
        header = hdus[1].header
        assert [header[f"TCOMM{number}"] for number in (1, 2, 3, 4)] == [
            column.description for column in COLUMNS
        ]
        assert (header["TUCD3"], header["TUNIT3"], header["EXTNAME"]) == (
            "pos.eq.ra;meta.main",
            "deg",
            "PREDICTIONS",
        )


def test_parquet_carries_a_votable_for_topcat(tmp_path):
    data = write(tmp_path / "c.parquet")
    table = Table.read(tmp_path / "c.parquet", format="parquet.votable")
    assert table["ra"].unit == "deg"
    frame = pd.read_parquet(tmp_path / "c.parquet")
    np.testing.assert_array_equal(frame["ra"], data["ra"])
    assert list(frame["sample_id"]) == list(data["sample_id"])


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
def test_how_the_rows_are_cut_does_not_show(tmp_path, suffix):
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    write(one, rows=1000)
    write(other, rows=90)
    assert one.read_bytes() == other.read_bytes()


def test_what_fits_cannot_hold_is_said_and_others_hold_it(tmp_path):
    data = values(5)
    data["sample_id"] = np.array(["größe"] * 5)
    with pytest.raises(InputError, match=r"sample_id holds 'größe'.*ASCII.*\.ecsv"):
        check_text("fits", COLUMNS, data)
    check_text("votable", COLUMNS, data)
    for suffix in (".ecsv", ".vot", ".parquet"):
        write(tmp_path / f"c{suffix}", data=data, meta=META | {"SURVEY": "größe"})
        assert list(read(tmp_path / f"c{suffix}")["sample_id"]) == ["größe"] * 5
    write(tmp_path / "c.fits", data=values(5), meta={"SURVEY": "größe"})
    assert fits.getheader(tmp_path / "c.fits", 1)["SURVEY"] == r"gr\xf6\xdfe"


@pytest.mark.parametrize("name", ["c.csv", "c.fits.gz", "c", "c.txt"])
def test_an_unknown_suffix(tmp_path, name):
    with pytest.raises(
        InputError, match=r"stands for no kind of catalogue. Expected one of \.fits, "
    ):
        catalogue_kind(tmp_path / name)


def survey(**columns):
    n = len(next(iter(columns.values())))
    ids = [f"s/{row}" for row in range(n)]
    catalogue = pd.DataFrame(
        {
            "sample_id": ids,
            "group_id": ids,
            "label": pd.array([pd.NA] * n, dtype="Int64"),
            **columns,
        }
    )
    return GalaxySet(np.zeros((n, 1, 4, 4), np.float32), catalogue, (), ("g",), "s")


def test_ids_and_positions_come_from_the_surveys_catalogue():
    galaxies = survey(
        ObjID=[5, 6, 7],
        RAJ2000=["12:00:00", "00:00:04", ""],
        DEJ2000=["-10:30:00", "+00:00:36", ""],
    )
    columns = survey_columns(galaxies)
    assert [(column.name, column.dtype, column.unit) for column in columns] == [
        ("sample_id", "U3", None),
        ("ObjID", "i8", None),
        ("ra", "f8", "deg"),
        ("dec", "f8", "deg"),
    ]
    piece = survey_piece(galaxies, columns, range(1, 3))
    np.testing.assert_array_equal(piece["ObjID"], [6, 7])
    np.testing.assert_allclose(piece["ra"], [1 / 60, np.nan])
    np.testing.assert_allclose(piece["dec"], [0.01, np.nan])


def test_a_text_id_with_holes_and_no_positions():
    galaxies = survey(name=["NGC 1", None, "a longer name"])
    columns = survey_columns(galaxies)
    assert [(column.name, column.dtype) for column in columns] == [
        ("sample_id", "U3"),
        ("name", "U13"),
    ]
    assert list(survey_piece(galaxies, columns, range(3))["name"]) == ["NGC 1", "", "a longer name"]
