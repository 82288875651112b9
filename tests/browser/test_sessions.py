"""Many visitors of one server: none disturbs another."""

import pytest
from playwright.sync_api import expect
from screen import (
    galaxy_in_strip,
    panels,
    tap,
    wait_for_halo,
    wait_for_other_boundary,
    wait_for_panels,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VISITORS = 10


def test_ten_visitors_tap_at_once_and_each_sees_their_own_galaxy(visit):
    pages = [visit() for _ in range(VISITORS)]
    for page in pages:
        wait_for_panels(page, 3)
    asked = []
    for number, page in enumerate(pages):
        panel = panels(page)[number % 3]
        x, y = panel["points"]["x"], panel["points"]["y"]
        # Not the galaxies that lie outside the frame or beneath another one: the one that lies
        # farthest from all others within it.
        inside = [
            i
            for i in range(len(x))
            if panel["x"][0] < x[i] < panel["x"][1] and panel["y"][0] < y[i] < panel["y"][1]
        ]
        at = max(
            inside[number::VISITORS],
            key=lambda i: min((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2 for j in inside if j != i),
        )
        tap(page, panel, x[at], y[at])
        asked.append((x[at], y[at]))
    shown = []
    for number, (page, (x, y)) in enumerate(zip(pages, asked, strict=True)):
        wait_for_halo(page, number % 3, x, y)
        shown.append(page.locator(".strip-head b").inner_text())
        expect(page.get_by_role("alert")).to_have_count(0)
    assert len(set(shown)) == VISITORS
    # What one chooses is nobody else's.
    pages[0].get_by_label("Threshold", exact=True).focus()
    before = [panel["boundary"] for panel in panels(pages[1])]
    pages[0].keyboard.press("ArrowRight")
    wait_for_other_boundary(pages[0], before[0])
    for name, page in zip(shown, pages, strict=True):
        galaxy_in_strip(page, name)
    assert [panel["boundary"] for panel in panels(pages[1])] == before
