"""The documentation builds without a warning, asks no other host for anything, and has a page or a
line of all there is.
"""

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbclient
import nbformat
import pytest
from playwright.sync_api import Browser

import daexplore
from daexplore import methods
from daexplore.alignment import METHODS
from daexplore.app.glossary.markup import GLOSSARY

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
PLOT = """\
import holoviews as hv

from daexplore.views.notebook import init_notebook, show

init_notebook()
show(hv.Curve([1, 3, 2]))"""
SHOWN = "03_dann"


@dataclass
class Markup(HTMLParser):
    """What a page loads, links to, and can be linked to."""

    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag in LOADS and LOADS[tag] in values:
            self.loads.append(values[LOADS[tag]])
        if (
            tag == "link"
            and "href" in values
            and values.get("rel") not in ("index", "search", "next", "prev", "canonical")
        ):
            self.loads.append(values["href"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@cache
def markup(page: Path) -> Markup:
    parsed = Markup()
    parsed.feed(page.read_text(encoding="utf-8"))
    return parsed


def copied(to: Path) -> Path:
    """The hand-written part in a folder of its own, beside what it is made from: a build at the
    same time does not meet this one.
    """
    folder = to / "docs" / "site"
    generated = importlib.import_module("sitegen.pages").GENERATED
    shutil.copytree(
        SITE,
        folder,
        ignore=lambda path, names: generated if Path(path) == SITE else ["__pycache__"],
    )
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "daexplore",
        "notebooks",
        *(f"docs/{path.name}" for path in others()),
    ):
        (to / name).symlink_to(ROOT / name)
    return folder


def others() -> list[Path]:
    return [path for path in (ROOT / "docs").iterdir() if path.name not in ("site", "_build")]


@pytest.fixture(scope="module", autouse=True)
def sitegen() -> Iterator[None]:
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, one notebook among them as if it had been executed before, and had drawn a
    plot.
    """
    root = tmp_path_factory.mktemp("documents")
    folder, out = copied(root), root / "build" / "html"
    tutorials = importlib.import_module("sitegen.tutorials")
    kept = tutorials.kept_file(
        out.parent / "notebooks", ROOT / "notebooks" / f"{SHOWN}.ipynb", ROOT
    )
    kept.parent.mkdir(parents=True)
    cells = [nbformat.v4.new_markdown_cell("# A plot"), nbformat.v4.new_code_cell(PLOT)]
    nbformat.write(nbclient.execute(nbformat.v4.new_notebook(cells=cells)), kept)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(folder),
        str(out),
    ]
    done = subprocess.run(
        command,
        env=os.environ | {"DOCS_NOTEBOOKS": "kept"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return out


def pages(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    assert len(pages(site)) > 100
    for page in pages(site):
        foreign = [load for load in markup(page).loads if re.match(r"(?:[a-z]+:)?//", load)]
        assert foreign == [], page
        for load in markup(page).loads:
            if not load.startswith("data:"):
                assert (page.parent / unquote(urlsplit(load).path)).is_file(), (page, load)
        assert not re.search(r"""(?:@import|url\()\s*['"]?(?:https?:)?//""", text(page)), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(?:@import|url\()\s*['"]?(?:https?:)?//""", text(sheet)), sheet
    assert "mathjax" not in "".join(
        load.lower() for page in pages(site) for load in markup(page).loads
    )


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    for page in pages(site):
        for link in markup(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert to.exists(), (page, link)
            # Genindex and search have no anchors of their own; Furo's own links to the top have
            # none to look for.
            if parts.fragment and to.suffix == ".html":
                assert unquote(parts.fragment) in markup(to).ids, (page, link)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noda", *METHODS, "adabn", "oracle"])
def test_a_method_has_its_page_with_formula_source_and_failure(site: Path, name: str) -> None:
    page = text(site / "methods" / f"{name}.html")
    formula = re.search(r'<div class="formula docutils container">\s*<p>(.+?)</p>', page, re.DOTALL)
    assert formula
    assert len(formula[1]) >= len("task")
    assert re.search(r"<strong>Source\.</strong> .*\d{4}", page)
    assert "When it fails" in page
    assert f'href="{name}.html"' in text(site / "methods" / "index.html")
    if name in METHODS:
        assert METHODS[name].__name__ in page


@pytest.mark.slow
def test_the_glossary_has_every_term_to_link_to(site: Path) -> None:
    page = site / "reference" / "glossary.html"
    named = {
        re.sub(r"<[^>]+>", "", found) for found in re.findall(r"<strong>(.*?)</strong>", text(page))
    }
    assert set(GLOSSARY) <= named
    assert len([name for name in markup(page).ids if name.startswith("term-")]) == len(GLOSSARY)


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    assert {f"daexplore.{name}" for name in daexplore.__all__} <= markup(
        site / "reference" / "python.html"
    ).ids
    shown = set().union(*(markup(page).ids for page in (site / "reference").rglob("*.html")))
    for package in ("alignment", "models", "config", "data", "runs", "kernels", "errors"):
        module = importlib.import_module(f"daexplore.{package}")
        for name in module.__all__:
            last = f".{name}"
            assert any(each.startswith("daexplore.") and each.endswith(last) for each in shown), (
                f"daexplore.{package}.{name}"
            )
    for module, name in (
        ("engine.training.train", "train"),
        ("analysis.metrics.bootstrap", "group_weights"),
        ("views.plots.roc", "roc_curves"),
    ):
        if hasattr(importlib.import_module(f"daexplore.{module}"), name):
            assert f"daexplore.{module}.{name}" in shown


@pytest.mark.slow
def test_the_command_line_has_every_command_and_option(site: Path) -> None:
    page = text(site / "reference" / "command-line.html")
    found = list(importlib.import_module("sitegen.command_line").commands())
    assert len(found) > 15
    for name, command in found:
        section = re.search(
            rf'<section id="{name.replace(" ", "-")}">(.*?)</section>', page, re.DOTALL
        )
        assert section, name
        words = re.sub(r"<[^>]+>", "", section[1])
        for param in command.params:
            assert all(option in words for option in param.opts if option.startswith("--")), (
                name,
                param.name,
            )


@pytest.mark.slow
def test_notebooks_how_tos_and_results_have_pages_and_the_front_has_the_explorer_s_picture(
    site: Path,
) -> None:
    for folder, files in (
        ("tutorial", (ROOT / "notebooks").glob("*.ipynb")),
        ("howto", (SITE / "howto").glob("*.md")),
    ):
        assert {file.stem for file in files} <= {
            page.stem for page in (site / folder).glob("*.html")
        }
    results = [
        file
        for file in (ROOT / "docs" / "results").iterdir()
        if file.suffix in (".md", ".csv", ".json")
    ]
    assert {file.stem for file in results} <= {
        page.stem for page in (site / "results").glob("*.html")
    }
    front = text(site / "index.html")
    assert re.search(
        r'class="only-light'
        r' screen"[^>]*src="_images/compare-light|src="_images/compare-light[^>]*only-light',
        front,
    )
    assert "compare-dark" in front
    assert "0.786" in front  # of the table of results in README.md


@pytest.mark.slow
def test_formulas_are_mathml(site: Path) -> None:
    assert "<math" in text(site / "tutorial" / "02_mmd_from_scratch.html")
    assert not any(
        "$$" in re.sub(r"<script.*?</script>", "", text(page), flags=re.DOTALL)
        for page in (site / "tutorial").glob("*.html")
    )


@pytest.mark.slow
@pytest.mark.browser
def test_a_plot_of_a_notebook_is_drawn_offline_in_light_and_dark(
    site: Path, chromium: Browser
) -> None:
    page_file = site / "tutorial" / f"{SHOWN}.html"
    assert "cdn" not in text(page_file)
    for scheme in ("light", "dark"):
        context = chromium.new_context(offline=True, color_scheme=scheme)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error, found=errors: found.append(str(error)))
        page.goto(page_file.as_uri())
        page.wait_for_function(
            "window.Bokeh && Bokeh.documents.length == 1 && Bokeh.documents[0].is_idle",
            timeout=30_000,
        )
        # Bokeh draws within a shadow root; Playwright looks into it.
        box = page.locator("div.cell_output canvas").first.bounding_box()
        assert box
        assert min(box["width"], box["height"]) > 100
        assert errors == []
        context.close()


@pytest.mark.slow
def test_a_notebook_is_executed_once_kept_and_a_broken_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tutorials = importlib.import_module("sitegen.tutorials")
    file, kept = tmp_path / "notebooks" / "one.ipynb", tmp_path / "kept"
    file.parent.mkdir()
    (tmp_path / "daexplore").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")]), file)
    assert not tutorials.executed(file, "kept", kept, tmp_path).cells[0].outputs
    assert (
        tutorials.executed(file, "run", kept, tmp_path).cells[0].outputs[0]["data"]["text/plain"]
        == "42"
    )
    ran: list[str] = []
    told: list[str] = []
    client = tutorials.NotebookClient
    monkeypatch.setattr(
        tutorials,
        "NotebookClient",
        lambda *given, **named: ran.append("") or client(*given, **named),
    )
    monkeypatch.setattr(
        tutorials._LOG, "warning", lambda message, *given: told.append(message % given)
    )
    for mode in ("run", "kept"):
        assert tutorials.executed(file, mode, kept, tmp_path).cells[0].outputs
    assert not tutorials.executed(file, "off", kept, tmp_path).cells[0].outputs
    assert ran == []
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), file)
    tutorials.executed(file, "run", kept, tmp_path)
    assert ran == [""]
    assert told == ["one.ipynb does not run: ZeroDivisionError: division by zero"]
    assert len(list(kept.iterdir())) == 1


def test_the_snippet_that_opens_a_run_folder_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = importlib.import_module("sitegen.run_folder")._HEAD
    snippet = re.search(r"```python\n(.*?)```", head, re.DOTALL)
    assert snippet
    exec(
        snippet[1].replace(
            'Path("runs")', f"Path({str(Path(daexplore.__file__).parent / 'examples')!r})"
        ),
        {},
    )
    assert re.search(r"target +test +0\.\d+", capsys.readouterr().out)


def test_every_method_says_when_it_fails_and_the_generators_examples_hold() -> None:
    assert {*METHODS, *methods.WITHOUT_LOSS} == set(methods.METHODS)
    assert all(len(method.fails) > 80 for method in methods.METHODS.values())
    for file in sorted((SITE / "sitegen").glob("*.py")):
        module = importlib.import_module(
            f"sitegen.{file.stem}" if file.stem != "__init__" else "sitegen"
        )
        assert doctest.testmod(module).failed == 0
        assert len(text(file).splitlines()) <= 300
        assert module.__doc__
        assert module.__all__


def test_generated_pages_are_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {
        f"/docs/site/{name}/" for name in importlib.import_module("sitegen.pages").GENERATED
    } <= set(ignored)
    assert "/docs/_build/" in ignored
