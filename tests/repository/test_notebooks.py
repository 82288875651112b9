"""What every tutorial has, told from its file alone, and that all its cells run.

They run with fewer galaxies and epochs than a reader has; `make docs` runs them as they are.
"""

import re
from pathlib import Path

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
# Values of the variables of the first cell; a notebook that is not named runs as it is.
SMALL: dict[str, dict[str, int]] = {
    "01_domain_discrepancy": {"n": 400, "epochs": 3},
    "02_mmd_from_scratch": {"repeats": 60},
    "03_dann": {"steps": 300, "seeds": 2},
    "04_what_is_it_looking_at": {"n": 60, "second": 12, "draws": 2},
    "05_illustris_to_sdss": {"n": 300, "epochs": 2},
    "06_your_own_galaxies": {"n_source": 400, "n_survey": 200, "epochs": 3},
    "07_aligning_classes": {"seeds": 2, "epochs": 4, "steps": 150},
}
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_tutorials_and_their_numbers_are_their_own() -> None:
    numbers = [path.name.partition("_")[0] for path in NOTEBOOKS]
    assert len(numbers) == len(set(numbers)) >= 4


def test_it_is_stored_without_outputs_and_names_its_cells(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    names = [cell.id for cell in notebook.cells]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_begins_with_a_title_and_a_knob_and_ends_in_what_is_known_and_where_to_go(
    notebook: nbformat.NotebookNode,
) -> None:
    assert notebook.cells[0].source.startswith("# ")
    assert re.search(r"^\w+ = \S+.*  # ", code(notebook)[0], flags=re.MULTILINE)
    last = notebook.cells[-1]
    assert last.cell_type == "markdown"
    assert re.search(r"^## \d+ What you now know$", last.source, flags=re.MULTILINE)
    assert "**Next:**" in last.source
    assert LINK.search(last.source) or "daexplore explore" in last.source


def test_it_has_exercises_with_folded_answers_and_marks_what_target_labels_tell(
    notebook: nbformat.NotebookNode,
) -> None:
    text = prose(notebook)
    exercises = re.findall(r"^\*\*\d\.\*\*", text, flags=re.MULTILINE)
    assert len(exercises) >= 4
    assert (
        text.count("<details><summary>Answer</summary>")
        == text.count("</details>")
        == len(exercises)
    )
    assert "oracle" in text


def test_the_files_it_links_to_are_there(notebook: nbformat.NotebookNode) -> None:
    missing = [link for link in LINK.findall(prose(notebook)) if not (FOLDER / link).exists()]
    assert missing == []


def test_plots_come_from_the_package_and_long_work_shows_progress(
    notebook: nbformat.NotebookNode,
) -> None:
    everything = "\n".join(code(notebook))
    assert "show(" in everything
    assert "matplotlib" not in everything
    assert "progress_bar(" in everything


@pytest.mark.slow
def test_all_its_cells_run(notebook: nbformat.NotebookNode, request: pytest.FixtureRequest) -> None:
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    for name, value in SMALL.get(request.node.callspec.id, {}).items():
        first.source, found = re.subn(
            rf"^{name} = \d+", f"{name} = {value}", first.source, flags=re.MULTILINE
        )
        assert found == 1, name
    place = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(notebook, timeout=900, resources=place).execute()
