"""The training page without a browser: its cards follow the folders, errors come to the page, the
form says what it will run.
"""

import dataclasses
import inspect
import sys
import time
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
import pytest
from computing import Failing
from factories import make_run
from shown import drawn, figures, shown

from daexplore.alignment import METHODS
from daexplore.app.components.training.card import TrainingCard, progress_text
from daexplore.app.components.training.panel import TrainingPanel
from daexplore.app.components.training.plots import LiveCurves, LivePlane, SharedAxes, plane_points
from daexplore.app.jobs.commands import data_arguments, parse_epochs, parse_seeds
from daexplore.app.jobs.job import Job, Stage
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.train.form import TrainForm
from daexplore.app.tabs.welcome import tab as welcome_module
from daexplore.app.tabs.welcome.galleries import galleries
from daexplore.cli.shared.options import run_config
from daexplore.config import AlignmentConfig, RunConfig, TrainConfig, preset, replace_at
from daexplore.errors import InputError
from daexplore.methods import ALIGNMENTS
from daexplore.views.style import DOMAIN_COLORS

FAKE = str(Path(__file__).parents[1] / "helpers" / "fake_training.py")


def fake(root, method="noda", *options):
    return Job(
        [sys.executable, FAKE, "--runs", str(root), "--method", method, "--pause", "0", *options],
        root,
        method=method,
    )


def tick_until(trainings, condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [job.state for job in trainings.queue.jobs]
        trainings.tick()
        time.sleep(0.05)


@pytest.fixture
def trainings(tmp_path):
    ended = []
    made = TrainingPanel(ExplorerState(tmp_path), ended.append)
    made.ended = ended
    yield made
    made.queue.stop_on_close = True
    made.close()


def test_cards_follow_trainings_to_their_end(trainings, tmp_path):
    assert not trainings.view.visible
    trainings.start([fake(tmp_path, "noda"), fake(tmp_path, "mmd")])
    assert trainings.view.visible
    tick_until(trainings, lambda: trainings.ended)
    assert [[run.method for run in runs] for runs in trainings.ended] == [["noda", "mmd"]]
    card = trainings.cards[1]
    tick_until(trainings, lambda: "after epoch 3" in shown(card.view))
    history = trainings.queue.jobs[1].run.history()
    logged = history[
        (history["name"] == "accuracy")
        & (history["split"] == "validation")
        & (history["domain"] == "target")
    ]
    accuracy = figures(card.view)[1]
    assert accuracy.title.text.endswith("target - - (oracle)")
    dashes = [one.glyph.line_dash for one in accuracy.renderers]
    target = drawn(accuracy, dashes.index([6]))
    assert list(target["x"]) == [1, 2, 3]
    assert list(target["y"]) == list(logged["value"])
    assert "n = 20 + 20" in shown(card.view)
    assert "(oracle)" in shown(card.view)


def test_figures_are_made_with_their_card_and_shown_when_they_have_something_to_show(
    trainings, tmp_path
):
    trainings.start([fake(tmp_path, "mmd", "--simulate", "0.5")])
    (card,) = trainings.cards
    made = {pane.object for pane in card.view.select(pn.pane.Bokeh)}
    assert len(made) == 4
    assert figures(card.view) == []
    tick_until(trainings, lambda: len(figures(card.view)) == 4)
    assert set(figures(card.view)) == made
    assert figures(card.view)[-1].x_range.end == 3


def test_crash_is_shown_on_its_card_and_the_others_go_on(trainings, tmp_path):
    trainings.start([fake(tmp_path, "noda", "--fail", "crash"), fake(tmp_path, "mmd")])
    tick_until(trainings, lambda: trainings.ended)
    failed, finished = trainings.cards
    assert "role='alert'>RuntimeError: the galaxies ran away. The log is " in shown(failed.view)
    assert "role='alert'" not in shown(finished.view)
    assert [run.method for run in trainings.ended[0]] == ["mmd"]


def test_stopped_training_is_resumed_from_its_card(trainings, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "daexplore.app.components.training.panel.resume_command",
        lambda run: [sys.executable, FAKE, "--resume", str(run), "--pause", "0"],
    )
    trainings.start([fake(tmp_path, "mmd", "--epochs", "40", "--pause", "0.2")])
    tick_until(
        trainings,
        lambda: trainings.queue.jobs[0].run is not None and trainings.queue.jobs[0].run.evaluated,
    )
    (card,) = trainings.cards
    card.stop.param.trigger("clicks")
    tick_until(trainings, lambda: trainings.ended)
    assert card.resume.visible
    card.resume.param.trigger("clicks")
    tick_until(trainings, lambda: len(trainings.ended) == 2)
    assert trainings.queue.jobs[0].run.evaluated == list(range(1, 41))


def test_unwritable_folder_is_said_and_leaves_no_card(tmp_path):
    root = tmp_path / "runs"
    made = TrainingPanel(ExplorerState(root))
    root.touch()
    with pytest.raises(InputError, match="cannot be written"):
        made.start([fake(root)])
    assert made.cards == ()


def test_two_pages_share_nothing(tmp_path):
    first, second = (TrainingPanel(ExplorerState(tmp_path / name)) for name in ("a", "b"))
    first.queue.add(fake(tmp_path / "a"))
    assert second.queue.jobs == []
    for name, made in (("a", first), ("b", second)):
        made.queue.jobs[:] = [Job.of_run(make_run(tmp_path / name, "mmd", n=40, epochs=1))]
        made.tick()
    planes = [made.cards[0].view.select(pn.pane.Bokeh)[0].object for made in (first, second)]
    planes[0].x_range.end = 50
    assert planes[1].x_range.end == 6


def test_plane_points_are_the_split_s_galaxies_by_domain_and_class(tmp_path):
    run = make_run(tmp_path, "mmd", n=120, epochs=2)
    points = plane_points(run, 2)
    found = run.evaluation(2)
    for (domain, label), x in points.x.items():
        assert (
            len(x)
            == len(points.y[domain, label])
            == int((found.mask(domain, "validation") & (found.labels == label)).sum())
        )
    assert points.total == points.shown == int(found.mask(split="validation").sum())
    # At a threshold of one half, the side of the boundary is the predicted class.
    calls = sum(int((x > points.boundary).sum()) for x in points.x.values())
    assert calls == int(found.predicted[found.mask(split="validation")].sum())


def test_shared_axes_only_grow(tmp_path):
    run = make_run(tmp_path, "noda", n=120, epochs=3)
    axes = SharedAxes()
    axes.hold_plane(plane_points(run, 3))
    axes.hold_curves(run.history())
    assert axes.x.start <= -6
    assert axes.x.end >= 6
    mmd2 = run.history().query("name == 'mmd2' and split == 'validation'")["value"]
    assert axes.mmd2.end > mmd2.max()
    before = (axes.x.start, axes.x.end, axes.mmd2.end)
    axes.hold_curves(run.history().head(5))
    assert (axes.x.start, axes.x.end, axes.mmd2.end) == before


def test_galaxies_beyond_the_frame_are_counted(tmp_path):
    points = plane_points(make_run(tmp_path, "noda", n=120, epochs=3), 3)
    axes = SharedAxes()
    assert axes.hold_plane(points) <= 4
    far = dataclasses.replace(
        points, y={key: y + 1000 * (key[0] == "target") for key, y in points.y.items()}
    )
    assert axes.hold_plane(far) == sum(len(y) for key, y in points.y.items() if key[0] == "target")
    assert axes.y.end == 16
    # A domain that is far away is still seen, at the edge.
    plane = LivePlane(axes)
    plane.show(far, ("non-merger", "merger"))
    y = drawn(plane.figure)["y"]
    assert ((y > axes.y.start) & (y < axes.y.end)).all()
    colours = np.asarray(drawn(plane.figure)["colour"])
    assert (y[colours == DOMAIN_COLORS["target"]] > 15).all()
    near = colours == DOMAIN_COLORS["source"]
    np.testing.assert_array_equal(
        y[near],
        np.concatenate([points.y[key] for key in sorted(points.y) if key[0] == "source"]),
    )


def test_curves_follow_a_shortened_history(tmp_path):
    run = make_run(tmp_path, "mmd", n=60, epochs=4)
    curves = LiveCurves(SharedAxes())
    history = run.history()
    curves.show(history, 4)
    curves.show(history[history["epoch"] <= 2], 4)
    assert list(drawn(curves.figures[1])["x"]) == [1, 2]


def test_every_loss_of_a_combination_has_a_line_of_its_own_dash_which_the_title_names(tmp_path):
    run = make_run(tmp_path, "mmd", n=60, epochs=2)
    history = run.history()
    mmd = history[history["name"] == "loss/mmd"]
    history = pd.concat(
        [history, mmd.assign(name="loss/fisher", value=mmd["value"] + 1)], ignore_index=True
    )
    curves = LiveCurves(SharedAxes())
    for _ in range(2):
        curves.show(history, 2)
    plot = curves.figures[-1]
    assert (
        plot.title.text
        == "loss, training: task ―, mmd - -, fisher ···"
        == plot.html_attributes["aria-label"]
    )
    assert [one.glyph.line_dash for one in plot.renderers] == [[], [6], [2, 4]]
    assert list(drawn(plot, 2)["y"]) == list(mmd["value"] + 1)


def test_progress_is_told_in_words(tmp_path):
    job, other = Job([], tmp_path), Job([], tmp_path)
    assert progress_text(job, [job]) == ("Waits for its turn", 0.0)
    job.state, other.state = "starting", "simulating"
    assert progress_text(job, [job])[0] == "Starting"
    assert progress_text(job, [job, other])[0] == "Waiting for the simulated galaxies"
    other.stage = Stage("simulating", 800, 4000)
    assert progress_text(other, [job, other]) == ("Simulating galaxies: 800 of 4000", 0.2)
    run = make_run(tmp_path, n=40, epochs=2, status="running")
    running = Job.of_run(run)
    running.eta = 200.0
    assert progress_text(running, []) == ("Epoch 2 of 2 · 100% · about 3 min left", 1.0)
    running.state = "stopped"
    assert progress_text(running, [])[0] == "Stopped after 2 of 2 epochs"


def test_walls_show_the_same_galaxies_in_both_domains():
    found = galleries(n=8, columns=4)
    assert [(wall.domain, wall.kind) for wall in found] == [
        (d, k) for d in ("source", "target") for k in ("merger", "non-merger")
    ]
    assert all(wall.png.startswith(b"\x89PNG") for wall in found)
    assert found[0].alt == "4 images of mergers in the source domain, F814W, F356W, F160W"
    assert galleries(n=8, columns=4) is found


def test_welcome_trains_three_methods_and_then_leaves(tmp_path, monkeypatch):
    finished = []
    state = ExplorerState(tmp_path)
    made = []
    monkeypatch.setattr(
        welcome_module, "TrainingPanel", lambda *args: made.append(TrainingPanel(*args)) or made[0]
    )
    monkeypatch.setattr(welcome_module, "galleries", list)
    view = welcome_module.welcome(
        state, lambda: finished.append(True), lambda method: fake(tmp_path, method).command
    )
    begin = view[1][0]
    assert begin.label == "Train noDA, MMD and DANN (about 3 minutes)"
    begin.param.trigger("clicks")
    assert not begin.visible
    tick_until(made[0], lambda: finished)
    assert sorted(run.method for run in state.evaluated_runs) == ["dann", "mmd", "noda"]


def test_welcome_stays_with_what_went_wrong(tmp_path, monkeypatch):
    finished, made = [], []
    monkeypatch.setattr(
        welcome_module, "TrainingPanel", lambda *args: made.append(TrainingPanel(*args)) or made[0]
    )
    monkeypatch.setattr(welcome_module, "galleries", list)

    def command(method):
        return fake(tmp_path, method, *(["--fail", "crash"] if method == "dann" else [])).command

    view = welcome_module.welcome(ExplorerState(tmp_path), lambda: finished.append(True), command)
    begin, compare, _ = view[1]
    begin.param.trigger("clicks")
    tick_until(made[0], lambda: not made[0].queue.busy)
    assert finished == []
    assert begin.visible
    compare.param.trigger("clicks")
    assert finished == [True]


def test_welcome_comes_back_when_nothing_can_be_started(tmp_path, monkeypatch):
    monkeypatch.setattr(welcome_module, "galleries", list)
    state = ExplorerState(tmp_path / "runs")
    view = welcome_module.welcome(state, command=lambda method: fake(tmp_path, method).command)
    (tmp_path / "runs").touch()
    view[1][0].param.trigger("clicks")
    assert "cannot be written" in state.alert
    assert view[1][0].visible
    assert not state.training


@pytest.fixture
def form(tmp_path):
    return TrainForm(ExplorerState(tmp_path / "runs"), None)


def test_form_says_and_runs_one_training_for_each_method_and_seed(form):
    form.methods.value, form.seeds.value, form.epochs.value = ["dann", "noda"], "1..2", "4"
    jobs = form.jobs()
    assert [(job.method, job.seed) for job in jobs] == [
        ("noda", 1),
        ("dann", 1),
        ("noda", 2),
        ("dann", 2),
    ]
    assert jobs[1].command[1:-2] == [
        "-m",
        "daexplore",
        "train",
        "--data",
        "demo",
        "--method",
        "dann",
        "--seed",
        "1",
        "--epochs",
        "4",
    ]
    assert "daexplore train --data demo --method dann --seed 2 --epochs 4 --runs" in shown(
        form.view
    )
    assert form.start.label == "Start 4 trainings"


def test_form_takes_paths_of_one_s_own(form, tmp_path):
    form.data.value = "own"
    with pytest.raises(InputError, match="path of the source images"):
        form.jobs()
    form.source.value, form.target.value = str(tmp_path), str(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"target images .*nowhere do not exist"):
        form.jobs()
    (tmp_path / "nowhere").mkdir()
    assert form.jobs()[0].command[4:8] == [
        "--source",
        str(tmp_path),
        "--target",
        str(tmp_path / "nowhere"),
    ]


def test_form_offers_runs_that_did_not_come_to_their_end(tmp_path):
    state = ExplorerState(tmp_path)
    stopped = make_run(tmp_path, "mmd", n=40, epochs=2, status="stopped")
    make_run(tmp_path, "noda", n=40, epochs=2)
    form = TrainForm(state, None)
    state.refresh()
    form.refresh_stopped()
    assert list(form.stopped.options.values()) == [stopped.id]


@pytest.mark.parametrize("text", ["", "a", "1..", "-1", "0..99", "1.5"])
def test_seeds_that_cannot_be_are_refused(text):
    with pytest.raises(InputError, match="Seeds"):
        parse_seeds(text)


def test_epochs_that_cannot_be_are_refused():
    assert parse_epochs(" ") is None
    assert parse_epochs("12") == 12
    for text in ("0", "-3", "many"):
        with pytest.raises(InputError, match="Epochs"):
            parse_epochs(text)


def test_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "images").mkdir()
    assert data_arguments(None, "~/images", "~/images")[1] == str(tmp_path / "images")


def test_card_of_a_collapsed_network_says_so(tmp_path):
    job = Job.of_run(make_run(tmp_path, n=40, epochs=1, status="running"))
    error = InputError("The network's head does not separate class 0 from class 1.")
    card = TrainingCard(job, SharedAxes(), Failing(ExplorerState(tmp_path), error))
    card.update([job])
    card.update([job])
    assert "does not separate class 0" in shown(card.view)


def test_form_offers_every_method_of_the_registry(form):
    offered = {*form.methods.options.values(), *form.further.options.values()}
    without_loss = {"adabn", "conditions", "measured"}
    assert offered == {"noda", "oracle", *without_loss, *METHODS}
    assert set(ALIGNMENTS) == {*without_loss, *METHODS}
    assert {label for label, name in form.further.options.items() if name == "oracle"} == {
        "oracle (uses target labels)"
    }


def test_form_combines_methods_and_takes_an_outsiders(form):
    form.methods.value, form.further.value = [], ["oracle", "coral"]
    form.together.value = "mmd+fisher, own.module:Mine"
    assert [job.method for job in form.jobs()] == [
        "coral",
        "oracle",
        "mmd+fisher",
        "own.module:Mine",
    ]
    for wrong, words in (("mmd+mdm", "no method 'mdm'"), ("mmd+mmd", "twice")):
        form.together.value = wrong
        with pytest.raises(InputError, match=words):
            form.jobs()
        assert escape(words.split()[-1]) in shown(form.view)


def test_every_option_has_its_meaning_and_is_one_the_config_takes(form):
    options = form.options
    paths = set(options.add.options.values()) - {""}
    expected = {f"train.{field.name}" for field in dataclasses.fields(TrainConfig)} - {
        "train.epochs",
        "train.supervision",
        "train.conditions",  # a method of the form
    }
    assert expected <= paths
    for name, build in METHODS.items():
        arguments = set(inspect.signature(build).parameters) - {"latent_dim", "classes"}
        assert {f"alignments.{name}.options.{argument}" for argument in arguments} <= paths
    assert {"model.name", "data.stretch"} <= paths
    config = dataclasses.replace(
        RunConfig(), alignments=tuple(AlignmentConfig(name) for name in METHODS)
    )
    for path, setting in options.offered.items():
        assert len(setting.help) > 5, path
        replace_at(config, path, setting.default)


def test_an_option_goes_to_the_runs_it_concerns_as_the_command_line_takes_it(form):
    form.methods.value = ["noda", "mmd"]
    form.options.add_option("train.batch_size").value = "32"
    form.options.add_option("train.augment").value = False
    form.options.add_option("alignments.mmd.options.scales").value = "[0.5, 2]"
    noda, mmd = (job.command for job in form.jobs())
    common = ["--set", "train.batch_size=32", "--set", "train.augment=false"]
    assert noda[noda.index("--set") : -2] == common
    assert mmd[mmd.index("--set") : -2] == [
        *common,
        "--set",
        "alignments.mmd.options.scales=[0.5, 2]",
    ]
    settings = [mmd[i + 1] for i, word in enumerate(mmd) if word == "--set"]
    config = run_config("demo", None, None, None, "mmd", None, None, None, None, settings)
    assert (config.train.batch_size, config.train.augment) == (32, False)
    assert config.alignments[0].options == {"scales": [0.5, 2]}
    assert "--set train.batch_size=32" in shown(form.view)


def test_options_that_cannot_be_are_refused_as_the_command_line_refuses_them(form):
    widget = form.options.add_option("train.batch_size")
    widget.value = "many"
    with pytest.raises(InputError) as raised:
        form.jobs()
    with pytest.raises(InputError) as told:
        run_config(
            "demo", None, None, None, "noda", None, None, None, None, ["train.batch_size=many"]
        )
    assert str(raised.value) == str(told.value)
    widget.value = ""
    form.methods.value = ["noda"]
    form.options.add_option("alignments.dann.weight").value = "0.5"
    with pytest.raises(InputError, match=r"dann\.weight concerns none of the methods"):
        form.jobs()


def test_a_preset_brings_its_own_defaults(form):
    limits = dict.fromkeys(("demo",), form.options.offered["train.evaluation_limit"].default)
    form.data.value = "distant"
    assert limits["demo"] == preset("demo").train.evaluation_limit
    assert (
        form.options.offered["train.evaluation_limit"].default
        == preset("distant").train.evaluation_limit
    )


def test_a_card_is_paused_and_goes_on(trainings, tmp_path):
    trainings.start([fake(tmp_path, "mmd", "--pause", "0.1", "--epochs", "30")])
    (card,) = trainings.cards
    tick_until(trainings, lambda: card.job.progress[0] >= 1)
    assert card.pause.visible
    card.pause.param.trigger("clicks")
    assert card.pause.label == "Go on"
    assert "Paused after" in shown(card.view)
    card.pause.param.trigger("clicks")
    assert card.pause.label == "Pause"
    tick_until(trainings, lambda: card.job.state == "finished")
    assert not card.pause.visible
    card.why.value = True
    assert "kernel distance" in shown(card.view)
