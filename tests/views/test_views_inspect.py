"""Pictures and words of an inspection: what they hold equals the tables, and the page that stands
alone is complete.
"""

import json
import re
from itertools import pairwise

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from fake_inspection import BANDS, VERDICT, make_inspection

from daexplore.views.inspection import summaries
from daexplore.views.inspection.cards import fluid_figure, inspection_cards
from daexplore.views.inspection.counts import class_plot, fault_plot
from daexplore.views.inspection.differences import difference_plot, probe_plot
from daexplore.views.inspection.markup import (
    checks_html,
    differences_html,
    domains_html,
    galleries_html,
    pairs_html,
)
from daexplore.views.inspection.page import inspection_html
from daexplore.views.inspection.pixels import (
    inspection_tables,
    pixel_panels,
    quantity_panels,
    spectrum_panels,
)
from daexplore.views.style import DOMAIN_COLORS


@pytest.fixture(scope="module")
def inspection():
    return json.loads(json.dumps(make_inspection()))


@pytest.fixture(scope="module")
def tables(inspection):
    return inspection_tables(inspection)


def options(element):
    return hv.Store.lookup_options("bokeh", element, "style").kwargs


def curves(overlay):
    return {curve.label: curve for curve in overlay.traverse(lambda e: e, [hv.Curve])}


def test_pixel_panels_hold_the_histograms_with_source_solid_and_target_dashed(tables):
    layout = pixel_panels(tables["histograms"])
    assert len(layout) == len(BANDS)
    rows = tables["histograms"]
    for band, overlay in zip(BANDS, layout, strict=True):
        for domain, curve in curves(overlay).items():
            share = rows[(rows["band"] == band) & (rows["domain"] == domain)].sort_values("left")[
                "share"
            ]
            np.testing.assert_allclose(curve.dimension_values("share")[::2], 100 * share)
            np.testing.assert_array_equal(curve.dimension_values("x")[::2], np.arange(len(share)))
            assert options(curve)["color"] == DOMAIN_COLORS[domain]
            assert options(curve)["line_dash"] == {"source": "solid", "target": "dashed"}[domain]


def test_ticks_of_pixel_panels_stand_where_their_values_lie(tables):
    figure = hv.renderer("bokeh").get_plot(pixel_panels(tables["histograms"])["Overlay", "I"]).state
    rows = tables["histograms"].query("band == 'g' and domain == 'source'").sort_values("left")
    edges = np.array([*rows["left"], rows["right"].max()])
    labels = figure.xaxis[0].major_label_overrides
    assert len(labels) >= 3
    for place, text in labels.items():
        whole = int(place)
        value = edges[whole] + (place - whole) * (
            edges[min(whole + 1, len(edges) - 1)] - edges[whole]
        )
        assert value == pytest.approx(float(text), abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(18.0, 91.0), (11.0, 13.0), (-8.0, -2.0)])
def test_values_within_one_decade_have_ticks_too(low, high):
    edges = np.linspace(low, high, 9)
    rows = [
        {"domain": domain, "band": "R", "left": left, "right": right, "share": 1 / 8}
        for domain in ("source", "target")
        for left, right in pairwise(edges)
    ]
    panel = pixel_panels(pd.DataFrame(rows))["Overlay", "I"]
    figure = hv.renderer("bokeh").get_plot(panel).state
    shown = {float(text) for text in figure.xaxis[0].major_label_overrides.values()}
    assert {low, high} <= shown


def test_quantity_panels_are_logarithmic_where_the_scale_is_and_mark_the_medians(tables):
    for quantity, axis in (("total_snr", "LogAxis"), ("colour", "LinearAxis")):
        layout = quantity_panels(tables["distributions"], tables["summaries"], quantity)
        for overlay in layout:
            assert type(hv.renderer("bokeh").get_plot(overlay).state.xaxis[0]).__name__ == axis
            medians = [
                float(points.dimension_values("x")[0])
                for points in overlay.traverse(lambda e: e, [hv.Points])
            ]
            assert medians == [1.0, 4.0]


def test_spectra_are_drawn_in_cycles_per_pixel_unless_both_scales_are_known(tables):
    spectrum = tables["spectrum"]
    curve = curves(next(iter(spectrum_panels(spectrum))))["target"]
    part = spectrum[(spectrum["domain"] == "target") & (spectrum["band"] == "g")]
    np.testing.assert_allclose(curve.dimension_values("power"), part["power"])
    known = spectrum.assign(frequency_arcsec=spectrum["frequency"] / 0.2)
    np.testing.assert_allclose(
        curves(next(iter(spectrum_panels(known))))["source"].dimension_values(0).max(), 2.5
    )


def test_differences_are_ranked_with_their_intervals_and_filled_beyond_chance(tables):
    rows = tables["distances"]
    overlay = difference_plot(rows)
    segments = overlay.traverse(lambda e: e, [hv.Segments])[0]
    np.testing.assert_allclose(segments.dimension_values("low"), rows["ks_low"])
    np.testing.assert_allclose(segments.dimension_values("high"), rows["ks_high"])
    filled, hollow = overlay.traverse(lambda e: e, [hv.Points])
    np.testing.assert_allclose(
        filled.dimension_values("distance"), rows.loc[rows["ks"] > rows["chance"], "ks"]
    )
    np.testing.assert_allclose(
        hollow.dimension_values("distance"), rows.loc[rows["ks"] <= rows["chance"], "ks"]
    )
    assert np.all(np.diff(segments.dimension_values("y")) == -1)


def test_probe_class_and_fault_plots_hold_their_numbers(tables):
    points = probe_plot(tables["probe"]).traverse(lambda e: e, [hv.Points])[0]
    np.testing.assert_allclose(points.dimension_values("auc"), [0.998, 0.941])
    boxes = class_plot(tables["classes"]).traverse(lambda e: e, [hv.Rectangles])
    assert [list(box.dimension_values("x1")) for box in boxes] == [[60.0, 40.0], [90.0, 10.0]]
    ticks = (
        hv.renderer("bokeh")
        .get_plot(fault_plot(tables["values"]))
        .state.yaxis[0]
        .major_label_overrides.values()
    )
    assert list(ticks) == [
        f"{fault}, {band}" for fault in ("missing", "exactly zero") for band in BANDS
    ]


def test_summaries_say_n_domains_intervals_and_whose_labels_were_used(tables):
    assert "as they come 0.998 [0.996, 0.999] (far apart)" in summaries.summary_probe(
        tables["probe"]
    )
    assert "n = 300 source and 280 target" in summaries.summary_probe(tables["probe"])
    beyond = int((tables["distances"]["ks"] > tables["distances"]["chance"]).sum())
    assert summaries.summary_differences(tables["distances"]).startswith(
        f"{beyond} of {len(tables['distances'])} quantities"
    )
    assert "target (oracle): 3600 non-merger (90%)" in summaries.summary_classes(tables["classes"])
    assert "oracle" not in summaries.summary_classes(
        inspection_tables(make_inspection(labelled=False))["classes"]
    )
    assert "12 with missing pixels" in summaries.summary_faults(tables["values"])
    histogram = tables["histograms"].query("band == 'g'").sort_values("left")
    both = [
        histogram.loc[histogram["domain"] == domain, "share"].to_numpy()
        for domain in ("source", "target")
    ]
    assert f"g {np.minimum(*both).sum():.0%}" in summaries.summary_pixels(tables["histograms"])
    assert "g-r 1 [0.9, 1.1] → 4 [3.9, 4.1]" in summaries.summary_quantity(
        tables["summaries"], "colour"
    )
    assert "g 0.0001 → 0.3" in summaries.summary_spectrum(tables["spectrum"])


def test_every_card_has_a_summary_and_only_the_one_with_target_labels_is_an_oracles(tables):
    cards = inspection_cards(tables)
    assert [card.title for card in cards if card.oracle] == ["Class balance"]
    assert all(card.summary.endswith(".") for card in cards)
    assert {"Pixel values", "Power spectra", "Signal-to-noise of the galaxy", "Colour"} <= {
        card.title for card in cards
    }
    figure = fluid_figure(cards[0].panels[0])
    assert figure.sizing_mode == "stretch_width"


def test_unlabelled_targets_have_no_oracle():
    cards = inspection_cards(inspection_tables(make_inspection(labelled=False)))
    assert not any(card.oracle for card in cards)


def test_pairs_show_both_images_and_the_second_turned_back(inspection, tables):
    markup = pairs_html(inspection["pairs"], tables["duplicates"])
    assert len(re.findall("<img ", markup)) == 3
    assert "transform: rotate(-90deg)'" in markup
    assert "leak" in markup
    assert "source, train" in markup
    assert "source, test" in markup
    mirrored = tables["duplicates"].assign(mirrored=True, angle=0)
    assert "scaleX(-1)" in pairs_html(inspection["pairs"], mirrored)
    assert (
        pairs_html([], tables["duplicates"])
        == pairs_html(inspection["pairs"], tables["duplicates"], leak=False)
        == ""
    )


def test_walls_have_alternative_text_and_mark_target_labels(inspection):
    markup = galleries_html(inspection["walls"], about={"source": "<sims>", "target": "survey"})
    assert len(re.findall("<img [^>]*alt='16 images of the class", markup)) == 4
    assert markup.count("<i>oracle</i>") == 2
    assert "&lt;sims&gt;" in markup


def test_tables_say_what_is_beyond_chance_what_is_unknown_and_what_failed(tables):
    markup = differences_html(tables["distances"])
    assert markup.count("<b>") == int(
        (tables["distances"]["ks"] > tables["distances"]["chance"]).sum()
    )
    assert "×35 <small>[30, 40]</small>" in markup
    assert "unknown" in domains_html(tables["domains"])
    assert checks_html(tables["leakage"]).count("class='bad'") == 1


@pytest.fixture(scope="module")
def page(inspection):
    return inspection_html(inspection)


def test_the_page_stands_alone(page):
    assert page.startswith("<!doctype html>")
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"'](?!data:)", page)
    assert "@import" not in page
    assert not re.findall(r"url\((?!data:)", page.split("</style>")[0])


def test_the_page_says_everything_escaped_under_one_first_heading(page, inspection):
    assert page.count("<h1>") == 1
    assert f"<h1>{VERDICT}</h1>" in page
    assert "noise in g (×35) &lt;b&gt;." in page
    for words in (*inspection["warnings"], *inspection["advice"]):
        assert words in page
    for card in inspection_cards(inspection_tables(inspection)):
        assert card.summary in page
    images = re.findall(r"<img [^>]*>", page)
    assert images
    assert all("alt='" in image for image in images)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_a_page_without_leak_or_labels_has_neither(page):
    plain = inspection_html(make_inspection(leak=False, labelled=False))
    assert "What may spoil the result" in page
    assert "What may spoil the result" not in plain
    assert "<i>oracle</i>" not in plain
    assert "class='pairs'" not in plain
