"""Flips tab: prediction changes between runs, compared with seed variability."""

from collections.abc import Sequence
from functools import partial
from html import escape
from io import BytesIO
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.clickable import ClickableHTML
from daexplore.app.components.export_menu import export_menu
from daexplore.app.components.galaxy_images import draw_thumbnails, thumbnail
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import show_errors
from daexplore.app.results.outcomes import (
    FlipsState,
    OutcomeGroup,
    PredictionChanges,
    outcomes,
    piles,
)
from daexplore.app.results.seed_variability import FlipRate, SeedGroup, rates, seed_group
from daexplore.app.tabs.flips.markup import FLIPS_STYLES, pile_html, rates_html, table_html
from daexplore.app.tabs.flips.table import flip_table, flips_csv, sorted_table, table_page
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.errors import InputError

__all__ = ["build_tab"]

_FOLLOWED = ["run_ids", "epoch", "split", "threshold", "pair", "progress"]


def build_tab(entry: TabContext) -> TabView:
    """The tab; it is drawn again when what it shows changes, but only while it is on screen."""
    tab = FlipsTab(entry)
    tab.draw()
    return TabView(tab.view, tab.draw)


class FlipsTab:
    """The widgets, and what is below them."""

    def __init__(self, entry: TabContext) -> None:
        import holoviews as hv

        hv.extension("bokeh")
        self._entry, self._state = entry, entry.state
        self._choice = FlipsState()
        self._found: PredictionChanges | None = None
        self._piles: list[OutcomeGroup] = []
        self._table: pd.DataFrame | None = None
        self._seen: tuple[Any, ...] = ()
        self._inked = self._state.dark
        self._following = False
        self._problem = ""
        # At most one task of each kind; results for an outdated state are ignored.
        self._compute = Compute(entry.state, entry.session)
        html: dict[str, Any] = {
            "sizing_mode": "stretch_width",
            "stylesheets": FLIPS_STYLES,
            "margin": 0,
        }
        self._plot = pn.pane.HoloViews(
            sizing_mode="stretch_width", height=360, margin=0, linked_axes=False
        )
        self._summary, self._rates, self._note, self._title = (
            pn.pane.HTML("", **html) for _ in range(4)
        )
        heard = show_errors(self._state, self._heard)
        self._galleries = [ClickableHTML(heard, **html) for _ in range(4)]
        self._lines = ClickableHTML(heard, **html)
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self._domain = pmui.RadioButtonGroup(
            options={"Target": "target", "Source": "source"}, value="target", **small
        )
        self._by = pmui.RadioButtonGroup(
            options={"Right or wrong": "truth", "Predicted class": "class"}, value="truth", **small
        )
        self._other = pmui.RadioButtonGroup(options={}, **small)
        self._versus = pn.pane.HTML("", stylesheets=FLIPS_STYLES, margin=0, align="center")
        self._go = pmui.Button(
            label="Show it in Compare",
            icon="open_in_new",
            variant="text",
            size="small",
            margin=0,
            visible=False,
        )
        self._save = pmui.FileDownload(
            label="Save as CSV",
            callback=show_errors(self._state, self._csv),
            filename="flips.csv",
            margin=0,
        )
        # Given to the constructor, the style is warned about: Panel then finds it under its old
        # name too.
        self._save.variant = "outlined"
        self.view = self._layout()
        self._watch()

    def draw(self) -> None:
        """Show what the page's state and the choices of this tab ask for."""
        show_errors(self._state, self._draw)()

    def _layout(self) -> pn.viewable.Viewable:
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        bar = pn.FlexBox(
            self._domain,
            self._by,
            self._versus,
            self._other,
            align_items="center",
            gap="8px 14px",
            **wide,
        )
        return pn.Column(
            bar,
            pn.Row(
                pn.Column(
                    self._plot,
                    self._summary,
                    margin=(0, 24, 0, 0),
                    sizing_mode="stretch_width",
                    styles={"min-width": "0"},
                ),
                pn.Column(self._rates, margin=0, styles={"width": "25rem", "flex": "none"}),
                **wide,
            ),
            pn.Row(self._note, self._go, **wide),
            *self._galleries,
            pn.Row(self._title, self._save, **wide),
            self._lines,
            export_menu(self._entry.state, self._entry.session, "flips"),
            styles={"gap": "12px"},
            **wide,
        )

    def _watch(self) -> None:
        state, choice, session = self._state, self._choice, self._entry.session

        def soon(*_: Any) -> None:
            session.debounced("flips", self.draw)

        state.param.watch(soon, [*_FOLLOWED, "revision", "dark"])
        state.param.watch(show_errors(state, lambda *_: self._mark()), "galaxy")
        for widget, name in ((self._domain, "domain"), (self._by, "by"), (self._other, "other")):
            widget.param.watch(show_errors(state, partial(self._choose, name)), "value")
        choice.param.watch(show_errors(state, lambda *_: self._draw_galleries()), "pages")
        choice.param.watch(
            show_errors(state, lambda *_: self._draw_table()), ["order", "descending", "table_page"]
        )
        self._go.on_click(show_errors(state, lambda _: self._entry.back()))

    def _choose(self, name: str, event: Any) -> None:
        if event.new and event.new != getattr(self._choice, name) and not self._following:
            with_first_page = {"pages": {}, "table_page": 0} if name != "other" else {"pages": {}}
            self._choice.param.update(**{name: event.new}, **with_first_page)
            self._draw()

    def _draw(self) -> None:
        state, choice = self._state, self._choice
        if not self._entry.visible() or not state.runs:
            return
        # Another seed that is finished changes what there is to compare with; a training that goes
        # on does not.
        finished = tuple(run.id for run in state.evaluated_runs if run.status == "finished")
        key = (
            *(getattr(state, name) for name in _FOLLOWED),
            finished,
            choice.domain,
            choice.by,
            choice.other,
        )
        if key == self._seen:
            if self._inked != state.dark and self._found is not None:
                self._draw_plot(self._found)
            return
        found = outcomes(state, choice.domain, choice.by)
        self._found, self._seen, self._problem = found, key, ""
        place = choice.place(found)
        self._piles = piles(found, place) if place else []
        # The widgets then say what is shown: nothing that a user chose.
        self._following = True
        try:
            self._draw_bar(found, place)
        finally:
            self._following = False
        self._draw_plot(found)
        self._draw_galleries()
        self._mark()
        self._count(found)

    def _draw_bar(self, found: PredictionChanges, place: int) -> None:
        others = {name: run.id for name, run in list(zip(found.names, found.runs, strict=True))[1:]}
        self._other.param.update(options=others, value=found.runs[place].id if place else None)
        self._other.visible = self._versus.visible = bool(place)
        self._versus.object = f"<p class='hint'>Galleries: {escape(found.names[0])} against</p>"
        self._by.param.update(value=found.by, disabled=found.by != self._choice.by)

    def _draw_plot(self, found: PredictionChanges) -> None:
        from daexplore.views.plots.flips import flows_plot, summary_flows

        self._inked = self._state.dark
        paths = found.paths()
        title = (
            f"{found.domain.capitalize()}{' (oracle)' if found.oracle else ''}, {found.split},"
            f" {_count(found)}, {found.rule}"
        )
        self._plot.object = flows_plot(
            paths, found.levels, domain=found.domain, title=title, dark=self._state.dark
        )
        unlabelled = (
            " None of them has a label, so that only the predicted class can be followed."
            if found.by != self._choice.by
            else ""
        )
        told = (
            summary_flows(paths, found.levels, found.domain, found.split, found.rule) + unlabelled
        )
        self._summary.object = f"<p class='summary'>{escape(told)}</p>"

    def _draw_galleries(self) -> None:
        found = self._found
        if found is None:
            return
        run, missing = found.runs[0], []
        for place, gallery in enumerate(self._galleries):
            gallery.visible = place < len(self._piles)
            if not gallery.visible:
                continue
            pile = self._piles[place]
            page, rows = pile.page(self._choice.pages.get(place, 0))
            missing += [
                name
                for name in found.sample_ids[rows].tolist()
                if thumbnail(run, found.domain, name) is None
            ]
            gallery.markup = pile_html(
                found,
                pile,
                place,
                page,
                lambda name: thumbnail(run, found.domain, name),
                self._problem,
            )
        if missing and not self._problem:
            self._compute.submit(
                "thumbnails",
                draw_thumbnails,
                run,
                found.domain,
                missing,
                then=partial(self._drawn, found),
            )

    def _drawn(self, found: PredictionChanges, problem: str) -> None:
        if found is self._found:
            self._problem = problem
            self._draw_galleries()
            self._mark()

    def _mark(self) -> None:
        found, galaxy = self._found, self._state.galaxy
        if found is None:
            return
        for part in (*self._galleries, self._lines):
            part.chosen = galaxy or ""
        second, first = (escape(found.classes[number]) for number in (found.pair[1], found.pair[0]))
        missing = f" <b>No images:</b> {escape(self._problem)}" if self._problem else ""
        chosen = (
            f" Chosen: <b>{escape(galaxy)}</b>."
            if galaxy
            else " Select a galaxy to show it in all tabs."
        )
        against = "" if len(found.classes) == 2 else f" against {first}"
        text = (
            f"Numbers are p({second}){against} under each run; in each gallery the largest change"
            f" of it comes first.{chosen}{missing}"
        )
        self._note.object = f"<p class='hint'>{text}</p>"
        self._go.visible = bool(galaxy)

    def _count(self, found: PredictionChanges) -> None:
        self._rates.object = rates_html(found, None)
        self._table = None
        self._title.object = "<h3>Every galaxy that flips</h3><p class='hint'>computing …</p>"
        self._save.disabled = True
        self._compute.submit(
            "counts",
            _count_all,
            found,
            seed_group(self._state, found),
            then=partial(self._counted, found),
            failed=self._not_counted,
        )

    def _counted(
        self, found: PredictionChanges, counted: tuple[list[FlipRate], pd.DataFrame]
    ) -> None:
        if found is not self._found:
            return
        shares, self._table = counted
        self._rates.object = rates_html(found, shares)
        self._save.param.update(
            disabled=self._table.empty, filename=f"flips {found.domain} {found.split}.csv"
        )
        self._draw_table()

    def _not_counted(self, message: str) -> None:
        self._rates.object = self._lines.markup = f"<p class='hint'>{escape(message)}</p>"

    def _draw_table(self) -> None:
        found, choice, table = self._found, self._choice, self._table
        if found is None or table is None:
            return
        order = choice.order if choice.order in table.columns else ""
        page, pages, lines = table_page(sorted_table(table, choice), choice.table_page)
        kinds = "; ".join(_kinds(found, place) for place in range(1, len(found.runs)))
        told = (
            f"{len(table)} of {_count(found)} {found.domain}"
            f" galaxies{f' ({kinds})' if kinds else ''}"
        )
        by = f"by {order}" if order else "the largest change of probability first"
        distance = "distance: signed, to the decision boundary at the threshold [source σ]"
        self._title.object = (
            "<h3>Every galaxy that flips</h3><p"
            f" class='hint'>{escape(f'{told}; {by}. {distance}.')}</p>"
        )
        self._lines.markup = table_html(
            lines, page, pages, len(table), order, choice.descending, found.domain == "target"
        )

    def _heard(self, said: Any) -> None:
        """What a button says comes from a browser: it may be anything."""
        found, choice = self._found, self._choice
        match said:
            case ["galaxy", str(name)] if found is not None and name in found.sample_ids:
                self._entry.session.batched(self._state.select_galaxy)(name)
            case ["page", int(place), int(page)]:
                choice.pages = {**choice.pages, place: max(page, 0)}
            case ["table", int(page)]:
                choice.table_page = max(page, 0)
            case ["sort", str(column)] if self._table is not None and column in self._table.columns:
                choice.sort(column)

    def _csv(self) -> BytesIO:
        if self._found is None or self._table is None or self._table.empty:
            raise InputError(
                "There is no flipped galaxy to save; choose other runs, another epoch or another"
                " threshold."
            )
        return BytesIO(flips_csv(self._found, sorted_table(self._table, self._choice)).encode())


def _count_all(
    found: PredictionChanges, families: Sequence[SeedGroup]
) -> tuple[list[FlipRate], pd.DataFrame]:
    return rates(found, families), flip_table(found)


def _count(found: PredictionChanges) -> str:
    if len(found) == found.total:
        return f"n = {len(found)}"
    return (
        f"n = {len(found)} of {found.total},"
        f" {'labelled and ' if found.by == 'truth' else ''}evaluated by all runs"
    )


def _kinds(found: PredictionChanges, place: int) -> str:
    told = [
        f"{len(pile.rows)} {pile.name.lower() if found.by == 'truth' else pile.name}"
        for pile in piles(found, place)[:2]
    ]
    return f"{found.names[place]} {', '.join(told)}"
