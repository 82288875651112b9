"""What changes prediction between runs, counted as the page does and once more with pandas."""

import dataclasses
import io
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories import make_run
from shown import parts, shown, widget
from typer.testing import CliRunner

from daexplore.app.components.clickable import ClickableHTML, click_payload
from daexplore.app.core.session import Session
from daexplore.app.results.outcomes import FlipsState, outcomes, piles
from daexplore.app.results.seed_variability import rates, retrain_command, seed_group, verdict
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.flips import tab as flips_tab
from daexplore.app.tabs.flips.markup import pile_html, rates_html, table_html
from daexplore.app.tabs.flips.table import flip_table, flips_csv, sorted_table, table_page
from daexplore.app.tabs.registry import TabContext
from daexplore.config import AlignmentConfig, DataConfig, RunConfig, TrainConfig
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.views.plots.flips import flows, flows_plot, summary_flows


@pytest.fixture
def state(tmp_path: Path) -> ExplorerState:
    made = [
        make_run(tmp_path / "runs", method, seed, n=400, epochs=3)
        for method, seed in (("noda", 0), ("mmd", 0), ("dann", 3), ("noda", 1))
    ]
    state = ExplorerState(tmp_path / "runs")
    state.set_runs([run.id for run in made[:3]])
    return state


def reference(run: Run, epoch: int, domain: str, split: str, threshold: float) -> pd.DataFrame:
    """Straight from the files: label, call and probability by sample_id."""
    outputs = pd.read_parquet(
        run.path / "evaluations" / f"epoch={epoch:04d}" / "outputs.parquet"
    ).set_index("sample_id")
    samples = pd.read_parquet(run.path / "samples.parquet").set_index("sample_id")
    table = outputs[["probability", "predicted"]].join(samples[["label", "domain", "split"]])
    table = table[(table["domain"] == domain) & (table["split"] == split)]
    called = (
        (table["probability"] > threshold).astype(int)
        if len(run.classes) == 2
        else table["predicted"]
    )
    return table.assign(called=called, right=called == table["label"].astype(int))


def counts(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, int]:
    both = one[["right"]].assign(right_other=other["right"])
    return {
        "Fixed": int((~both["right"] & both["right_other"]).sum()),
        "Broken": int((both["right"] & ~both["right_other"]).sum()),
        "Right in both": int((both["right"] & both["right_other"]).sum()),
        "Wrong in both": int((~both["right"] & ~both["right_other"]).sum()),
    }


@pytest.mark.parametrize(
    ("domain", "split", "threshold", "epoch"),
    [
        ("target", "test", 0.5, None),
        ("source", "validation", 0.2, 1),
        ("target", "validation", 0.9, 2),
    ],
)
def test_piles_equal_an_independent_count(
    state: ExplorerState, domain: str, split: str, threshold: float, epoch: int | None
) -> None:
    state.show(split=split, threshold=threshold, epoch=epoch)
    found = outcomes(state, domain)
    tables = [reference(run, state.epoch_of(run), domain, split, threshold) for run in state.runs]
    assert found.names == ("noDA", "MMD", "DANN")
    assert len(found) == found.total == len(tables[0])
    for place in (1, 2):
        heaps = piles(found, place)
        assert {heap.name: len(heap.rows) for heap in heaps} == counts(tables[0], tables[place])
        fixed = tables[0].index[
            ~tables[0]["right"] & tables[place]["right"].reindex(tables[0].index)
        ]
        assert set(found.sample_ids[heaps[0].rows]) == set(fixed)
    change = abs(found.probability[1] - found.probability[0])[piles(found, 1)[2].rows]
    assert (np.diff(change) <= 0).all()


def test_paths_flows_and_summary_equal_a_cross_table(state: ExplorerState) -> None:
    found = outcomes(state)
    tables = [
        reference(run, state.epoch_of(run), "target", "test", 0.5)["right"].astype(int)
        for run in state.runs
    ]
    table = flows(found.paths())
    for stage in (0, 1):
        cross = pd.crosstab(tables[stage], tables[stage + 1])
        part = table[table["stage"] == stage]
        assert {(row.before, row.after): row.n for row in part.itertuples()} == {
            key: n for key, n in cross.stack().items() if n
        }
    first, last = (
        counts(*(pd.DataFrame({"right": each.astype(bool)}) for each in tables[i : i + 2]))
        for i in (0, 1)
    )
    assert (
        summary_flows(found.paths(), found.levels, "target", "test", "threshold 0.50")
        == f"On {len(found)} test galaxies of the target (oracle), threshold 0.50: "
        f"noDA to MMD {first['Fixed']} fixed, {first['Broken']} broken; "
        f"MMD to DANN {last['Fixed']} fixed, {last['Broken']} broken."
    )


def test_bands_are_as_wide_as_their_counts_and_blocks_stack() -> None:
    paths = pd.DataFrame({"one": [0, 0, 1, 1], "two": [0, 1, 0, 1], "n": [10, 30, 5, 55]})
    bands, blocks, labels = flows_plot(paths, ("wrong", "right")).values()
    widths = {}
    for part in bands.split(datatype="dictionary"):
        y = np.asarray(part["y"])[: 2 * 32]
        half = len(y) // 2
        assert y[half:][::-1] - y[:half] == pytest.approx(part["galaxies"] / 100)
        widths[part["from"], part["to"]] = (part["galaxies"], part["hue"], part["fill"])
    assert widths["wrong under one", "right under two"] == (30, "#D55E00", 0.8)
    assert widths["right under one", "wrong under two"] == (5, "#D55E00", 0.22)
    assert widths["right under one", "right under two"][:2] == (55, "#7f7f7f")
    sizes = sorted(float(high - low) for _, low, _, high in blocks.array())
    assert sizes == pytest.approx([0.15, 0.4, 0.6, 0.85])
    told = set(labels.dimension_values("text"))
    assert {"10", "30", "5", "55", "wrong\n40 (40%)", "right\n85 (85%)"} <= told


def test_class_called_needs_no_labels_and_takes_their_place_where_there_are_none(
    tmp_path: Path,
) -> None:
    for method in ("noda", "mmd"):
        run = make_run(tmp_path, method, n=240, epochs=1, saliency=False)
        samples = pd.read_parquet(run.path / "samples.parquet")
        samples.loc[samples["domain"] == "target", "label"] = pd.NA
        samples.to_parquet(run.path / "samples.parquet")
    state = ExplorerState(tmp_path)
    found = outcomes(state)
    assert found.by == "class"
    assert not found.oracle
    one, other = (run.evaluation() for run in state.runs)
    inside = one.mask("target", "test")
    up = ((one.probability <= 0.5) & (other.probability > 0.5))[inside].sum()
    down = ((one.probability > 0.5) & (other.probability <= 0.5))[inside].sum()
    assert [len(heap.rows) for heap in piles(found, 1)][:2] == [up, down]
    assert [heap.name for heap in piles(found, 1)] == [
        "non-merger → merger",
        "merger → non-merger",
        "Stays merger",
        "Stays non-merger",
    ]
    table = flip_table(found)
    assert len(table) == up + down > 0
    assert set(table["flip MMD"]) <= {"non-merger → merger", "merger → non-merger"}
    assert set(table["true class"]) == {""}
    assert "oracle" not in rates_html(found, rates(found, seed_group(state, found)))


def test_three_classes_by_the_most_probable_one(tmp_path: Path) -> None:
    classes = ("spiral", "elliptical", "merger")
    for method in ("noda", "mmd"):
        make_run(tmp_path, method, n=300, epochs=2, classes=classes, saliency=False)
    state = ExplorerState(tmp_path)
    state.show(pair=(0, 2))
    tables = [reference(run, state.epoch_of(run), "target", "test", 0.5) for run in state.runs]
    assert {heap.name: len(heap.rows) for heap in piles(outcomes(state), 1)} == counts(*tables)
    heaps = piles(outcomes(state, by="class"), 1)
    one, other = tables[0]["called"], tables[1]["called"]
    changed = {
        "spiral → merger": (one == 0) & (other == 2),
        "merger → spiral": (one == 2) & (other == 0),
        "Unchanged": one == other,
    }
    assert {heap.name: len(heap.rows) for heap in heaps if heap.name in changed} == {
        name: int(mask.sum()) for name, mask in changed.items()
    }
    assert sum(len(heap.rows) for heap in heaps) == len(one)


def test_runs_of_other_classes_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path, "noda", n=240, epochs=1, saliency=False)
    make_run(tmp_path, "mmd", n=240, epochs=1, classes=("a", "b", "c"), saliency=False)
    state = ExplorerState(tmp_path)
    state.set_runs([run.id for run in state.evaluated_runs])
    with pytest.raises(InputError, match="leave one of them out"):
        outcomes(state)


def test_the_control_is_the_share_that_two_seeds_of_one_method_disagree_on(
    state: ExplorerState,
) -> None:
    state.show(threshold=0.4)
    found = outcomes(state)
    rows = rates(found, seed_group(state, found))
    assert [row.name for row in rows] == ["noDA → MMD", "noDA → DANN", "noDA", "MMD", "DANN"]
    tables = {
        run.id: reference(run, state.epoch_of(run), "target", "test", 0.4)["right"]
        for run in state.all_runs
    }
    seeds = [tables[run.id] for run in state.all_runs if run.method == "noda"]
    control = rows[2]
    assert (control.pairs, control.n) == (1, len(found))
    assert control.value == pytest.approx(float((seeds[0] != seeds[1]).mean()))
    assert control.low < control.value < control.high
    between = counts(*(tables[run.id].to_frame("right") for run in state.runs[:2]))
    assert (rows[0].up, rows[0].down) == (between["Fixed"], between["Broken"])
    assert rows[0].value == pytest.approx((between["Fixed"] + between["Broken"]) / len(found))
    assert rows[3].pairs == 0
    shown = rates_html(found, rows)
    assert "1 seed pair, n = " in shown
    assert "<b>MMD</b> has no second seed here" in shown
    assert "daexplore train" in shown
    assert verdict(rows).startswith("Training noDA once more with another seed moves")
    assert verdict(rows[:2]) == ""


def test_all_pairs_of_three_seeds_count(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "noda", seed, n=300, epochs=1, saliency=False) for seed in range(3)]
    make_run(tmp_path, "noda", 7, n=300, epochs=1, saliency=False, status="failed")
    state = ExplorerState(tmp_path)
    state.set_runs([runs[0].id])
    found = outcomes(state)
    (control,) = rates(found, seed_group(state, found))
    right = [reference(run, 1, "target", "test", 0.5)["right"] for run in runs]
    shares = [float((one != other).mean()) for one, other in combinations(right, 2)]
    assert control.pairs == 3
    assert control.value == pytest.approx(np.mean(shares))
    assert (control.least, control.most) == pytest.approx((min(shares), max(shares)))


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(data=DataConfig("demo", "demo"), train=TrainConfig(epochs=3)),
        RunConfig(
            data=DataConfig("demo", "demo"),
            alignments=(AlignmentConfig("mmd", 0.3), AlignmentConfig("fisher", 1.0)),
            seed=4,
        ),
        RunConfig(
            data=DataConfig("distant", "distant", limit=200),
            train=TrainConfig(supervision="target", learning_rate=0.01),
        ),
        RunConfig(
            data=DataConfig("a b", "c", bands=("g", "r")),
            alignments=(AlignmentConfig("dann", 1.0, {"reversal": 0.5}),),
        ),
        RunConfig(train=TrainConfig(batch_norm="adabn")),
    ],
)
def test_the_command_for_another_seed_trains_the_same_but_the_seed(
    tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daexplore.cli import app
    from daexplore.engine.training import train

    trained = []
    run = make_run(tmp_path, config=config, n=240, epochs=1, saliency=False)

    def remember(wanted: RunConfig, *_: Any, **__: Any) -> Run:
        trained.append(wanted)
        return run

    monkeypatch.setattr(train, "train", remember)
    result = CliRunner().invoke(app, retrain_command(tmp_path, run, 9)[3:])
    assert result.exit_code == 0, result.output
    assert trained == [dataclasses.replace(config, seed=9)]


def test_the_table_holds_every_flip_sorts_and_comes_back_from_csv(state: ExplorerState) -> None:
    state.show(threshold=0.7)
    found = outcomes(state)
    table = flip_table(found)
    tables = [reference(run, state.epoch_of(run), "target", "test", 0.7) for run in state.runs]
    first = tables[0]["right"]
    expected = first.index[(tables[1]["right"] != first) | (tables[2]["right"] != first)]
    assert set(table["sample_id"]) == set(expected)
    assert len(table) == len(expected) > 20
    assert "mass_ratio" in table
    by_id = table.set_index("sample_id")
    for name, each in zip(found.names, tables, strict=True):
        assert by_id[f"p {name}"].to_numpy() == pytest.approx(
            each.loc[by_id.index, "probability"].to_numpy(), abs=1e-6
        )
        # Beyond the boundary at the threshold is what is called a merger.
        clear = by_id[f"distance {name}"].abs() > 1e-4
        assert ((by_id[f"distance {name}"] > 0) == (by_id[f"p {name}"] > 0.7))[clear].all()
    assert by_id["flip MMD"].value_counts().get("fixed", 0) == counts(tables[0], tables[1])["Fixed"]

    choice = FlipsState()
    choice.sort("p MMD")
    assert sorted_table(table, choice)["p MMD"].is_monotonic_increasing
    choice.sort("p MMD")
    ordered = sorted_table(table, choice)
    assert ordered["p MMD"].is_monotonic_decreasing
    assert table_page(ordered, 10_000)[2]["sample_id"].iloc[-1] == ordered["sample_id"].iloc[-1]

    text = flips_csv(found, ordered)
    back = pd.read_csv(io.StringIO(text), comment="#", keep_default_na=False)
    pd.testing.assert_frame_equal(back, ordered, check_dtype=False)
    for run, epoch in zip(found.runs, found.epochs, strict=True):
        assert f"= {run.id}, epoch {epoch}\n" in text
    assert "# threshold: 0.7\n" in text
    assert "# split: test\n" in text


def test_markup_escapes_and_counts(state: ExplorerState) -> None:
    found = outcomes(state)
    heap = piles(found, 1)[2]
    page = pile_html(found, heap, 2, 1, lambda _: None, "nowhere")
    assert page.count("class='cell'") == 10
    assert f"10 shown of {len(heap.rows)}, 11 to 20" in page
    assert page.count("no image") == 10
    nasty = pd.DataFrame({"sample_id": ["<b>x</b>'"], "p": [0.5]})
    assert "<b>x" not in table_html(nasty, 0, 1, 1, "", False, True)
    assert (
        click_payload("galaxy", "a'b\"<")
        == "data-say='[&quot;galaxy&quot;, &quot;a&#x27;b\\&quot;&lt;&quot;]'"
    )


def _tab(state: ExplorerState, monkeypatch: pytest.MonkeyPatch) -> Any:
    tab = flips_tab.FlipsTab(TabContext(state, Session(), lambda: True, lambda: None))
    tab.draw()
    assert state.alert == ""
    return tab


def test_the_room_hears_only_what_it_shows_and_follows_the_state(
    state: ExplorerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = _tab(state, monkeypatch)
    found = outcomes(state, "target", "truth")
    assert "not on this machine" in shown(tab.view)
    *galleries, lines = tab.view.select(ClickableHTML)
    assert found.sample_ids[piles(found, 1)[0].rows[0]] in galleries[0].markup
    for said in (
        "x",
        None,
        ["galaxy", "nobody"],
        ["sort", "nothing"],
        ["page", "a", 1],
        {"galaxy": 1},
        ["table", -5],
    ):
        lines.on_click(said)
    assert state.galaxy is None
    assert state.alert == ""
    name = str(found.sample_ids[3])
    lines.on_click(["galaxy", name])
    assert state.galaxy == name
    assert galleries[0].chosen == lines.chosen == name
    before = galleries[2].markup
    galleries[2].on_click(["page", 2, 1])
    assert galleries[2].markup != before
    lines.on_click(["sort", "p noDA"])
    assert state.alert == ""
    assert "aria-sort='ascending'" in lines.markup
    state.show(threshold=0.9)
    expected = counts(
        *(reference(run, state.epoch_of(run), "target", "test", 0.9) for run in state.runs[:2])
    )
    assert f"<b class='pile-count'>{expected['Fixed']}</b>" in galleries[0].markup
    text = widget(tab.view, "Save as CSV").callback().getvalue().decode()
    assert "# threshold: 0.9\n" in text


def test_one_run_alone_has_nothing_to_flip(
    state: ExplorerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.set_runs([state.run_ids[0]])
    tab = _tab(state, monkeypatch)
    (lines,) = (part for part in parts(tab.view) if isinstance(part, ClickableHTML))
    assert "Select a second run" in shown(tab.view)
    assert "No galaxy flips" in lines.markup


def test_images_are_drawn_once_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("noda", "mmd"):
        make_run(
            tmp_path / "runs", method, n=160, epochs=2, data_path=tmp_path / "data", saliency=False
        )
    state = ExplorerState(tmp_path / "runs")
    tab = _tab(state, monkeypatch)
    page = piles(outcomes(state, "target", "truth"), 1)[2].page(0)[1]
    gallery = tab.view.select(ClickableHTML)[2]
    assert gallery.markup.count("src='data:image/png;base64,") == len(page) > 0
    shutil.rmtree(tmp_path / "data")
