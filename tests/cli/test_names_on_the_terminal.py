"""Names from files are printed as they are: no markup, no escape sequence."""

import pandas as pd
import pytest

from daexplore.cli.shared.output import print_frame
from daexplore.utils.text import printable

NAMES = [
    "spiral [barred]",
    "spiral [unbarred]",
    "[/red]",
    "[bold]x[/]",
    "a\x1b[2Jb",
    "c\u202egpj.d",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_table_is_shown_as_it_is(capsys, name):
    print_frame(pd.DataFrame({name: [name], "n": [1]}))
    shown = capsys.readouterr().out
    assert shown.count(printable(name)) == 2
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_control_characters_are_spelled_out_and_text_is_kept():
    assert printable("é λ\tx\ny") == "é λ\tx\ny"
    assert printable("\x07\x9b\r") == "\\x07\\x9b\\r"
