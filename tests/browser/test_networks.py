"""Runs with a pretrained encoder, under drawn conditions, and on vectors, on the page."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import make_galaxies
from playwright.sync_api import Page, expect
from screen import wait_for_panels
from server import Served
from small_training import config

from daexplore.config import DRAWN, DataConfig, ModelConfig, replace_at
from daexplore.engine.embed import embed
from daexplore.engine.training.train import train

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a run on images and one with two runs on vectors."""
    root = tmp_path_factory.mktemp("networks")
    make_galaxies(root, 80, size=32)
    options = {"resize": 48, "input": "unit"}
    chosen = config(root, "mmd", epochs=1, conditions=DRAWN, saliency_limit=2)
    chosen = dataclasses.replace(chosen, model=ModelConfig("efficientnet-lite0", options))
    train(replace_at(chosen, "data.normalise", "image"), root / "images")
    for domain in ("source", "target"):
        embed(str(root / domain), root / "vectors" / domain, "morphology")
    data = DataConfig(*(str(root / "vectors" / domain) for domain in ("source", "target")))
    for method in ("noda", "mmd"):
        plain = dataclasses.replace(config(root, method, epochs=1), data=data)
        train(dataclasses.replace(plain, model=ModelConfig("mlp")), root / "on-vectors")
    return {"images": root / "images", "vectors": root / "on-vectors"}


@pytest.fixture
def opened(
    visit: Callable[..., Page], folders: dict[str, Path], tmp_path: Path
) -> Iterator[Callable[[str], Page]]:
    """The explorer on one of the folders."""
    servers = []

    def open_folder(name: str) -> Page:
        servers.append(Served(folders[name], tmp_path / "server.log"))
        return visit(url=servers[-1].url)

    yield open_folder
    for server in servers:
        server.stop()


def test_a_pretrained_encoder_has_maps_and_shows_what_it_was_trained_on(
    opened: Callable[[str], Page],
) -> None:
    page = opened("images")
    wait_for_panels(page, 1)
    expect(page.locator("body")).to_contain_text("MMD+conditions · efficientnet-lite0 · seed 0")
    expect(page.locator(".strip img[alt*='Grad-CAM']").first).to_be_visible()
    page.get_by_role("tab", name="What-if").click()
    gallery = page.locator(".shown img")
    expect(gallery).to_have_count(1)
    expect(gallery).to_have_attribute("alt", re.compile("4 galaxies in columns.*5 draws"))
    expect(page.locator(".film img").first).to_be_visible()


def test_runs_on_vectors_show_their_galaxies_and_say_why_there_is_no_map(
    opened: Callable[[str], Page],
) -> None:
    page = opened("vectors")
    wait_for_panels(page, 2)
    expect(page.locator("body")).to_contain_text("noDA · mlp · seed 0")
    expect(page.locator(".strip")).to_contain_text("trained on vectors")
    expect(page.locator(".strip img").first).to_be_visible()
    page.get_by_role("tab", name="Performance").click()
    expect(page.locator(".summary", has_text="Area under the ROC curve").first).to_be_visible()
