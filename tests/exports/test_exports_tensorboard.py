"""A run for TensorBoard: read by its own event reader, its own projector and its own configuration,
it says what the run's files say.
"""

import json

import numpy as np
import pandas as pd
import pytest
from exported import example, outputs
from factories import make_run
from PIL import Image

from daexplore.errors import InputError
from daexplore.exports import to_tensorboard

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("home")
    return make_run(root / "runs", "mmd", n=80, epochs=3, data_path=root / "data", size=12)


def lines(run):
    return [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]


def events(folder):
    found = accumulator.EventAccumulator(str(folder), size_guidance={accumulator.SCALARS: 0})
    found.Reload()
    return found


def test_the_event_reader_finds_every_value_of_the_history(run, tmp_path):
    found = events(to_tensorboard(run, tmp_path))
    scalars = {
        tag: {event.step: event.value for event in found.Scalars(tag)}
        for tag in found.Tags()["scalars"]
    }
    seen = set()
    for line in lines(run):
        name = f"{line['split']}/{line['domain']}/{line['name']}"
        name = f"oracle/{name}" if line.get("oracle") else name
        several = [
            other["value"]
            for other in lines(run)
            if all(other[key] == line[key] for key in ("epoch", "split", "domain", "name"))
        ]
        assert scalars[name][line["epoch"]] == pytest.approx(np.mean(several), rel=1e-6)
        seen.add(name)
        if len(several) > 1:
            assert scalars[f"windows/{name}"][line["step"]] == pytest.approx(
                line["value"], rel=1e-6
            )
            seen.add(f"windows/{name}")
    assert seen == set(scalars)
    assert {
        "train/both/loss/mmd",
        "windows/train/both/loss/mmd",
        "oracle/test/target/accuracy",
        "test/source/accuracy",
    } <= seen
    assert not [
        name for name in seen if "target/accuracy" in name and not name.startswith("oracle/")
    ]
    assert sorted(scalars["test/source/accuracy"]) == [1, 2, 3]


def test_the_projector_opens_latents_names_and_pictures(run, tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    folder = to_tensorboard(run, tmp_path, images=True, thumbnail=16)
    config = text_format.Parse(
        (folder / "projector_config.pbtxt").read_text(), projector_config_pb2.ProjectorConfig()
    )
    (embedding,) = config.embeddings
    expected = outputs(run)
    latents = np.loadtxt(folder / embedding.tensor_path, delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(latents, np.stack(expected["latent"]))
    assert list(embedding.tensor_shape) == [80, 32]
    about = pd.read_csv(folder / embedding.metadata_path, sep="\t", keep_default_na=False)
    assert about["sample_id"].tolist() == expected["sample_id"].tolist()
    assert set(about.loc[about["domain"] == "target", "label"]) == {""}
    np.testing.assert_allclose(about["probability"], expected["probability"], rtol=1e-6)
    assert list(embedding.sprite.single_image_dim) == [16, 16]
    with Image.open(folder / embedding.sprite.image_path) as sprite:
        # 80 pictures in rows of 9.
        assert sprite.size == (144, 144)
        assert np.asarray(sprite)[:128].any()
        assert not np.asarray(sprite)[128:, 128:].any()


def test_the_projector_plugin_serves_the_run(run, tmp_path):
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client

    to_tensorboard(run, tmp_path)
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(tmp_path))
    apps = ProjectorPlugin(
        TBContext(logdir=str(tmp_path), multiplexer=multiplexer, data_provider=provider)
    ).get_plugin_apps()
    assert json.loads(Client(apps["/runs"]).get("/").data) == [run.id]
    served = Client(apps["/tensor"]).get(
        f"/?run={run.id}&name=latents,%20epoch%20{run.selected_epoch}"
    )
    latents = np.frombuffer(served.data, np.float32).reshape(80, 32)
    np.testing.assert_allclose(latents, np.stack(outputs(run)["latent"]), rtol=1e-6)


def test_the_same_run_gives_the_same_bytes_and_no_name_of_this_machine(run, tmp_path):
    import socket

    folders = [to_tensorboard(run, tmp_path / name) for name in "ab"]
    files = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
    assert files[0] == files[1]
    (name,) = [name for name in files[0] if "tfevents" in name]
    assert name.endswith(run.id)
    assert socket.gethostname() not in name


def test_what_is_there_is_replaced_only_when_it_was_ours_and_asked(run, tmp_path):
    folder = to_tensorboard(run, tmp_path)
    with pytest.raises(InputError, match=r"exists.*--overwrite"):
        to_tensorboard(run, tmp_path)
    (folder / "stray.txt").write_text("of an earlier export")
    to_tensorboard(run, tmp_path, overwrite=True)
    assert not (folder / "stray.txt").exists()
    other = tmp_path / "other" / run.id
    other.mkdir(parents=True)
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not written by this export"):
        to_tensorboard(run, tmp_path / "other", overwrite=True)
    assert (other / "thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([run.id, "other"])


def test_a_packaged_run_is_exported_and_undefined_values_are_left_out(tmp_path):
    run = example(tmp_path)
    with (run.path / "history.jsonl").open("a") as file:
        file.write(
            '{"epoch": 16, "step": 9, "split": "test", "domain": "source", "name": "nothing",'
            ' "value": null}\n'
        )
    found = events(to_tensorboard(run, tmp_path / "logs"))
    tags = found.Tags()["scalars"]
    assert "test/source/nothing" not in tags
    told = {
        line["epoch"]: line["value"]
        for line in lines(run)
        if (line["split"], line["domain"], line["name"]) == ("test", "target", "auc")
    }
    assert {
        event.step: event.value for event in found.Scalars("oracle/test/target/auc")
    } == pytest.approx(told)
