"""README.md tells the truth: each command is run, on few galaxies and for one epoch, or is in
EXCUSED; links, pictures and counts hold.

Its tables of results are compared with docs/results in test_results.py.
"""

import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
from blocks import PATIENCE, blocks, environment, languages, prose
from command import call
from PIL import Image
from readme_place import FEW, Started, build_tab
from typer.main import get_command

import daexplore
from daexplore import methods
from daexplore.alignment import METHODS
from daexplore.cli import app
from daexplore.config import DataConfig
from daexplore.data.simulate import PRESETS
from daexplore.methods import methods_table
from daexplore.runs import RunStore

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "docs" / "commands.md",
    ROOT / "docs" / "results" / "nearby.md",
    ROOT / "docs" / "results" / "README.md",
]
# Links of the other pages go by way of the repository's root, so that all can be checked alike.
TEXT = "\n".join(re.sub(r"\]\((\.\./)+", "](", page.read_text(encoding="utf-8")) for page in PAGES)
LINES = [
    [line for line in block.text.splitlines() if line and not line.startswith("#")]
    for page in PAGES
    for block in blocks(page)
]
SPANS = sorted(
    {span for page in PAGES for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(page))}
)

# A command that is not run, why, and what is looked at in its place.
EXCUSED = {
    "make explore": (
        "It would make an environment and open a browser; `daexplore explore runs`, which it calls,"
        " is run."
    ),
    "make test": "It would run these tests within themselves.",
    "make notebooks": (
        "It would open a browser; JupyterLab is driven in tests/browser/test_jupyterlab.py."
    ),
    "make docs": "It needs minutes; tests/repository/test_docs.py builds the pages.",
    'pip install "daexplore[exports]"': (
        "It needs the network; that the extra brings what the exports import is checked."
    ),
    "python -m benchmarks.published.moons": (
        "It would train every method for minutes; tests/repository/test_published.py trains some."
    ),
}
MAKES = {
    "explore": "daexplore explore runs",
    "test": "-m pytest",
    "notebooks": "jupyter lab notebooks",
    "docs": "-m sphinx",
}
ACTIVATE = ". .venv/bin/activate"
SERVERS = {"daexplore explore runs": "serve", "panel serve apps/explorer.py": "explorer"}
PYTHON = {
    'daexplore.explore("runs")': "assert urlopen(shown.url, timeout=120).status == 200",
    'daexplore.Comparison(["runs"])': "assert 'MMD' in str(shown)",
    "from daexplore.exports import to_parquet; to_parquet(run, file)": "assert file.is_file()",
}
# What makes a command small enough for a test; of an option given twice the last one counts.
SMALL = {
    "simulate": ["--n", "12", "--workers", "1"],
    "train": ["--epochs", "1", *FEW],
    "train --resume": [],
    "sweep": ["--epochs", "1", *FEW, "--seeds", "0", "--cluster", "debug"],
    "ingest": ["--workers", "1"],
    "inspect": ["--sample", "40"],
    "distance": ["--permutations", "50"],
    "robustness --dial": ["--galaxies", "6", "--levels", "0,1"],
    "robustness": ["--galaxies", "6"],
    "explain": ["--galaxies", "4"],
    # A run is not imported beside itself.
    "runs import": ["--runs", "elsewhere"],
}
# What the comment beside a command says may stand in it instead: the words for it there, what is
# taken out, what comes in.
INSTEAD = (
    (".tex, .csv, .json", "compare.html", ("compare.tex", "compare.csv", "compare.json")),
    ("daexplore runs import run.zip", "export runs/RUN run.zip", ("import run.zip",)),
    ("psf, noise, rotation", "--dial depth", ("--dial psf", "--dial noise", "--dial rotation")),
    ("--attack boundary", "--dial depth", ("--attack boundary",)),
    (
        "--to tensorboard, --to mlflow",
        "--to parquet --out tables",
        ("--to tensorboard --out logs", "--to mlflow --out store"),
    ),
    ("an ensemble of several", "--run runs/RUN", ("--run runs/RUN --run runs/OTHER --overwrite",)),
    (
        "zsh, fish",
        'eval "$(daexplore completion bash)"',
        ("daexplore completion zsh", "daexplore completion fish"),
    ),
    (
        "--fit-preprocessing, --freeze convolutions",
        "--rate 0.1",
        ("--fit-preprocessing", "--freeze convolutions"),
    ),
)


def command_of(line: str) -> str:
    return line.partition(" #")[0].strip()


def variants(line: str) -> list[str]:
    """The command of a line, and what its comment says it may be instead."""
    command, comment = command_of(line), line.partition(" #")[2]
    found = [command]
    for words, out, into in INSTEAD:
        if out in command and words in comment:
            found += [command.replace(out, each) for each in into]
    return found


def kind(command: str) -> str | None:
    """How a command is tested; None is an answer that no command may have."""
    if command in EXCUSED:
        return "excused"
    if command in SERVERS:
        return "server"
    if command in PYTHON:
        return "python"
    if command.startswith("daexplore ") and command.split()[1] in get_command(app).commands:  # type: ignore[attr-defined]
        return "daexplore"
    return (
        "shell"
        if command.startswith(
            (ACTIVATE, 'eval "$(daexplore completion ', "python benchmarks/results.py ")
        )
        else None
    )


def test_every_block_is_shell_and_every_command_is_run_or_excused() -> None:
    assert [name for page in PAGES for name in languages(page)] == ["sh"] * len(LINES)
    in_blocks = [command_of(line) for lines in LINES for line in lines]
    used = [word for command in in_blocks for word in command.split()]
    for span in SPANS:
        if span.startswith("--"):
            # An option with a value is run below; one without is in a block.
            assert " " in span or span in used or span in SMALL["train"], span
        elif re.fullmatch(r"daexplore \w+", span):
            assert any(command.startswith(f"{span} ") for command in in_blocks), span
    inline = [
        span
        for span in SPANS
        if re.match(r"(\w+|\.) \S|daexplore\.", span) and not re.fullmatch(r"daexplore \w+", span)
    ]
    assert [command for command in (*in_blocks, *inline) if kind(command) is None] == []
    assert {*EXCUSED, *SERVERS, *PYTHON, ACTIVATE} <= {*in_blocks, *inline}
    assert all(re.search(r"\b(would|needs?)\b.*\.$", reason) for reason in EXCUSED.values())


def test_what_comments_offer_instead_is_run_too() -> None:
    lines = [line for block in LINES for line in block]
    for words, out, _ in INSTEAD:
        assert [
            line for line in lines if out in command_of(line) and words in line.partition(" #")[2]
        ], words
    for line in lines:
        run = " ".join(variants(line))
        for option in re.findall(
            r"(?<!\w)--[a-z][a-z-]+(?: [a-z.]+)?|daexplore \w+ \w+", line.partition(" #")[2]
        ):
            assert option in run, option


@pytest.mark.parametrize("command", [command for command in EXCUSED if command.startswith("make ")])
def test_a_make_target_calls_what_it_should(command: str) -> None:
    target = command.split()[1]
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert MAKES[target] in done.stdout


def test_the_extra_and_the_modules_that_are_not_run_are_there() -> None:
    extra = [line for line in requires("daexplore") or () if 'extra == "exports"' in line]
    assert {re.split(r"[<>=;\[ ]", line)[0] for line in extra} >= {
        "mlflow-skinny",
        "onnx",
        "onnxruntime",
        "tensorboard",
    }
    for name in re.findall(
        r"`python -m (benchmarks\.published)(\.\w+)`, `(\.\w+)`, `(\.\w+)`", TEXT
    )[0][1:]:
        assert find_spec(f"benchmarks.published{name}"), name
        assert "__main__" in (ROOT / "benchmarks" / "published" / f"{name[1:]}.py").read_text(
            encoding="utf-8"
        )


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAEXPLORE_CACHE", str(folder.parent / "readme-cache"))
        return folder, build_tab(folder)


@pytest.fixture
def place(
    furnished: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of the furnished folder, in which the commands are typed."""
    folder = tmp_path / "here"
    shutil.copytree(furnished[0], folder)
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    (folder / "apps").symlink_to(ROOT / "apps")
    for name, value in environment(furnished[0].parent / "readme-cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return folder


def named(command: str, runs: dict[str, str]) -> str:
    """The command with runs that there are."""
    run = runs["STOPPED" if "--resume" in command else "RUN"]
    for word, path in {"DISTANT-MMD-RUN": runs["RUN"], "OTHER": runs["OTHER"], "RUN": run}.items():
        command = re.sub(rf"(?:runs/)?(?<![\w-]){word}\b", path, command)
    return command


@pytest.fixture
def typed(
    furnished: tuple[Path, dict[str, str]],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str], None]:
    """Run a command, made small; checks that it ends well and leaves the file that it names."""

    def type_in(command: str) -> None:
        whole = named(command, furnished[1])
        if kind(whole) == "shell":
            also = "\ncomplete -p daexplore" if whole.startswith("eval") else ""
            done = subprocess.run(
                ["bash", "-euc", whole + also], capture_output=True, text=True, timeout=PATIENCE
            )
            code, out, errors = done.returncode, done.stdout, done.stderr
        else:
            words = shlex.split(whole)[1:]
            # A command with two names, or with an option that others of its name lack, goes before.
            names = (
                " ".join(words[:2]),
                *(f"{words[0]} {word}" for word in words if word.startswith("--")),
                words[0],
            )
            small = next((SMALL[name] for name in names if name in SMALL), [])
            code, out, errors = call(monkeypatch, capsys, *words, *small)
        assert code == 0, f"{whole}\n{out[-2000:]}\n{errors[-3000:]}"
        assert "Traceback" not in errors, whole
        for option in ("--out ", "--html "):
            if option in whole:
                assert Path(whole.partition(option)[2].split()[0]).exists(), whole

    return type_in


@pytest.mark.slow
# Few galaxies make libraries warn of few galaxies.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "number",
    [number for number, lines in enumerate(LINES) if not {*map(command_of, lines)} <= {*EXCUSED}],
)
def test_every_command_of_a_block_runs(number: int, typed: Callable[[str], None]) -> None:
    if any(line.startswith("daexplore ingest ") for line in LINES[number]):
        # What other blocks find, this one makes.
        shutil.rmtree("survey")
    for line in LINES[number]:
        for command in variants(line):
            if command not in EXCUSED:
                typed(command)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "option", [span for span in SPANS if span.startswith("--") and " " in span]
)
def test_an_option_named_in_a_sentence_is_taken_by_a_training(
    option: str, typed: Callable[[str], None]
) -> None:
    before = {path.name for path in Path("runs").iterdir()}
    typed(f"daexplore train --data demo {option}")
    assert len({path.name for path in Path("runs").iterdir()} - before) == 1


@pytest.mark.slow
def test_the_environment_puts_the_command_on_the_path(place: Path) -> None:
    (place / ".venv").symlink_to(sys.prefix)
    command = [
        "env",
        "-i",
        "PATH=/usr/bin:/bin",
        "bash",
        "-euc",
        f"{ACTIVATE}; command -v daexplore",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert Path(done.stdout.strip()).parent == Path(sys.executable).parent, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", SERVERS)
def test_a_server_answers(command: str, place: Path, tmp_path: Path) -> None:
    served = Started(command, SERVERS[command], place / "runs", tmp_path / "log.txt")
    try:
        with urllib.request.urlopen(served.url, timeout=120) as answer:
            assert answer.status == 200
            assert b"daexplore" in answer.read()
    finally:
        served.stop()
    assert "Traceback" not in served.log.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON)
def test_what_is_said_in_python_works_in_a_fresh_interpreter(
    code: str, furnished: tuple[Path, dict[str, str]], place: Path
) -> None:
    before, _, last = code.rpartition("; ")
    given = f"run, file = daexplore.Run({furnished[1]['RUN']!r}), Path('run.parquet')"
    lines = [
        "from pathlib import Path",
        "from urllib.request import urlopen",
        "import daexplore",
        given,
        before,
        f"shown = {last}",
    ]
    command = [sys.executable, "-c", "\n".join([*lines, PYTHON[code]])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text(encoding="utf-8").split()) < 1200


def test_links_and_pictures_are_there() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", TEXT) + re.findall(
        r"(?:src|srcset|href)=\"([^\"]+)\"", TEXT
    )
    relative = [
        link.partition("#")[0] for link in links if not re.match(r"https?:|mailto:|#", link)
    ]
    assert len(relative) > 20
    assert [link for link in relative if not (ROOT / link).exists()] == []
    pictures = {
        link for link in relative if Path(link).suffix in (".png", ".gif", ".webp", ".jpg", ".svg")
    }
    assert len(pictures) > 3
    for picture in pictures:
        with Image.open(ROOT / picture) as image:
            assert image.width >= 600, picture
    assert "![](" not in TEXT
    assert all(re.search(r'alt="[^"]{20,}"', tag) for tag in re.findall(r"<img [^>]*>", TEXT))


def test_the_tables_of_methods_are_those_of_the_registry() -> None:
    assert methods_table(references=False) in README.read_text(encoding="utf-8")
    assert methods_table() in TEXT
    assert set(methods.METHODS) == {*METHODS, *methods.WITHOUT_LOSS}


def test_counts_are_those_of_the_presets_and_of_the_example_runs() -> None:
    distant, nearby = PRESETS["distant"], PRESETS["nearby"]
    assert f"{distant.n:,} images a domain".replace(",", " ") in TEXT
    assert nearby.samples
    assert (
        f"{nearby.n} images a domain, source with {nearby.samples[0].merger_galaxies} mergers"
        in TEXT
    )
    train, validation, test = (f"{fraction:.0%}" for fraction in DataConfig().fractions)
    assert f"{train} train, {validation} validation, {test} test" in " ".join(TEXT.split())
    played = [
        run
        for run in RunStore(Path(daexplore.__file__).parent / "examples").runs()
        if run.seed == 0
    ]
    evaluation, epochs = played[0].evaluation(), played[0].evaluated
    source, target = (int(evaluation.mask(domain, "test").sum()) for domain in ("source", "target"))
    assert f"{target} held-out target" in TEXT
    assert (
        f"{epochs[0]} to {epochs[-1]}: {source} source (blue) and {target} target (orange) images"
        " of the test split" in TEXT
    )
    with Image.open(ROOT / "docs" / "images" / "boundary.gif") as picture:
        assert [len(run.evaluated) for run in played] == [picture.n_frames] * 3  # type: ignore[attr-defined]
