"""Words are explained where they stand, by mouse and by keyboard, in light and dark."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from screen import wait_for_panels

from daexplore.app.glossary.markup import GLOSSARY
from daexplore.app.tabs.registry import TABS
from daexplore.app.theme import THEME

TAB_TERMS = {tab.name: tab.terms for tab in TABS}


pytestmark = pytest.mark.browser
OPEN = ".meaning:popover-open"


def test_a_word_is_explained_by_mouse_and_keyboard_and_escape_closes_it(
    visit: Callable[..., Page],
) -> None:
    page = visit()
    wait_for_panels(page, 3)
    word = page.locator(".headline .term", has_text="domain probe AUC")
    word.hover()
    meaning = page.locator(OPEN)
    expect(meaning).to_contain_text(GLOSSARY["domain probe AUC"].formula)
    box, anchor = meaning.bounding_box(), word.bounding_box()
    assert box is not None
    assert anchor is not None
    assert 0 <= box["y"] - anchor["y"] < 3 * anchor["height"]
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    expect(meaning).to_have_count(0)
    page.mouse.move(2, 890)
    cell = page.locator("th .term", has_text="AUC").first
    for theme in ("light", "dark"):
        cell.focus()
        page.keyboard.press("Enter")
        expect(meaning).to_contain_text(GLOSSARY["AUC"].meaning)
        expect(meaning).to_have_css(
            "background-color",
            f"rgb{tuple(bytes.fromhex(THEME[theme]['palette']['background']['paper'][1:]))}",
        )
        page.keyboard.press("Escape")
        expect(meaning).to_have_count(0)
        page.get_by_label("Toggle theme").click()


def test_every_room_lists_its_words(visit: Callable[..., Page]) -> None:
    page = visit()
    wait_for_panels(page, 3)
    for tab in ("Compare", "Runs"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(".spoken .term")).to_have_text(list(TAB_TERMS[tab]))
