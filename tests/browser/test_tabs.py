"""Going from tab to tab: each finds its figures laid out, and in the colours of the page."""

import re

import pytest
from playwright.sync_api import Page
from screen import wait_for_panels

pytestmark = pytest.mark.browser

_FIGURES = """() => Bokeh.documents.flatMap(document => [...document._all_models.values()]).filter(model => model.type === 'Figure')
  .map(figure => [figure, Bokeh.index.find_one_by_id(figure.id)]).filter(([, view]) => view?.el.clientWidth)"""
_WIDTHS = f"() => ({_FIGURES})().map(([, view]) => view.frame.bbox.width)"
# Of each figure its ground and the labels of its axes, from 0 to 255: the mean of red, green and
# blue as a canvas reads them. A ground that lets the page's own through counts as that.
_LOOKS = f"""dark => {{
  const grey = (colour, alpha) => {{
    const pen = document.createElement('canvas').getContext('2d');
    pen.fillStyle = dark ? '#121212' : '#ffffff';
    pen.fillRect(0, 0, 1, 1);
    pen.globalAlpha = alpha?.value ?? alpha ?? 1;
    pen.fillStyle = colour?.value ?? colour ?? 'transparent';
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((sum, value) => sum + value / 3, 0);
  }};
  return ({_FIGURES})().map(([figure]) => ({{
    grounds: [grey(figure.background_fill_color, figure.background_fill_alpha), grey(figure.border_fill_color, figure.border_fill_alpha)],
    inks: [...figure.below, ...figure.left].filter(axis => axis.major_label_text_color && axis.visible)
      .map(axis => grey(axis.major_label_text_color)),
  }}));
}}"""
_READABLE = f"""dark => {{
  const looks = ({_LOOKS})(dark);
  return looks.length && looks.every(({{grounds, inks}}) => dark
    ? grounds.every(ground => ground < 80) && inks.every(ink => ink > 150)
    : grounds.every(ground => ground > 200) && inks.every(ink => ink < 130));
}}"""

_NAMED = f"""([count, words]) => {{
  const views = ({_FIGURES})().map(([, view]) => view.el), names = views.map(element => element.getAttribute('aria-label') ?? '');
  return views.length >= count && views.every(element => element.getAttribute('role') === 'figure') && names.every(name => name)
    && names.some(name => name.includes(words));
}}"""


def enter(page: Page, tab: str, figures: int) -> None:
    """Go there, and waits until so many figures are in sight and none is without a frame."""
    page.get_by_role("tab", name=tab, exact=True).click()
    page.wait_for_function(
        f"count => {{ const widths = ({_WIDTHS})(); return widths.length >= count &&"
        " widths.every(width => width > 50); }",
        arg=figures,
    )


@pytest.mark.parametrize("dark", [False, True])
def test_figures_are_laid_out_and_coloured_wherever_one_comes_from(visit, dark):
    page = visit()
    wait_for_panels(page, 3)
    if dark:
        page.get_by_label("Toggle theme").click()
    for tab, figures in (
        ("Flips", 1),
        ("Compare", 3),
        ("Performance", 2),
        ("Domain distance", 2),
        ("Compare", 3),
        ("Flips", 1),
    ):
        enter(page, tab, figures)
        page.wait_for_function(_READABLE, arg=dark)


def test_every_figure_says_what_it_is_to_those_who_do_not_see_it(visit):
    page = visit()
    wait_for_panels(page, 3)
    for tab, figures, words in (
        ("Compare", 3, "merger"),
        ("Flips", 1, ""),
        ("Performance", 2, "rate"),
        ("Domain distance", 2, "epoch"),
    ):
        enter(page, tab, figures)
        # Markup that was escaped once too often would be read as text.
        assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;", page.locator("body").inner_text())
        # Sections go on drawing: what counts is that it comes to stand so.
        page.wait_for_function(_NAMED, arg=[figures, words])
