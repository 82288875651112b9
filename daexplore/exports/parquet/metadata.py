"""Column metadata of a Parquet table for astropy and TOPCAT."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Field", "metadata"]


@dataclass(frozen=True)
class Field:
    """A column.

    Attributes:
        name: of the column.
        dtype: of numpy; "U" with the longest text's letters, "S" with the longest bytes.
        description: one line.
        unit: as the FITS standard writes it.
        length: of the list in each row; None for a plain value.
    """

    name: str
    dtype: str
    description: str
    unit: str | None = None
    length: int | None = None


def metadata(fields: Sequence[Field], about: Mapping[str, str | int]) -> dict[str, str]:
    """Key-value pairs of the file: the table's header as astropy writes it, and as VOParquet 1.0
    does (a VOTable without data).

    Args:
        fields: the columns in order.
        about: the table as a whole.
    """
    from astropy.table.meta import get_yaml_from_table

    found = {
        "table_meta_yaml": "\n".join(get_yaml_from_table(_table(fields, about))),
        "IVOA.VOTable-Parquet.version": "1.0",
        "IVOA.VOTable-Parquet.content": _votable(fields, about),
    }
    return found | {
        f"table::len::{field.name}": str(int(field.dtype[1:]))
        for field in fields
        if field.dtype[0] in "US"
    }


def _table(fields: Sequence[Field], about: Mapping[str, str | int]) -> Any:
    from astropy.table import Table

    table = Table(meta=dict(about))
    for field in fields:
        table[field.name] = np.empty(
            (0,) if field.length is None else (0, field.length), field.dtype
        )
        table[field.name].info.description = field.description
        if field.unit is not None:
            # A unit that astropy does not know is kept as it was written.
            from astropy.units import Unit

            table[field.name].unit = Unit(field.unit, parse_strict="silent")
    return table


def _votable(fields: Sequence[Field], about: Mapping[str, str | int]) -> str:
    """The fields are written here and not by astropy, whose writer leaves out tables without
    rows.
    """
    from astropy.io.votable.exceptions import VOWarning
    from astropy.io.votable.tree import Field as VOField
    from astropy.io.votable.tree import Param, Resource, TableElement, VOTableFile

    stream = io.BytesIO()
    with warnings.catch_warnings():
        # Names of columns that XML does not take for identifiers, and units that astropy does not
        # know, stay as they are.
        warnings.simplefilter("ignore", VOWarning)
        votable = VOTableFile(version="1.4")
        resource = Resource()
        votable.resources.append(resource)
        table = TableElement(votable, name=str(about.get("run", "galaxies")))
        resource.tables.append(table)
        for key, value in about.items():
            kind = (
                {"datatype": "long"}
                if isinstance(value, int)
                else {"datatype": "unicodeChar", "arraysize": "*"}
            )
            table.params.append(Param(votable, name=key, value=value, **kind))
        for field in fields:
            made = VOField(votable, name=field.name, **_votable_type(field))
            made.description = field.description
            if field.unit is not None:
                made.unit = field.unit
            table.fields.append(made)
        votable.to_xml(stream)
    text = stream.getvalue().decode()
    head, _, rest = text.partition("<DATA>")
    return head.rstrip() + rest.partition("</DATA>")[2] if rest else text


def _votable_type(field: Field) -> dict[str, str]:
    kinds = {"f8": "double", "f4": "float", "i8": "long", "i4": "int", "b1": "boolean"}
    if field.dtype[0] == "U":
        return {"datatype": "unicodeChar", "arraysize": field.dtype[1:]}
    if field.dtype[0] == "S":
        return {"datatype": "unsignedByte", "arraysize": "*"}
    return {"datatype": kinds[field.dtype]} | (
        {} if field.length is None else {"arraysize": str(field.length)}
    )
