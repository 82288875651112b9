"""What a notebook shows of galaxies, runs, comparisons and the explorer: true, escaped, and no trap
for the process behind it.
"""

import base64
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import psutil
import pytest
from comparing import known_run
from factories import make_galaxies
from PIL import Image
from sklearn.metrics import accuracy_score, roc_auc_score

from daexplore.app.notebook import embed
from daexplore.data.rgb import to_rgb
from daexplore.engine.comparison.comparison import Comparison
from daexplore.errors import InputError
from daexplore.notebook_html import interval_text
from daexplore.runs import Run

NASTY = "<script>alert('\"&</script>"


class Seen(HTMLParser):
    """The tags, images, tables and text of some markup; every tag is closed."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.images, self.tables, self.text, self.open = [], [], [], "", []
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))
        else:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text
        if {"th", "td"} & set(self.open):
            self.tables[-1][-1][-1] += text


def tables(thing):
    return [pd.DataFrame(rows, columns=head) for head, *rows in Seen(thing._repr_html_()).tables]


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    return make_galaxies(tmp_path_factory.mktemp("galaxies"), 40)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [known_run(root, kind, seed) for kind in ("noda", "mmd") for seed in (0, 1)]


def test_a_galaxy_set_shows_its_counts_and_galaxies_of_each_class(galaxies):
    seen = Seen(galaxies._repr_html_())
    assert f"40 images of {galaxies.catalogue['group_id'].nunique()} galaxies" in seen.text
    assert "24 × 24 pixels, 0.06″ a pixel" in seen.text
    counts = tables(galaxies)[0].set_index("class")["images"]
    assert counts.to_dict() == {
        name: str((galaxies.labels == label).sum()) for label, name in enumerate(galaxies.classes)
    }
    labels = galaxies.catalogue.set_index("sample_id")["label"]
    assert [labels[image["alt"]] for image in seen.images] == [0] * 6 + [1] * 6
    image = seen.images[7]
    png = np.asarray(
        Image.open(
            io.BytesIO(base64.b64decode(image["src"].removeprefix("data:image/png;base64,")))
        )
    )
    row = galaxies.rows([image["alt"]])
    drawn = Image.fromarray(to_rgb(galaxies.images[row], galaxies.bands)[0]).resize(
        png.shape[1::-1], Image.Resampling.BICUBIC
    )
    assert (png == np.asarray(drawn)).all()


def test_a_set_without_labels_or_with_an_empty_class_is_shown_too(galaxies):
    unlabelled = replace(
        galaxies, catalogue=galaxies.catalogue.assign(label=pd.array([pd.NA] * 40, "Int64"))
    )
    assert tables(unlabelled)[0].set_index("class")["images"].to_dict() == {
        "non-merger": "0",
        "merger": "0",
        "unlabelled": "40",
    }
    assert len(Seen(unlabelled._repr_html_()).images) == 6


def test_a_run_shows_its_numbers_with_n_split_and_oracle(runs):
    run = runs[2]
    seen = Seen(run._repr_html_())
    assert seen.text.startswith("MMD · seed 0finished, 1 epochs evaluated, epoch 1 selected")
    assert run.id in seen.text
    shown = tables(run)[0].set_index("domain")
    found = run.evaluation()
    for domain, labels in (("source", "known"), ("target", "oracle")):
        test = found.mask(domain, "test")
        row = shown.loc[domain]
        assert (row["split"], row["n"], row["labels"]) == ("test", str(test.sum()), labels)
        accuracy = accuracy_score(found.labels[test], found.predicted[test])
        assert re.fullmatch(rf"{accuracy:.3f} \[[\d.]+, [\d.]+\]", row["accuracy"])
        assert row["AUC"].startswith(
            f"{roc_auc_score(found.labels[test], found.probability[test]):.3f} ["
        )


def test_a_run_that_has_evaluated_nothing_says_so(runs):
    run = Run(runs[0].path)
    run.info = run.info | {
        "metrics": {},
        "evaluated": [],
        "selected_epoch": None,
        "status": "stopped",
    }
    assert "stopped, 0 epochs evaluated" in Seen(run._repr_html_()).text
    assert "No metrics yet." in Seen(run._repr_html_()).text


def test_a_comparison_shows_verdicts_and_differences(runs):
    comparison = Comparison(runs, resamples=200)
    seen = Seen(comparison._repr_html_())
    assert seen.text.startswith("MMD × 2 against noDA × 2")
    verdicts, differences = tables(comparison)
    assert verdicts["target labels"].tolist() == ["not used", "oracle"]
    assert verdicts["did it help?"].tolist() == [verdict.outcome for verdict in comparison.verdicts]
    target = differences[differences["domain"] == "target"].iloc[0]
    mean = {}
    for run in runs:
        found = run.evaluation()
        test = found.mask("target", "test")
        mean.setdefault(run.method, []).append(
            accuracy_score(found.labels[test], found.predicted[test])
        )
    assert (target["method"], target["n"], target["labels"]) == ("MMD", str(test.sum()), "oracle")
    assert target["accuracy"].startswith(f"{np.mean(mean['mmd']) - np.mean(mean['noda']):+.3f} [")


def test_a_comparison_without_a_baseline_shows_the_methods_own_numbers(runs):
    comparison = Comparison(runs[2:], resamples=200)
    seen = Seen(comparison._repr_html_())
    assert seen.text.startswith("MMD × 2test split")
    assert "Mean over seeds" in seen.text
    found = [run.evaluation() for run in runs[2:]]
    test = found[0].mask("source", "test")
    accuracy = np.mean([accuracy_score(each.labels[test], each.predicted[test]) for each in found])
    assert (
        tables(comparison)[0]
        .set_index("domain")
        .loc["source", "accuracy"]
        .startswith(f"{accuracy:.3f} [")
    )


def test_what_comes_from_files_is_escaped(galaxies, runs):
    catalogue = galaxies.catalogue.assign(sample_id=[f"{NASTY}{i}" for i in range(40)])
    nasty = replace(
        galaxies,
        catalogue=catalogue,
        name=NASTY,
        classes=(NASTY, "merger"),
        bands=(NASTY, "b", "c"),
    )
    seen = Seen(nasty._repr_html_())
    assert "script" not in seen.tags
    assert seen.images[0]["alt"] == f"{NASTY}{np.flatnonzero(galaxies.labels == 0)[0]}"
    run = Run(runs[0].path)
    run.info = run.info | {"method": NASTY, "status": NASTY, "selection": {"rule": NASTY}}
    run.info["data"] = {
        domain: about | {"name": NASTY, "n": NASTY} for domain, about in run.info["data"].items()
    }
    seen = Seen(run._repr_html_())
    assert "script" not in seen.tags
    assert seen.text.count(NASTY) >= 4
    page = embed.Explorer("http://127.0.0.1:1/serve?runs=" + NASTY, 500)
    assert "script" not in Seen(page._repr_html_()).tags


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((0.5, 0.25, 0.75), "0.500 [0.250, 0.750]"),
        ((0.5, None, 0.75), "0.500"),
        ((None,), "–"),
        ((float("nan"), 0.0, 1.0), "–"),
        ((0.5, -0.25, 0.75, 2, "+"), "+0.50 [-0.25, +0.75]"),
    ],
)
def test_a_number_with_its_interval(given, text):
    assert interval_text(*given) == text


def test_which_folder_the_explorer_opens(runs, tmp_path):
    root = runs[0].path.parent.resolve()
    assert embed.opened_folder(root) == (root, [])
    assert embed.opened_folder(runs[1]) == (root, [runs[1].id])
    assert embed.opened_folder(str(runs[1].path)) == (root, [runs[1].id])
    assert embed.opened_folder([runs[2], runs[0].path, runs[2].path]) == (
        root,
        [runs[2].id, runs[0].id],
    )
    elsewhere = known_run(tmp_path, "dann")
    folder, chosen = embed.opened_folder([runs[0], elsewhere])
    assert chosen == [runs[0].id, elsewhere.id]
    assert {path.resolve() for path in folder.iterdir()} == {
        runs[0].path.resolve(),
        elsewhere.path.resolve(),
    }
    nothing, chosen = embed.opened_folder(None)
    assert chosen == []
    assert list(nothing.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [("nowhere", "is no folder"), ([], "empty list"), (["nowhere"], r"run\.json")],
)
def test_what_cannot_be_opened_is_told_in_words(given, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=problem):
        embed.explore(given)


def test_naming_the_explorer_imports_no_screen():
    code = (
        "import sys, daexplore; daexplore.explore; sys.exit(', '.join({'panel', 'bokeh',"
        " 'holoviews', 'torch'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_taken_port_is_told_in_words(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = rf"does not start on port {port}: .*port {port} is already in use"
        with pytest.raises(InputError, match=words):
            embed.explore(tmp_path, port=port)


@pytest.mark.slow
def test_a_port_that_another_process_took_meanwhile_is_left_to_it(tmp_path, monkeypatch):
    with socket.socket() as other, socket.socket() as free:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free.bind(("127.0.0.1", 0))
        ports = iter([other.getsockname()[1], free.getsockname()[1]])
        monkeypatch.setattr(embed, "free_port", lambda: next(ports))
        wanted = free.getsockname()[1]
        free.close()
        assert urlsplit(embed.explore(tmp_path).url).port == wanted


@pytest.mark.slow
def test_the_server_answers_under_its_secret_only_and_ends_with_the_kernel(runs):
    code = (
        f"import sys, daexplore; a, b = (daexplore.explore({str(runs[0].path.parent)!r}) for _ in"
        " range(2)); assert a.url == b.url\nprint(a.url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as kernel:
        url = kernel.stdout.readline().strip()
        try:
            assert "daexplore" in urllib.request.urlopen(url, timeout=60).read().decode()
            parts = urlsplit(url)
            assert parts.hostname == "127.0.0.1"
            secret = parts.path.split("/")[1]
            assert len(secret) >= 16
            commands = [
                " ".join(process.cmdline())
                for process in psutil.Process(kernel.pid).children(recursive=True)
            ]
            assert any(str(parts.port) in command for command in commands)
            assert not any(secret in command for command in commands)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://{parts.netloc}/serve", timeout=60)
        finally:
            os.kill(kernel.pid, signal.SIGKILL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex((parts.hostname, parts.port)):
                return
        time.sleep(0.2)
    pytest.fail("the server outlived its kernel")
