"""VOTables that name other places are refused before anything is opened."""

import pytest

from daexplore.data.catalogues.read import read_table
from daexplore.errors import InputError

HEAD = "<?xml version='1.0'?>{doctype}<VOTABLE version='1.4'><RESOURCE><TABLE name='t'>"
FIELD = "<FIELD name='id' datatype='char' arraysize='*'/>"
TAIL = "</TABLE></RESOURCE></VOTABLE>"


def table(data, doctype=""):
    return HEAD.format(doctype=doctype) + FIELD + f"<DATA>{data}</DATA>" + TAIL


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:9/x", "file:///etc/passwd", "/etc/passwd", "ftp://a/b"]
)
@pytest.mark.parametrize("stream", ["STREAM", "v:STREAM"])
def test_a_stream_elsewhere_is_refused(tmp_path, place, stream):
    file = tmp_path / "c.vot"
    binary = f"<BINARY><{stream} xmlns:v='x' href='{place}'/></BINARY>"
    file.write_text(table(binary))
    with pytest.raises(InputError, match="whose data are at"):
        read_table(file)


def test_entities_are_refused(tmp_path):
    file = tmp_path / "c.vot"
    doctype = "<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
    file.write_text(table("<TABLEDATA><TR><TD>&x;</TD></TR></TABLEDATA>", doctype))
    with pytest.raises(InputError, match="document type"):
        read_table(file)


def test_in_another_encoding_too(tmp_path):
    file = tmp_path / "c.vot"
    text = table("<BINARY><STREAM href='file:///etc/passwd'/></BINARY>")
    file.write_bytes(text.replace("?>", " encoding='utf-16'?>", 1).encode("utf-16"))
    with pytest.raises(InputError, match="whose data are at"):
        read_table(file)


def test_a_whole_one_is_read(tmp_path):
    file = tmp_path / "c.vot"
    file.write_text(table("<TABLEDATA><TR><TD>a</TD></TR></TABLEDATA>"))
    assert list(read_table(file).frame["id"]) == ["a"]
