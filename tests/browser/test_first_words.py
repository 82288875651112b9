"""What a visitor reads before the page's scripts have come."""

import re
import urllib.request

import pytest
from playwright.sync_api import expect
from screen import wait_for_panels

pytestmark = pytest.mark.browser


def test_the_page_itself_tells_the_comparison_that_an_earlier_visitor_saw(visit, server):
    page = visit()
    wait_for_panels(page, 3)
    sentence = page.locator(".headline")
    expect(sentence).to_contain_text("held-out target galaxies")
    # Once the page stands, nothing lies above it.
    expect(page.locator("#first-words")).to_have_count(0)
    html = urllib.request.urlopen(server.url).read().decode()
    words = re.search(r'<div id="first-words">(.*?)</div>', html, re.S).group(1)
    plain = re.sub(r"<[^>]*>", "", words).replace("daexplore", "", 1)
    assert " ".join(plain.split()) == " ".join(re.sub(r"\s+", " ", sentence.inner_text()).split())
    # They stand before the first script, so that no script holds them back.
    assert html.index("first-words") < html.index("<script")


def test_without_an_earlier_visitor_it_says_what_is_compared():
    from daexplore.app.headline.loading_page import loading_html

    assert "Comparing noDA &lt;b&gt;, MMD …" in loading_html("", ["noDA <b>", "MMD"])
    assert "Opening …" in loading_html("", [])
    assert loading_html("<button class='term'>AUC</button> <b>.9</b>", []).endswith(
        "<p class='headline'>AUC <b>.9</b></p>"
    )


def test_who_clicks_at_once_comes_to_the_room_and_to_nothing_else(visit):
    page = visit()
    page.get_by_role("tab", name="Flips").click()
    expect(page.get_by_text("Glossary:").filter(visible=True)).to_contain_text("seed noise")
    expect(page.locator(".galaxy-strip").filter(visible=True)).to_have_count(0)
    page.get_by_role("tab", name="Compare").click()
    wait_for_panels(page, 3)
