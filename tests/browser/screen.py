"""What a page shows, read from Bokeh's own models and views, and a mouse that points at data."""

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Page

_FIGURES = """() => Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
  .filter(model => model.type === 'Figure' && (model.tags[0] || '').startsWith('panel-'))
  .filter(model => Bokeh.index.find_one_by_id(model.id))
  .sort((a, b) => a.tags[0].localeCompare(b.tags[0]))"""

_READ = f"""() => ({_FIGURES})().map(figure => {{
  const view = Bokeh.index.find_one_by_id(figure.id);
  const box = view.el.getBoundingClientRect(), frame = view.frame.bbox;
  const source = name => figure.renderers.find(renderer => renderer.name === name).data_source.data;
  // With a selection all others are dimmed.
  const chosen = data => Object.fromEntries(['x', 'y'].map(key => [key, Array.from(data[key]).filter((_, i) =>
    data.alpha[i] > 0.5 && Array.from(data.alpha).some(alpha => alpha < 0.5))]));
  const plain = data => Object.fromEntries(['x', 'y'].map(key => [key, Array.from(data[key])]));
  return {{
    id: figure.id,
    frame: [box.x + frame.x, box.y + frame.y, frame.width, frame.height],
    x: [figure.x_range.start, figure.x_range.end], y: [figure.y_range.start, figure.y_range.end],
    points: plain(source('points')), picked: chosen(source('points')), halo: plain(source('halo')), twin: plain(source('twin')),
    boundary: figure.center.find(item => item.type === 'Span').location,
    side: figure.center.find(item => item.type === 'BoxAnnotation').left,
  }};
}})"""

_PIXEL = """([id, x, y]) => {
  const view = Bokeh.index.find_one_by_id(id), box = view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
}"""


def wait_for_panels(page: Page, count: int) -> None:
    """Until so many panels are laid out and filled, and the numbers around them, which move the
    layout, are there.
    """
    page.wait_for_function(
        f"""count => {{
          if (!window.Bokeh) return false;
          const figures = ({_FIGURES})();
          return figures.length === count && figures.every(figure => Bokeh.index.find_one_by_id(figure.id).frame.bbox.width > 50
            && figure.renderers.find(renderer => renderer.name === 'points').data_source.data.x.length > 0);
        }}""",
        arg=count,
    )
    page.locator("#first-words").wait_for(state="detached")
    page.locator(".headline b").first.wait_for()
    page.locator("td").first.wait_for()
    page.wait_for_timeout(500)


def eventually(check: Callable[[], object], seconds: float = 60.0) -> None:
    """Repeat a check until its assertions hold; those of the last attempt are raised.

    What a page does after a gesture takes longer on a busy machine.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            check()
            return
        except (AssertionError, LookupError, Error):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def settled(page: Page) -> list[dict[str, Any]]:
    """The panels, once their ranges have stood still for half a second after a gesture."""
    page.wait_for_timeout(500)
    found, last = panels(page), None
    while last is None or [each["x"] for each in found] != [each["x"] for each in last]:
        page.wait_for_timeout(500)
        found, last = panels(page), found
    return found


def panels(page: Page) -> list[dict[str, Any]]:
    """Of each panel from left to right: ranges, points, halo, boundary."""
    # As text: the browser's driver takes milliseconds for each number of a list.
    found: list[dict[str, Any]] = json.loads(page.evaluate(f"() => JSON.stringify(({_READ})())"))
    return found


def pixel(page: Page, panel: dict[str, Any], x: float, y: float) -> tuple[float, float]:
    """Where on the page a data position is, as Bokeh's own scales say."""
    across, down = page.evaluate(_PIXEL, [panel["id"], x, y])
    return across, down


def tap(page: Page, panel: dict[str, Any], x: float, y: float) -> None:
    """Clicks at a data position."""
    page.mouse.click(*pixel(page, panel, x, y))


def galaxy_in_strip(page: Page, sample_id: str) -> None:
    """Wait until the strip shows this galaxy."""
    page.locator(".strip-head b", has_text=sample_id).wait_for()


def wait_for_halo(page: Page, place: int, x: float, y: float) -> None:
    """Until the halo of a panel stands at a data position."""
    page.wait_for_function(
        f"""([place, x, y]) => {{
          const at = ({_FIGURES})()[place].renderers.find(renderer => renderer.name === 'halo').data_source.data;
          return at.x.length === 1 && Math.abs(at.x[0] - x) < 1e-6 && Math.abs(at.y[0] - y) < 1e-6;
        }}""",
        arg=[place, x, y],
    )


def wait_for_other_boundary(page: Page, before: float) -> None:
    """Until the boundary of the first panel has moved."""
    page.wait_for_function(
        f"before => ({_FIGURES})()[0].center.find(item => item.type === 'Span').location !=="
        " before",
        arg=before,
    )
