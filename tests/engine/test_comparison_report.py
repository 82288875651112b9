"""The report of a comparison: one file, nothing loaded, and what it says is what the runs hold."""

import base64
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call
from comparing import known_run
from factories import make_run

from daexplore import Comparison, __version__
from daexplore.runs import Run
from daexplore.views.comparison.gallery import flipped_galaxies
from daexplore.views.comparison.report import comparison_report


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longest, and not every test looks at them."""
    monkeypatch.setattr("daexplore.views.comparison.report.svg_data_uri", lambda drawing: "data:,")


class Parts(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("report")
    made = [("mmd", 0), ("noda", 0), ("noda", 1)]
    return [
        make_run(root / "runs", method, seed, n=400, epochs=2, data_path=root / "data")
        for method, seed in made
    ]


@pytest.fixture(scope="module")
def page(runs: list[Run]) -> str:
    found = Comparison(runs, resamples=200)
    return comparison_report(found.tables(), found.to_dict(), found.runs)


@pytest.fixture(scope="module")
def parts(page: str) -> Parts:
    return Parts(page)


def test_nothing_is_loaded_and_nothing_runs(page: str, parts: Parts) -> None:
    assert "script" not in {tag for tag, _ in parts.tags}
    for _, attributes in parts.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in page
    assert not re.search(r"url\((?!data:|#)", page)
    assert "prefers-color-scheme: dark" in page


def test_every_picture_is_whole_and_has_words(parts: Parts) -> None:
    pictures = [attributes for tag, attributes in parts.tags if tag == "img"]
    assert all((each["alt"] or "").strip() for each in pictures)
    figures = [each for each in pictures if each["src"].startswith("data:image/svg")]
    assert [each["alt"].split()[0] for each in figures] == ["Margin", "Area", "MMD²", "Observed"]
    for each in figures:
        root = ET.fromstring(base64.b64decode(each["src"].partition("base64,")[2]))
        assert float(root.attrib["width"].removesuffix("pt")) / 72 * 25.4 == pytest.approx(
            174, abs=0.01
        )


def test_it_says_what_the_comparison_says_and_how_it_was_made(
    runs: list[Run], parts: Parts
) -> None:
    about = Comparison(runs, resamples=200).to_dict()
    for verdict in about["verdicts"]:
        assert verdict["sentence"] in parts.text
    for run in runs:
        assert run.id in parts.text
    assert f"daexplore {__version__}; test split" in parts.text
    assert "95% intervals from 200 resamples of galaxies, seed 0" in parts.text
    assert "source 250, 0000000000000000" in parts.text
    assert "What differs between their settings" in parts.text
    headings = [
        parts.text.index(title)
        for title in (
            "Verdicts",
            "In pictures",
            "Difference from noDA",
            "Galaxies fixed",
            "How it was made",
        )
    ]
    assert headings == sorted(headings)
    settings = re.search(r"All settings of MMD, seed 0\s*(\{.*?\n\})", parts.text, flags=re.DOTALL)
    assert settings
    assert json.loads(settings.group(1))["alignments"][0]["name"] == "mmd"


def right(run: Run) -> dict[str, bool]:
    found = run.evaluation()
    rows = found.mask("target", "test")
    return dict(
        zip(
            found.sample_ids[rows].tolist(),
            (found.logits.argmax(axis=1) == found.labels)[rows].tolist(),
            strict=True,
        )
    )


def test_the_gallery_shows_galaxies_that_changed_sides(runs: list[Run], parts: Parts) -> None:
    before, after = right(runs[1]), right(runs[0])
    fixed = {name for name in before if after[name] and not before[name]}
    broken = {name for name in before if before[name] and not after[name]}
    assert len(fixed) > 8
    flipped = flipped_galaxies(("noDA", "MMD"), (runs[1], runs[0]))
    assert set(flipped.fixed.index) == fixed
    assert set(flipped.broken.index) == broken
    change = (flipped.fixed["after"] - flipped.fixed["before"]).to_numpy()
    assert (np.diff(change) <= 0).all()
    shown = re.findall(r"target/G\d{5}-0", parts.text)
    assert set(shown[:8]) == set(flipped.fixed.index[:8])
    assert f"8 of {len(fixed)} shown" in parts.text
    galaxies = [
        attributes
        for tag, attributes in parts.tags
        if tag == "img" and attributes["src"].startswith("data:image/png")
    ]
    assert len(galaxies) == 8 + min(8, len(broken))
    assert galaxies[0]["alt"].startswith(f"Target galaxy {shown[0]}, a ")


def test_without_the_images_the_gallery_says_so(undrawn: None, tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, method, n=160, epochs=1, saliency=False) for method in ("noda", "mmd")
    ]
    found = Comparison(runs, resamples=50)
    parts = Parts(comparison_report(found.tables(), found.to_dict(), found.runs))
    flips = flipped_galaxies(("a", "b"), (runs[0], runs[1]))
    assert len(flips.fixed)
    assert "Without images" in parts.text
    assert str(flips.fixed.index[0]) in parts.text


def test_names_from_catalogues_are_no_markup(undrawn: None, tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, method, n=120, epochs=1, classes=("<b>x", "'><script>alert(1)</script>"))
        for method in ("noda", "mmd")
    ]
    found = Comparison(runs, resamples=50)
    parts = Parts(comparison_report(found.tables(), found.to_dict(), found.runs))
    assert "script" not in {tag for tag, _ in parts.tags}
    assert "<script>alert(1)</script>" in parts.text


def test_one_method_and_no_labels_still_make_a_page(undrawn: None, tmp_path: Path) -> None:
    runs = [
        known_run(tmp_path, "mmd", n=160, target_labels=lambda labels: labels.mask(labels >= 0))
    ]
    found = Comparison(runs, resamples=50)
    parts = Parts(comparison_report(found.tables(), found.to_dict(), found.runs))
    assert "no target labels are used" in parts.text.lower()
    assert "Galaxies fixed" not in parts.text


def test_the_command_writes_the_file(
    undrawn: None, monkeypatch: Any, capsys: Any, runs: list[Run], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "report.html"
    code, said, _ = call(
        monkeypatch,
        capsys,
        "report",
        runs[0].path,
        runs[1].path,
        "--out",
        out,
        "--split",
        "validation",
    )
    assert code == 0
    assert str(out) in said
    assert "validation split" in Parts(out.read_text(encoding="utf-8")).text
    code, _, error = call(
        monkeypatch, capsys, "report", runs[0].path, "--out", tmp_path / "report.pdf"
    )
    assert (code, "must end with .html" in error) == (2, True)
    code, _, error = call(monkeypatch, capsys, "report", tmp_path / "nowhere", "--out", out)
    assert code == 2
    (tmp_path / "file").write_text("")
    code, _, error = call(
        monkeypatch, capsys, "report", runs[0].path, "--out", tmp_path / "file" / "report.html"
    )
    assert (code, "Cannot write to" in error) == (2, True)
