"""What is installed is whole: the wheel, its metadata, the citation, the command, and weights that
open without torch.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from exported import EXAMPLES, example
from factories import make_run

import daexplore
from daexplore.engine.inference import load_network
from daexplore.runs import Run

ROOT = Path(__file__).resolve().parents[2]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, for a build writes into its folder; and the files of the package that it
    was built from. The README of a folder is for who changes the code, and stays in the repository.
    """
    source, folder = (
        tmp_path_factory.mktemp("source") / "daexplore",
        tmp_path_factory.mktemp("wheel"),
    )
    shutil.copytree(
        ROOT / "daexplore", source / "daexplore", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "tests", source / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    given = [
        path
        for path in (source / "daexplore").rglob("*")
        if path.is_file() and path.name != "README.md"
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-q",
        "-w",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built, {path.relative_to(source).as_posix() for path in given}


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel[0]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel, contents):
    here = wheel[1]
    packed = {name for name in contents if ".dist-info/" not in name}
    assert packed == here
    assert "daexplore/py.typed" in packed
    assert {name for name in here if name.endswith((".css", ".js"))} >= {
        "daexplore/app/static/explorer.css",
        "daexplore/app/static/raster.js",
    }


@pytest.mark.slow
def test_the_wheel_holds_no_tests_and_nothing_private(contents):
    tops = {name.split("/")[0] for name in contents}
    assert tops == {"daexplore", f"daexplore-{daexplore.__version__}.dist-info"}
    assert not [
        name
        for name in contents
        if re.search(
            r"(^|/)(tests?|notebooks|benchmarks|\.git|\.jobs|__pycache__)/|\.pyc$|\.pkl$", name
        )
    ]


@pytest.mark.slow
def test_the_examples_in_the_wheel_are_whole_runs(wheel, tmp_path):
    from daexplore.runs.archive.verify import verify_run

    with zipfile.ZipFile(wheel[0]) as archive:
        archive.extractall(
            tmp_path,
            [name for name in archive.namelist() if name.startswith("daexplore/examples/")],
        )
    runs = sorted((tmp_path / "daexplore" / "examples").iterdir())
    assert len(runs) == len(list(EXAMPLES.iterdir())) == 9
    for run in runs:
        verify_run(Run(run))


@pytest.mark.slow
def test_the_metadata_of_the_wheel_says_what_the_project_says(contents):
    folder = f"daexplore-{daexplore.__version__}.dist-info"
    entries = contents[f"{folder}/entry_points.txt"].decode()
    assert re.search(r"\[console_scripts\]\s+daexplore = daexplore\.cli:main\b", entries)
    about = contents[f"{folder}/METADATA"].decode()
    assert f"\nVersion: {daexplore.__version__}\n" in about
    assert "\nLicense-Expression: BSD-3-Clause\n" in about
    assert "\nRequires-Python: >=3.11\n" in about
    assert f"{folder}/licenses/LICENSE" in contents
    required = re.findall(
        r"^Requires-Dist: ([A-Za-z0-9_-]+)(?![^\n]*extra ==)", about, flags=re.MULTILINE
    )
    names = {re.split(r"[<>=\[ ]", requirement)[0] for requirement in project()["dependencies"]}
    assert {name.lower().replace("_", "-") for name in required} == {
        name.lower().replace("_", "-") for name in names
    }
    assert {"exports", "notebooks", "tests"} <= set(
        re.findall(r"^Provides-Extra: (\S+)$", about, flags=re.MULTILINE)
    )


def test_the_tests_run_the_real_libraries_of_the_exports():
    extras = project()["optional-dependencies"]
    assert any(
        re.fullmatch(r"daexplore\[[a-z0-9,]*\bexports\b[a-z0-9,]*\]", requirement)
        for requirement in extras["tests"]
    )
    for requirement in extras["exports"]:
        __import__(re.split(r"[<>=]", requirement)[0].removesuffix("-skinny"))


def test_the_citation_is_a_valid_cff_1_2_0():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    # https://github.com/citation-file-format/citation-file-format/blob/1.2.0/schema-guide.md
    assert {"cff-version", "message", "title", "authors"} <= set(cff)
    assert str(cff["cff-version"]) == "1.2.0"
    assert cff["type"] == "software"
    assert str(cff["version"]) == daexplore.__version__
    assert cff["license"] == project()["license"] == "BSD-3-Clause"
    for item in (cff, *cff["references"]):
        assert item["title"]
        assert item["authors"]
        for author in item["authors"]:
            # A person or an entity, and no property that the format does not know.
            assert set(author) <= {
                "family-names",
                "given-names",
                "name",
                "affiliation",
                "orcid",
                "email",
                "website",
                "alias",
            }
            assert ("name" in author) != ("family-names" in author)
            assert "et al" not in json.dumps(author)
    (paper,) = [item for item in cff["references"] if item["type"] == "article"]
    assert len(paper["authors"]) == 9
    assert re.fullmatch(r"10\.\d{4,9}/\S+", paper["doi"])
    assert re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", paper["url"])


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "daexplore", "--help"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    for command in ("train", "compare", "explore", "export", "completion"):
        assert command in done.stdout


WITHOUT_TORCH = """
import sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "daexplore"):
            raise ImportError(f"{name} is not to be imported here")
sys.meta_path.insert(0, Forbidden())
import numpy as np
from safetensors.numpy import load_file
np.savez(sys.argv[2], **load_file(sys.argv[1]))
assert not {"torch", "daexplore"} & set(sys.modules)
"""


def opened_without_torch(file, tmp_path):
    """The tensors in a file of weights, read in a process that can import neither torch nor this
    package.
    """
    command = [sys.executable, "-c", WITHOUT_TORCH, str(file), str(tmp_path / "weights.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as found:
        return dict(found)


def test_the_weights_of_a_packaged_run_open_without_torch_and_are_what_the_package_loads(tmp_path):
    run = example(tmp_path)
    found = opened_without_torch(
        run.path / "weights" / f"epoch-{run.selected_epoch:04d}.safetensors", tmp_path
    )
    loaded = {name: tensor.numpy() for name, tensor in load_network(run).state_dict().items()}
    assert set(found) == set(loaded)
    for name, values in loaded.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
    # Latents and boundary with safetensors and pandas alone.
    evaluation = run.evaluation()
    logits = evaluation.latents @ found["head.weight"].T + found["head.bias"]
    np.testing.assert_allclose(logits, evaluation.logits, atol=1e-3)


def test_the_heads_of_all_epochs_open_without_torch(tmp_path):
    run = make_run(tmp_path / "runs", "mmd", n=40, epochs=2)
    for epoch in run.evaluated:
        found = opened_without_torch(
            run.path / "weights" / f"epoch-{epoch:04d}.safetensors", tmp_path
        )
        weight, bias = run.head(epoch)
        np.testing.assert_array_equal(found["head.weight"], weight)
        np.testing.assert_array_equal(found["head.bias"], bias)
