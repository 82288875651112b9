"""The noise dial: what it does to one galaxy, what the runs say of it, against their own outputs
and sums by hand.
"""

import io
from concurrent.futures import Future
from types import SimpleNamespace

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import Scatter, Span
from factories import make_galaxies, make_run
from latent_case import make_case
from shown import figures, shown
from small_training import config

from daexplore.analysis.latents.margin_plane import margin_plane, project_new
from daexplore.app.core.session import Session
from daexplore.app.dial_setting import DIALS, Dial
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.registry import TabContext, noop
from daexplore.app.tabs.whatif.model import WhatIfModel
from daexplore.app.tabs.whatif.requests import WhatIfRequests
from daexplore.app.tabs.whatif.tab import WhatIfTab
from daexplore.app.url import apply_query, to_query
from daexplore.data import GalaxySet
from daexplore.data.loaders import as_batch
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.data.simulate import PRESETS, reobserve, simulate
from daexplore.engine.explanation.gradcam import gradcam_map
from daexplore.engine.inference import load_network
from daexplore.engine.perturbations import sky_sigma
from daexplore.engine.training.train import train
from daexplore.engine.whatif.galaxy_perturbations import (
    WHATIF_DIALS,
    Simulation,
    Subject,
    coarsened,
    positions,
    regridded,
)
from daexplore.engine.whatif.messages import Query
from daexplore.engine.whatif.response import answer, plan
from daexplore.errors import InputError
from daexplore.views.figures import render
from daexplore.views.plots.whatif import (
    dial_curves,
    summary_dial,
    summary_walks,
    trajectory_plot,
    walk_limits,
)

TARGET = "target/G00030-0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whatif")
    make_galaxies(folder, 60)
    return folder


@pytest.fixture(scope="module")
def runs(folder):
    return [
        train(config(folder, method, epochs=1, evaluation_limit=60), folder / "runs")
        for method in ("noda", "mmd")
    ]


def at_once(question, number):
    """Do the child process's work here."""
    done = Future()
    try:
        done.set_result(plan(question) if number is None else answer(question, number))
    except InputError as error:
        done.set_exception(error)
    return done


def now(function):
    function()


def evaluated(run, domain="target"):
    found = run.evaluation()
    return str(found.sample_ids[np.flatnonzero(found.mask(domain, "test"))[0]])


def question(run, dial, sample_id=None, **changes):
    sample_id = sample_id or evaluated(run)
    return Query(
        str(run.path), run.selected_epoch, sample_id, sample_id.partition("/")[0], dial, **changes
    )


def test_further_positions_are_the_planes_own_for_its_own_latents_and_a_projection_for_others():
    case = make_case()
    logits = case["latents"] @ case["weight"].T + case["bias"]
    plane = margin_plane(**case, logits=logits)
    for row in (0, 17, 450):
        x, y = project_new(plane, case["latents"][row : row + 1], logits[row : row + 1], row)
        assert (x[0], y[0]) == pytest.approx((plane.x[row], plane.y[row]), rel=1e-12)
    row, step = 17, np.random.default_rng(1).normal(size=(4, 6))
    moved = case["latents"][row] + step
    x, y = project_new(plane, moved, moved @ case["weight"].T + case["bias"], row)
    normal = case["weight"][1] - case["weight"][0]
    np.testing.assert_allclose(x - plane.x[row], step @ normal / plane.scale)
    direction = plane.directions[plane.fold[row]]
    validation = (case["domains"] == "source") & (case["splits"] == "validation")
    along, labels = case["latents"][validation] @ direction, case["labels"][validation]
    residual = sum(((along[labels == k] - along[labels == k].mean()) ** 2).sum() for k in (0, 1))
    np.testing.assert_allclose(
        y, (moved @ direction - along.mean()) / np.sqrt(residual / (len(along) - 2))
    )
    # Along the direction that the probe may not use nothing changes.
    _, still = project_new(plane, moved + 3 * normal, logits[:4], row)
    np.testing.assert_allclose(still, y, atol=1e-9)


@pytest.mark.parametrize("domain", ["source", "target"])
def test_at_the_surveys_own_setting_the_run_says_what_its_folder_says(runs, domain):
    for run in runs:
        sample_id = evaluated(run, domain)
        asked = question(run, "psf", sample_id)
        planned = plan(asked)
        own = next(number for number, stop in enumerate(planned.stops) if stop.original)
        found, row = answer(asked, own), run.evaluation().row_by_id[sample_id]
        np.testing.assert_allclose(
            found.logits[0], run.evaluation().logits[row], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            found.latents[0], run.evaluation().latents[row], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            found.map,
            gradcam_map(run.path, run.selected_epoch, sample_id, domain),
            rtol=1e-5,
            atol=1e-8,
        )


def test_the_answer_is_a_forward_pass_of_the_degraded_image(runs, folder):
    run, target = runs[0], GalaxySet.load(folder / "target")
    sample_id = evaluated(run)
    image = target.images[target.rows([sample_id])]
    asked = question(run, "pixel", sample_id)
    network, preprocess = load_network(run), Preprocess.from_dict(run.info["preprocessing"])
    for number, stop in enumerate(plan(asked).stops):
        expected = (
            network(as_batch(coarsened(image, stop.level), np.zeros(1, int), preprocess, "target"))
            .logits.detach()
            .numpy()
        )
        np.testing.assert_allclose(answer(asked, number).logits, expected, rtol=1e-4, atol=1e-5)


def test_noise_is_repeated_by_its_seed_and_drawn_as_often_as_asked(runs):
    run = runs[0]
    ask = [question(run, "depth", draws=4, seed=seed) for seed in (0, 0, 1)]
    assert plan(ask[0]).stops[0].original
    first, again, other = (answer(one, 2).logits for one in ask)
    assert first.shape == (4, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert len(np.unique(first[:, 0])) == 4


def test_a_real_image_cannot_be_made_deeper_sharper_or_moved_away(runs):
    planned = plan(question(runs[0], "depth"))
    assert not planned.simulated
    assert "cannot be made deeper" in planned.remark
    assert min(stop.level for stop in planned.stops) == next(
        stop.level for stop in planned.stops if stop.original
    )
    with pytest.raises(InputError, match="cannot be moved to another redshift"):
        plan(question(runs[0], "redshift"))
    with pytest.raises(InputError, match="knows no galaxy"):
        plan(question(runs[0], "psf", "target/none"))


def test_coarse_pixels_keep_the_light():
    image = np.zeros((1, 1, 75, 75), np.float32)
    image[0, 0, 30:45, 30:45] = np.random.default_rng(0).random((15, 15))
    for ratio in (1.5, 2.0, 3.0, 5.0):
        assert coarsened(image, ratio).sum() == pytest.approx(image.sum(), rel=1e-4)
        assert coarsened(image, ratio).max() < image.max()
    # Pixels three times as wide about the same centre: the mean of each block, by hand.
    blocks = image.reshape(25, 3, 25, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(
        coarsened(image, 3.0)[0, 0], np.kron(blocks, np.ones((3, 3))), atol=1e-6
    )
    coarse = np.random.default_rng(1).random((1, 1, 75, 75)).astype(np.float32)
    np.testing.assert_allclose(
        regridded(coarse, 3.0)[0, 0],
        np.kron(coarse[0, 0, 25:50, 25:50], np.ones((3, 3))) / 9,
        rtol=1e-5,
    )


@pytest.fixture(scope="module")
def simulated():
    _, target = simulate("demo", 4, workers=1)
    preset = PRESETS["demo"]
    where = Simulation(preset, preset.target, 0, preset.population.redshift)
    return Subject(
        str(target.sample_ids[1]), "target", target.images[1:2], target.bands, 0.06, where, {}
    )


def test_a_simulated_galaxy_is_observed_anew(simulated):
    preset, ids = PRESETS["demo"], [simulated.sample_id]
    for dial in ("psf", "depth", "pixel", "redshift"):
        stops = positions(simulated, dial)
        own = next(stop for stop in stops if stop.original)
        drawn = own.draws(2, 0)
        np.testing.assert_array_equal(drawn[:1], simulated.image)
        assert not np.array_equal(drawn[1], drawn[0])
        assert [stop.level for stop in stops] == sorted(stop.level for stop in stops)
    depth = {stop.level: stop for stop in positions(simulated, "depth")}
    assert not depth[0.0].random
    np.testing.assert_array_equal(
        depth[0.0].draws(8, 0), reobserve("demo", ids, preset.target.with_exposure(None))
    )
    border = {level: sky_sigma(depth[level].draws(8, 3)).mean() for level in (0.5, 1.0, 2.0, 4.0)}
    for level, sigma in border.items():
        assert sigma / border[1.0] == pytest.approx(level, rel=0.1)
    # Farther away it is fainter; with coarser pixels it is as bright.
    deep = Subject(
        **{
            **vars(simulated),
            "simulation": Simulation(preset, preset.target.with_exposure(None), 0, 1.75),
        }
    )
    light = {
        dial: {stop.level: stop.image(0).sum() for stop in positions(deep, dial)}
        for dial in ("redshift", "pixel")
    }
    assert light["redshift"][1.05] > light["redshift"][1.75] > light["redshift"][3.5]
    assert light["pixel"][3.0] == pytest.approx(light["pixel"][1.0], rel=0.05)


def tab_of(root, submit=at_once, **params):
    state = ExplorerState(root, **params)
    if not state.run_ids:
        state.set_runs([run.id for run in state.evaluated_runs])
    entry = TabContext(state, Session(), lambda: True, noop)
    holder = SimpleNamespace(tab=None)
    asker = WhatIfRequests(now, lambda: holder.tab and holder.tab.show_answers(), submit)
    holder.tab = WhatIfTab(entry, asker)
    return state, holder.tab


def test_tables_hold_what_the_runs_say_and_the_walk_is_the_planes(runs, folder):
    state, tab = tab_of(folder / "runs", galaxy=evaluated(runs[0]))
    tab.dial.value = "psf"
    logic = tab.logic
    assert logic.ready
    assert logic.progress[0] == logic.progress[1] == 2 * len(logic.plan.stops)
    curves, walks = logic.curves(), logic.trajectories()
    for run in runs:
        label, found = state.label(run), run.evaluation()
        row = found.row_by_id[state.galaxy]
        mine, walk = curves[curves["run"] == label], walks[walks["run"] == label]
        assert mine.loc[mine["original"], "first"].iloc[0] == pytest.approx(
            found.pair_probability((0, 1))[row], abs=1e-5
        )
        assert (mine["low"] <= mine["probability"]).all()
        assert (mine["probability"] <= mine["high"]).all()
        weight, bias = run.head()
        plane = margin_plane(
            found.latents,
            found.labels,
            found.domain,
            found.split,
            weight,
            bias,
            groups=found.group_ids,
            logits=found.logits,
        )
        own = walk[walk["original"]].iloc[0]
        assert (own["x"], own["y"]) == pytest.approx((plane.x[row], plane.y[row]), abs=1e-3)
        asked = question(run, "psf", state.galaxy, draws=logic.draws)
        last = answer(asked, len(logic.plan.stops) - 1)
        logit = (
            last.latents.astype(float) @ (weight[1] - weight[0]).astype(float) + bias[1] - bias[0]
        ).mean()
        assert walk["x"].iloc[-1] == pytest.approx(logit / plane.scale, abs=1e-3)


def test_the_dial_and_the_threshold_only_move_marks(runs, folder):
    asked = []

    def counting(*asking):
        asked.append(asking)
        return at_once(*asking)

    state, tab = tab_of(folder / "runs", counting, galaxy=evaluated(runs[0]))
    tab.dial.value = "psf"
    curve, *planes = figures(tab.view)
    assert len(planes) == 2
    asked.clear()
    tab.slider.value = 5
    state.show(threshold=0.7)
    assert figures(tab.view) == [curve, *planes]
    assert asked == []
    walks = tab.logic.trajectories()
    for one, figure in zip(tab.logic.answered, planes, strict=True):
        here = walks[(walks["run"] == one.scene.label) & (walks["number"] == 5)].iloc[0]
        mark = [
            each for each in figure.renderers if isinstance(getattr(each, "glyph", None), Scatter)
        ][-1].data_source.data
        assert (mark["x"][0], mark["y"][0]) == pytest.approx((here["x"], here["y"]))
        line = next(each for each in figure.renderers if isinstance(each, Span))
        assert line.location == pytest.approx(np.log(0.7 / 0.3) / tab.logic.plane(one).scale)
    spans = [each for each in curve.renderers if isinstance(each, Span)]
    assert [span.location for span in spans] == pytest.approx(
        [0.7, 0.0, tab.logic.plan.stops[5].level]
    )
    assert "aria-pressed='true'" in shown(tab.view).split("data-galaxy='5'")[1].split(">")[0]
    tab.seed.value = 78
    assert asked


def test_what_is_taken_away_is_what_the_room_has_found(runs, folder):
    state, tab = tab_of(folder / "runs", galaxy=evaluated(runs[0]))
    tab.dial.value = "psf"
    state.show(threshold=0.7)
    dial, walks = tab.dial_figure(), tab.trajectory_figure()
    pd.testing.assert_frame_equal(dial.table, tab.logic.curves())
    pd.testing.assert_frame_equal(
        walks.table[["run", "level", "x", "y"]],
        tab.logic.trajectories()[["run", "level", "x", "y"]],
    )
    for one in tab.logic.answered:
        rows = walks.table[walks.table["run"] == one.scene.label]
        assert rows["boundary"].iloc[0] == pytest.approx(
            np.log(0.7 / 0.3) / tab.logic.plane(one).scale
        )
    for drawing in (dial, walks):
        assert drawing.meta["n"] == f"1 galaxy, {state.galaxy}, target"
        assert drawing.meta["threshold"] == "p = 0.7"
        assert "no probability uses it" in drawing.meta["oracle"]
        table = pd.read_csv(io.StringIO(render.csv_text(drawing)), comment="#")
        assert len(table) == len(drawing.table)
        width, height = render.figure(drawing, 84.0).get_size_inches()
        assert width * 25.4 == pytest.approx(84.0)
        assert height > 1
    axes = render.figure(dial).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == len(tab.logic.plan.stops)]
    for line, (_, rows) in zip(lines, dial.table.groupby("run", sort=False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), rows["probability"])


def test_nothing_is_taken_away_before_the_answers_are_there(runs, folder):
    _, tab = tab_of(folder / "runs", galaxy=evaluated(runs[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(tab.logic), "ready", property(lambda _: False))
        with pytest.raises(InputError, match="not there yet"):
            tab.dial_figure()


def test_how_the_dial_is_turned_goes_into_a_link_and_comes_back_in_another_session(runs, folder):
    state, tab = tab_of(folder / "runs", galaxy=evaluated(runs[0]))
    assert "dial" not in to_query(state)
    tab.dial.value, tab.seed.value, tab.draws.value = "psf", 3, 1
    tab.slider.value = 4
    level = tab.logic.plan.stops[4].level
    assert to_query(state)["dial"] == f"psf:{level:.6g}:3:1"
    linked = ExplorerState(folder / "runs")
    apply_query(linked, to_query(state))
    assert linked.alert == ""
    other, again = tab_of(
        folder / "runs", **{name: getattr(linked, name) for name in ("galaxy", "dial", "run_ids")}
    )
    again.show()
    assert (again.dial.value, again.seed.value, again.draws.value, again.slider.value) == (
        "psf",
        3,
        1,
        4,
    )
    assert again.logic.position == 4
    own = next(number for number, stop in enumerate(again.logic.plan.stops) if stop.original)
    again.slider.value = own
    assert to_query(other)["dial"] == "psf::3:1"


def test_a_level_that_the_dial_does_not_have_is_the_nearest_one(runs, folder):
    _, tab = tab_of(folder / "runs", galaxy=evaluated(runs[0]), dial=Dial("psf", 1e9))
    tab.show()
    assert tab.logic.position == len(tab.logic.plan.stops) - 1


def test_the_dials_of_a_link_are_those_of_the_room_and_of_the_engine(runs, folder):
    _, tab = tab_of(folder / "runs")
    assert set(DIALS) == set(tab.dial.options.values()) == set(WHATIF_DIALS)


def test_without_a_galaxy_one_is_chosen_and_said_how(folder, runs):
    state, tab = tab_of(folder / "runs")
    assert state.galaxy is None
    tab.show()
    chosen = tab.logic.chosen
    assert chosen.domain == "target"
    assert chosen.split == "test"
    assert chosen.sample_id in shown(tab.view)
    assert f"Example galaxy: {chosen.reason}" in shown(tab.view)
    assert state.galaxy is None


def test_images_that_are_not_here_are_said_so(tmp_path):
    run = make_run(tmp_path, n=120, epochs=1, saliency=False)
    _, tab = tab_of(tmp_path, galaxy=evaluated(run))
    tab.show()
    assert "not on this machine" in shown(tab.view)
    assert "Computing" not in shown(tab.view)
    assert "Opening" not in shown(tab.view)
    assert tab.logic.curves().empty


def test_another_page_that_gives_up_does_not_lose_the_answer(runs, folder):
    calls = []

    def fickle(question, number):
        calls.append(number)
        if len(calls) == 1:
            gone = Future()
            gone.cancel()
            gone.set_running_or_notify_cancel()
            return gone
        return at_once(question, number)

    state = ExplorerState(folder / "runs", galaxy=evaluated(runs[0]))
    state.set_runs([runs[0].id])
    logic = WhatIfModel(state, WhatIfRequests(now, noop, fickle))
    logic.set_dial("psf", 77, 8)
    logic.follow_state()
    assert calls[:2] == [None, None]
    assert logic.ready


def test_views_draw_what_they_are_given_and_say_it_in_words():
    rows = [
        {
            "run": "A",
            "domain": "target",
            "number": i,
            "level": float(i),
            "original": i == 0,
            "how": "",
            "probability": p,
            "first": p,
        }
        | {"low": p - 0.1, "high": p + 0.1, "draws": 8, "x": p, "y": 2 * p}
        for i, p in enumerate((0.9, 0.7, 0.2))
    ]
    table = pd.DataFrame(rows)
    plot = dial_curves(table, unit="noise", threshold=0.5, here=1.0, positive="merger", title="t")
    hv.renderer("bokeh").get_plot(plot)
    curve = next(one for one in plot if type(one) is hv.Curve)
    np.testing.assert_array_equal(curve.dimension_values("probability"), table["probability"])
    assert "A: 0.90 at 0 to 0.20 at 2, crosses 0.50 between 1 and 2" in summary_dial(
        table, "noise", "merger", 0.5
    )
    assert "always above" in summary_dial(table, "noise", "merger", 0.1)
    limits = walk_limits(table.head(0)[["x", "y"]], table)
    assert limits[0][0] < 0.2
    assert limits[0][1] > 0.9
    walk = trajectory_plot(
        table[["x", "y", "domain"]], table, here=2, threshold_x=0.1, title="t", limits=limits
    )
    hv.renderer("bokeh").get_plot(walk)
    last = list(walk)[-1]
    assert (last.dimension_values("x")[0], last.dimension_values("y")[0]) == (0.2, 0.4)
    assert "from (0.90, 1.80) at 0 to (0.20, 0.40) at 2" in summary_walks(table)
