"""``daexplore compare`` in every format: what is printed, what is written, and what is refused."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import StringIO

import pandas as pd
import pytest
from command import call
from comparing import known_run

from daexplore.views.comparison.latex import latex_text


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for kind in ("noda", "mmd", "dann", "oracle"):
        for seed in range(2 if kind != "oracle" else 1):
            known_run(folder, kind, seed, n=200)
    return folder


@pytest.fixture
def compare(monkeypatch, capsys, runs):
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *options: call(monkeypatch, capsys, "compare", runs, *options)


def test_text_says_what_differs_and_whether_it_helped(compare):
    code, out, _ = compare()
    assert code == 0
    for said in (
        "Difference from noDA",
        "Fixed and broken",
        "Images that change class",
        "Classes in the target",
        "Share of the oracle gap",
    ):
        assert said in out
    assert re.search(r"MMD, without target labels: \w+", out)
    assert re.search(r"MMD, oracle: \w+", out)
    assert "Test split, source: 67 images of 67 galaxies" in out
    # A number of target labels without its mark would mislead.
    assert all(
        "oracle" in line
        for line in out.splitlines()
        if re.match(r" *(MMD|noDA|DANN) +target +\d+ +\d+ +", line)
        and "." in line
        and "[" in line
        and "none" not in line
    )


def test_csv_and_json_keep_their_form_and_tables_come_when_asked_for(compare):
    _, out, _ = compare("--format", "csv")
    plain = pd.read_csv(StringIO(out))
    assert list(plain) == ["run", "domain", "split", "name", "value", "low", "high", "n", "oracle"]
    _, out, _ = compare("--format", "json")
    assert [list(row) for row in json.loads(out)][:1] == [list(plain)]
    _, out, _ = compare("--format", "csv", "--table", "differences")
    differences = pd.read_csv(StringIO(out))
    assert set(differences["method"]) == {"MMD", "DANN", "oracle"}
    assert differences.loc[differences["domain"] == "target", "oracle"].all()
    code, out, _ = compare("--format", "json", "--table", "all")
    whole = json.loads(out)
    assert code == 0
    assert len(whole["differences"]) == len(differences)
    assert {verdict["method"] for verdict in whole["verdicts"]} == {"MMD", "DANN"}
    assert whole["baseline"] == "noDA"
    assert whole["counts"]["target"] == {"n": 67, "galaxies": 67}


def test_another_baseline(compare):
    code, out, _ = compare("--format", "csv", "--table", "differences", "--baseline", "mmd")
    assert code == 0
    assert set(pd.read_csv(StringIO(out))["baseline"]) == {"MMD"}


class Page(HTMLParser):
    """Checks that elements close in order, and gathers what would be loaded."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "br", "path", "circle"):
            self.open.append(tag)
        self.loads += [
            value
            for name, value in attributes
            if name in ("src", "href") and not value.startswith("data:")
        ]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_data(self, data):
        self.words.append(data)


def test_html_is_one_page_that_loads_nothing_in_light_and_dark(compare, tmp_path):
    code, _, _ = compare("--out", tmp_path / "page" / "compare.html")
    text = (tmp_path / "page" / "compare.html").read_text(encoding="utf-8")
    page = Page(text)
    assert code == 0
    assert (page.open, page.loads) == ([], [])
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    words = " ".join(page.words)
    for said in ("Without target labels", "67 target images", "Difference from noDA"):
        assert said in words
    assert sorted(re.search(r"(\w+), (\w+), (\w+), against noDA", words).groups()) == [
        "DANN",
        "MMD",
        "oracle",
    ]
    assert "nan" not in words.lower().split()


def test_html_escapes_names(monkeypatch, capsys, tmp_path, runs):
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.views.comparison.page import comparison_html
    from daexplore.views.comparison.tables import display_tables

    comparison = Comparison([runs], resamples=20)
    tables = {
        name: table.replace("MMD", "<script>x</script>")
        for name, table in comparison.tables().items()
    }
    about = json.loads(json.dumps(comparison.to_dict()).replace('"MMD"', '"<script>x</script>"'))
    assert "<script>" not in comparison_html(display_tables(tables, about), tables, about)


def test_latex_is_balanced_and_escaped(compare, tmp_path):
    code, _, _ = compare("--out", tmp_path / "compare.tex")
    text = (tmp_path / "compare.tex").read_text(encoding="utf-8")
    assert code == 0
    assert r"\usepackage{booktabs}" in text
    assert text.isascii()
    begun = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    stack = []
    for what, name in begun:
        if what == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert (stack, len(begun) > 10) == ([], True)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#]|(?<!\\)_", re.sub(r"\\label\{[^}]*\}", "", body))
    plain = re.sub(r"\\[{}$]", "", body)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    for table in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        rows = [line for line in table[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(table[0]) - 1}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(compare, tmp_path):
    compare("--out", tmp_path / "compare.tex")
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{compare}\n\\end{document}\n"  # noqa: E501
    (tmp_path / "main.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_special_character_of_latex():
    assert latex_text(r"a\b{c}") == r"a\textbackslash{}b\{c\}"
    assert latex_text("~^&%$#_") == r"\textasciitilde{}\textasciicircum{}\&\%\$\#\_"
    assert latex_text("0.1 → −0.2 – MMD²") == r"0.1 $\to$ $-$0.2 -- MMD$^2$"


def test_what_cannot_be_compared_is_refused_but_still_listed(monkeypatch, capsys, tmp_path, runs):
    other = known_run(tmp_path, "mmd", n=120, fingerprint="1" * 16)
    code, out, _ = call(monkeypatch, capsys, "compare", runs, other.path)
    assert code == 0
    assert "Not compared method by method: " in out
    assert "cannot be compared: they saw other source galaxies" in out
    assert "Difference from" not in out
    for options in (
        ["--format", "html"],
        ["--format", "latex"],
        ["--baseline", "noda"],
        ["--format", "csv", "--table", "metrics"],
    ):
        code, out, err = call(monkeypatch, capsys, "compare", runs, other.path, *options)
        assert code == 2
        assert "cannot be compared: they saw other source galaxies" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "xml"], "text, csv, json, latex or html; got 'xml'"),
        (["--table", "numbers"], "--table must be metrics, differences"),
        (["--format", "csv", "--table", "all"], "A CSV file holds one table"),
        (["--baseline", "lmmd"], "No method among these runs is called 'lmmd'"),
        (["--split", "train"], "there are test and validation"),
    ],
)
def test_wrong_options_exit_with_2(compare, options, said):
    code, _, err = compare(*options)
    assert code == 2
    assert said in err


def test_a_file_that_cannot_be_written(compare, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = compare("--format", "csv", "--out", tmp_path / "file" / "table.csv")
    assert code == 2
    assert "Cannot write to" in err


def test_text_goes_to_a_file_too(compare, tmp_path):
    code, out, _ = compare("--out", tmp_path / "compare.txt")
    assert (code, out) == (0, "")
    assert "Difference from noDA" in (tmp_path / "compare.txt").read_text(encoding="utf-8")
