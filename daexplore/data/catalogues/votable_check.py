"""VOTables may name other files and addresses, which a reader would open; none is opened here."""

from pathlib import Path
from typing import Any
from xml.parsers import expat

from daexplore.errors import InputError

__all__ = ["check_votable"]


def check_votable(path: Path) -> None:
    """Refuse a VOTable that is not whole in itself.

    Raises:
        InputError: a document type with entities, a STREAM or INCLUDE that names another place, or
            a file that is no XML.
    """
    from astropy.utils.data import get_readable_fileobj

    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2].upper()
        named = {key.rpartition(":")[2].lower(): value for key, value in attributes.items()}
        if kind in ("STREAM", "INCLUDE") and "href" in named:
            raise _refused(path, f"a {kind} whose data are at {named['href'][:200]!r}")

    def doctype(*_: Any) -> None:
        raise _refused(path, "a document type, which may define entities")

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    try:
        with get_readable_fileobj(str(path), encoding="binary", cache=False) as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise InputError(f"{path} cannot be read as a table: {error}.") from error


def _refused(path: Path, what: str) -> InputError:
    return InputError(
        f"{path} has {what}. Only VOTables that hold their data themselves are read. Save it again"
        " with its data inside, for example in TOPCAT as VOTable (TABLEDATA)."
    )
