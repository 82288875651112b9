"""The how-to pages tell the truth: every block of shell or Python runs, in order, page by page, or
says in a sentence why it does not.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import PATIENCE, blocks, environment, languages

FOLDER = Path(__file__).parents[2] / "docs" / "site" / "howto"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "index")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_block_is_of_a_known_language_and_says_why_if_it_is_not_run(page: Path) -> None:
    found = blocks(page)
    assert [block.language for block in found] == languages(page)
    assert found
    for block in found:
        if block.reason is not None:
            assert re.search(r"\b(because|needs?|without|would|no)\b", block.reason), block.reason
            assert len(block.reason) > 25
            assert block.reason.endswith((".", ":"))
        elif block.language not in ("sh", "python"):
            # What is no command stands as a file of its own, or is what a command prints.
            assert block.file is not None or block.language == "text", block.text


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_runs(
    page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    surroundings = environment(tmp_path_factory.getbasetemp() / "howto-cache")
    for block in blocks(page):
        if block.reason is not None or (
            block.language not in ("sh", "python") and block.file is None
        ):
            continue
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
            continue
        command = (
            [sys.executable, "-c", block.text]
            if block.language == "python"
            else ["bash", "-euc", block.text]
        )
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, (
            f"{page.name}:\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        )
        assert "Traceback" not in done.stderr
