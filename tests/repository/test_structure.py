"""The layout holds: packages, file sizes, docstrings, no pickle, no torch where browsing starts;
and a README that tells the truth.
"""

import ast
import re
import shlex
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "daexplore").rglob("*.py"))
SCRIPTS = [
    path for folder in ("apps", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]
UNPICKLING = {"pickle", "cloudpickle", "dill", "joblib", "shelve"}


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, **options)


def named(path):
    return str(path.relative_to(ROOT))


def test_imports_only_go_down():
    result = run(str(Path(sys.executable).parent / "lint-imports"))
    assert result.returncode == 0, result.stdout
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", result.stdout)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_short_documented_and_says_what_it_offers(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 450
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    assert docstring
    assert "\n" not in docstring.strip().split("\n\n")[0]
    names = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    if path.name == "__init__.py":
        names |= {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
    offered = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in offered or path.name == "__main__.py" or not names


def test_no_folder_holds_more_than_twenty_modules():
    counts = Counter(path.parent for path in MODULES)
    assert {str(folder.relative_to(ROOT)): n for folder, n in counts.items() if n > 20} == {}


PRIVATE_WORDS = (
    r"anew|likewise|whoever|beneath|furnish\w*|visitors?|mend(?:s|ed|ing)?|at hand|set aside|"
    "sets aside|told from chance|changes? hands|comes? in later|goes on with"
)


def words_for_users():
    """Text that a user reads: pages of documentation, and strings of the package but docstrings."""
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "site").glob("howto/*.md"),
        *(ROOT / "daexplore").rglob("README.md"),
    ]:
        yield path, path.read_text()
    for path in MODULES:
        tree = ast.parse(path.read_text())
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and id(node) not in docstrings:
                yield path, text


def test_users_read_plain_english():
    found = [
        (named(path), word)
        for path, text in words_for_users()
        for word in re.findall(rf"\b(?:{PRIVATE_WORDS})\b", text)
    ]
    assert found == []


@pytest.mark.parametrize("path", MODULES + SCRIPTS, ids=named)
def test_nothing_is_unpickled(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not UNPICKLING & {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in UNPICKLING
        if isinstance(node, ast.Call):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert given.get("allow_pickle", "False") == "False"
            assert not ast.unparse(node.func).endswith(("read_pickle", "to_pickle"))
            assert ast.unparse(node.func) != "torch.load" or given.get("weights_only") == "True"


def test_browsing_starts_without_torch():
    code = (
        "import sys, daexplore.runs, daexplore.config, daexplore.data\nslow = {'torch',"
        " 'lightning_fabric', 'sklearn', 'umap', 'numba', 'captum', 'galsim', 'panel', 'holoviews'}"
        " & set(sys.modules)\nsys.exit(', '.join(sorted(slow)) or 0)"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr


def test_the_readme_leads_to_files_that_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def readme_commands():
    """Lines of the README's shell blocks, continued lines joined."""
    readme = ROOT / "README.md"
    text = readme.read_text() if readme.is_file() else ""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = [
        line.strip().removeprefix("$ ")
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line and not line.startswith("#")]


@cache
def help_of(command):
    result = run(
        sys.executable,
        "-m",
        "daexplore",
        *command,
        "--help",
        env={"COLUMNS": "200", "TERM": "dumb", "PATH": "/usr/bin:/bin"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_readme_names_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    used = [line.split()[1] for line in readme_commands() if line.startswith("make ")]
    assert used
    assert set(used) <= targets


def test_the_readme_names_commands_and_options_that_exist():
    commands = [shlex.split(line, comments=True) for line in readme_commands()]
    commands = [words[1:] for words in commands if Path(words[0]).name == "daexplore"]
    assert commands
    for words in commands:
        if words[0].startswith("-"):
            continue
        assert re.search(rf"\b{words[0]}\b", help_of(()))
        for word in words[1:]:
            if word.startswith("--"):
                assert word.split("=")[0] in help_of((words[0],)), (
                    f"daexplore {words[0]} has no {word}"
                )


def test_make_help_lists_every_target():
    listed = set(re.findall(r"^make ([a-z]+)", run("make", "help").stdout, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert listed == targets


def test_an_old_python_is_refused_in_words(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.1 && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = run("make", "--always-make", "env", f"PYTHON={old}")
    assert result.returncode != 0
    assert "needs Python 3.11 or later" in result.stderr
    assert "Python 3.8.1" in result.stderr


def test_the_constraints_pin_every_dependency():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + [
        name for extra in project["optional-dependencies"].values() for name in extra
    ]
    names = {
        re.split(r"[<>=\[ ]", requirement)[0].lower().replace("_", "-") for requirement in needed
    }
    pins = [line.split("==") for line in (ROOT / "constraints.txt").read_text().split()]
    # An extra of its own may hold others of them.
    assert names - {project["name"]} <= {name.lower().replace("_", "-") for name, _ in pins}
    # A local version (+cpu) is found on one machine only.
    assert not [version for _, version in pins if "+" in version]
