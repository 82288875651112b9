"""One account of one set: the same numbers on every command's screen, in every file, and on the
page.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from PIL import Image
from playwright.sync_api import Page, expect
from server import Served

from daexplore.data.account import Account, account_of
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers import read_galaxies

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 240_000
N = 40


def write(folder: Path, seed: int) -> Path:
    """Pictures with a catalogue; some files and some rows belong to nothing, and one picture comes
    three times.
    """
    folder.mkdir()
    pixels = np.random.default_rng(seed).integers(0, 255, (N, 32, 32, 3), np.uint8)
    pixels[:3] = pixels[0]
    for row, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{folder.name}{row:02d}.png")
    Image.fromarray(pixels[0]).save(folder / "unknown.png")
    (folder / "readme.txt").write_text("not an image")
    (folder / "psf.fits").write_bytes(b"no image either")
    names = [f"{folder.name}{row:02d}.png" for row in range(N + 2)]
    labels = [("merger", "other")[row % 2] for row in range(N + 2)]
    frame = pd.DataFrame({"filename": names, "label": labels})
    frame.to_csv(folder / "catalogue.csv", index=False)
    return folder


def passed_over(account: Account) -> dict[str, int]:
    return {each.reason: each.count for each in account.passed_over}


def test_every_place_tells_the_same(
    visit: Callable[..., Page],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, target = write(tmp_path / "source", 0), write(tmp_path / "target", 1)
    accounts = {path.name: account_of(read_galaxies(path)) for path in (source, target)}
    for account in accounts.values():
        assert account.used == N
        assert sum(passed_over(account).values()) == 5
        assert any("same picture" in warning for warning in account.warnings)

    runs, out = tmp_path / "runs", tmp_path / "out.parquet"
    settings = ("--epochs", 1, "--set", "train.batch_size=8", "--set", "train.saliency_limit=2")
    domains = ("--source", source, "--target", target)
    commands = {
        "ingest": ("ingest", target, tmp_path / "set", "--workers", 1),
        "inspect": ("inspect", source, target),
        "train": ("train", *domains, "--method", "noda", "--runs", runs, *settings),
    }
    for name, command in commands.items():
        code, shown, told = call(monkeypatch, capsys, *command)
        assert code == 0, (name, told)
        words = " ".join((shown + told).split())
        for line in (*accounts["target"].passed_over, *accounts["target"].warnings):
            assert str(line) in words, (name, line)
    [run] = runs.glob("2*")
    code, shown, told = call(
        monkeypatch, capsys, "predict", "--run", run, "--data", target, "--out", out
    )
    assert code == 0, told
    words = " ".join((shown + told).split())
    for line in (*accounts["target"].passed_over, *accounts["target"].warnings):
        assert str(line) in words, ("predict", line)

    stored = GalaxySet.load(tmp_path / "set")
    in_json = json.loads((tmp_path / "set" / "galaxies.json").read_text())
    in_json = in_json["provenance"]["account"]["passed_over"]
    assert {each["reason"]: each["count"] for each in in_json} == passed_over(accounts["target"])
    assert passed_over(account_of(stored)) == passed_over(accounts["target"])
    recorded = json.loads((run / "run.json").read_text())["data"]
    for domain, account in accounts.items():
        assert Account.from_json(recorded[domain]["account"]) == account

    served = Served(runs, tmp_path / "server.log")
    try:
        page = visit(url=served.url)
        page.locator("#first-words").wait_for(state="detached")
        page.get_by_role("tab", name="Data").click()
        page.get_by_role("button", name="my own").click()
        for name, path in (("Source", source), ("Target", target)):
            page.get_by_role("textbox", name=name).fill(str(path))
            page.get_by_role("textbox", name=name).press("Tab")
        page.get_by_role("button", name="Inspect").click()
        lists = page.locator("ul.account")
        expect(lists.first).to_be_attached(timeout=PATIENCE)
        for number, account in enumerate(accounts.values()):
            assert lists.nth(number).locator("li").all_text_contents() == account.lines()
    finally:
        served.stop()
