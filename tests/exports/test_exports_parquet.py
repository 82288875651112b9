"""A run as a Parquet table: opened by astropy and pyarrow, it says what the run's files say."""

import io
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table
from exported import example, outputs
from factories import make_run
from PIL import Image

from daexplore.analysis.latents.margin_plane import margin_plane
from daexplore.data.galaxy_set import GalaxySet
from daexplore.errors import InputError
from daexplore.exports import to_parquet
from daexplore.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("home")
    return make_run(root / "runs", "mmd", n=80, epochs=2, data_path=root / "data", size=12)


@pytest.fixture
def copy(run, tmp_path):
    return Run(shutil.copytree(run.path, tmp_path / run.id))


def test_astropy_reads_what_the_run_says(run, tmp_path):
    table = Table.read(to_parquet(run, tmp_path / "run.parquet"))
    expected = outputs(run)
    assert table["sample_id"].tolist() == expected["sample_id"].tolist()
    assert table["domain"].tolist() == expected["domain"].tolist()
    assert table["split"].tolist() == expected["split"].tolist()
    names = np.array(run.classes)
    assert table["predicted"].tolist() == names[expected["predicted"]].tolist()
    assert table["oracle_label"].tolist() == names[expected["label"].to_numpy(int)].tolist()
    np.testing.assert_array_equal(
        table["probability"], expected["probability"].to_numpy(np.float32)
    )
    np.testing.assert_array_equal(table["mass_ratio"], expected["mass_ratio"].to_numpy())
    logits = np.stack(expected["logits"])
    np.testing.assert_array_equal(table["logits"], logits)
    np.testing.assert_array_equal(table["latent"], np.stack(expected["latent"]))
    np.testing.assert_array_equal(table["margin"], logits[:, 1] - logits[:, 0])
    # The margin's sign is the prediction, and its logistic function the probability.
    np.testing.assert_allclose(
        1 / (1 + np.exp(-table["margin"].astype(float))), table["probability"], rtol=1e-5
    )
    assert table.meta["run"] == run.id
    assert table.meta["epoch"] == run.selected_epoch


def test_target_labels_stand_in_oracle_columns_only(run, tmp_path):
    table = Table.read(to_parquet(run, tmp_path / "run.parquet"))
    target = table["domain"] == "target"
    assert set(table["label"][target]) == {""}
    assert set(table["label"][~target]) == set(run.classes)
    assert list(table["oracle_label"][~target]) == list(table["label"][~target])
    right = table["oracle_label"] == table["predicted"]
    assert table["oracle_correct"].tolist() == ["yes" if each else "no" for each in right]
    assert all(
        "oracle" in table[name].description for name in table.colnames if name.startswith("oracle_")
    )
    assert not [
        name
        for name in table.colnames
        if name.startswith("oracle") and name not in ("oracle_label", "oracle_correct")
    ]


def test_flat_columns_hold_the_same_numbers_and_no_lists(run, tmp_path):
    lists = pq.read_table(to_parquet(run, tmp_path / "lists.parquet"))
    flat = pq.read_table(to_parquet(run, tmp_path / "flat.parquet", flat=True))
    assert lists.schema.field("latent").type == pa.list_(pa.float32(), 32)
    # What TOPCAT and any other reader of plain tables know: text, numbers, booleans.
    plain = {pa.string(), pa.float32(), pa.float64(), pa.int64(), pa.bool_()}
    assert {field.type for field in flat.schema} <= plain
    latents = np.stack([flat[f"latent_{i:03d}"].to_numpy() for i in range(32)], axis=1)
    np.testing.assert_array_equal(latents, np.stack(lists["latent"].to_numpy()))
    np.testing.assert_array_equal(
        flat["logit_1"].to_numpy(), np.stack(lists["logits"].to_numpy())[:, 1]
    )
    assert flat.num_rows == 80


def test_the_votable_within_describes_every_column_in_order(run, tmp_path):
    file = to_parquet(run, tmp_path / "run.parquet", images=True)
    schema = pq.read_schema(file)
    assert schema.metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    content = schema.metadata[b"IVOA.VOTable-Parquet.content"]
    assert b"<DATA>" not in content
    (table,) = parse(io.BytesIO(content)).iter_tables()
    assert [field.name for field in table.fields] == schema.names
    kinds = {field.name: (field.datatype, field.arraysize) for field in table.fields}
    assert kinds["latent"] == ("float", "32")
    assert kinds["projection_x"] == ("double", None)
    assert kinds["image"] == ("unsignedByte", "*")
    assert all(field.description for field in table.fields)
    assert {param.name: param.value for param in table.params}["classes"] == "non-merger, merger"


def test_positions_are_the_margin_plane_and_then_the_stored_umap(copy, tmp_path):
    table = Table.read(to_parquet(copy, tmp_path / "plane.parquet"))
    found = copy.evaluation()
    args = (found.latents, found.labels, found.domain, found.split, *copy.head())
    plane = margin_plane(*args, groups=found.group_ids, logits=found.logits)
    np.testing.assert_array_equal(table["projection_x"], plane.x)
    np.testing.assert_array_equal(table["projection_y"], plane.y)
    assert table.meta["projection"] == "Margin plane"

    rng = np.random.default_rng(0)
    umap = pd.DataFrame(
        {"sample_id": found.sample_ids, "x": rng.normal(size=80), "y": rng.normal(size=80)}
    ).sample(frac=1, random_state=0)
    copy.derived("").mkdir(exist_ok=True)
    umap.to_parquet(copy.derived(f"umap-epoch={copy.selected_epoch:04d}.parquet"), index=False)
    table = Table.read(to_parquet(copy, tmp_path / "umap.parquet"))
    expected = umap.set_index("sample_id").loc[list(table["sample_id"])]
    np.testing.assert_array_equal(table["projection_x"], expected["x"])
    np.testing.assert_array_equal(table["projection_y"], expected["y"])
    assert table.meta["projection"].startswith("UMAP")


def test_three_classes_lie_on_principal_components(tmp_path):
    run = make_run(tmp_path / "runs", n=40, epochs=1, classes=("spiral", "elliptical", "merger"))
    table = Table.read(to_parquet(run, tmp_path / "run.parquet"))
    assert table.meta["projection"].startswith("Principal components")
    logits = np.sort(np.asarray(table["logits"]), axis=1)
    np.testing.assert_array_equal(table["margin"], logits[:, -1] - logits[:, -2])
    assert set(table["predicted"]) <= set(run.classes)


def test_pictures_are_png_files_of_each_galaxy(run, tmp_path):
    table = pq.read_table(to_parquet(run, tmp_path / "run.parquet", images=True, thumbnail=24))
    assert table.schema.field("image").type == pa.binary()
    pictures = [Image.open(io.BytesIO(each.as_py())) for each in table["image"]]
    assert {(picture.format, picture.size) for picture in pictures} == {("PNG", (24, 24))}
    # The brightest pixel of one galaxy is where its image has it.
    row = (
        table["sample_id"]
        .to_pylist()
        .index(next(each for each in table["sample_id"].to_pylist() if each.startswith("source")))
    )
    galaxies = GalaxySet.load(run.info["data"]["source"]["path"])
    image = galaxies.images[galaxies.rows([table["sample_id"][row].as_py()])][0].sum(axis=0)
    peak = np.array(np.unravel_index(image.argmax(), image.shape))
    seen = np.asarray(pictures[row], float).sum(axis=2)
    assert seen[tuple(2 * peak)] > 0.8 * seen.max()


def test_units_are_those_that_are_known(copy, tmp_path):
    samples = pd.read_parquet(copy.path / "samples.parquet").assign(
        separation_arcsec=1.5,
        ra=10.0,
        flag=pd.array([True, None] * 50, dtype="boolean"),
        probability=0.25,
        counts=pd.array([1, None] * 50),
    )
    samples.to_parquet(copy.path / "samples.parquet", index=False)
    table = Table.read(to_parquet(Run(copy.path), tmp_path / "run.parquet"))
    assert str(table["separation_arcsec"].unit) == "arcsec"
    assert str(table["ra"].unit) == "deg"
    assert table["mass_ratio"].unit is None
    # A column of the catalogue that is called as one of ours gives way.
    assert set(table["catalogue_probability"]) == {0.25}
    assert set(table["flag"]) == {"True", ""}
    assert np.isnan(table["counts"]).any()


def test_a_packaged_run_is_exported(tmp_path):
    run = example(tmp_path)
    table = Table.read(to_parquet(run, tmp_path / "out" / "run.parquet"))
    expected = outputs(run)
    assert len(table) == 1200
    np.testing.assert_array_equal(table["latent"], np.stack(expected["latent"]))
    assert str(table["pericentre_kpc"].unit) == "kpc"
    accurate = np.mean(
        table["oracle_correct"][(table["domain"] == "target") & (table["split"] == "test")] == "yes"
    )
    told = np.mean(
        (expected["predicted"] == expected["label"])[
            (expected["domain"] == "target") & (expected["split"] == "test")
        ]
    )
    assert accurate == told


def test_what_is_there_is_replaced_only_when_asked(run, tmp_path):
    file = to_parquet(run, tmp_path / "run.parquet")
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"run\.parquet exists.*--overwrite"):
        to_parquet(run, file)
    to_parquet(run, file, epoch=3 - run.selected_epoch, overwrite=True)
    assert file.read_bytes() != before
    assert to_parquet(run, file, overwrite=True).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.parquet"]
    with pytest.raises(InputError, match="is a folder"):
        to_parquet(run, tmp_path)


def test_a_missing_image_or_epoch_is_said_and_nothing_is_left(copy, tmp_path):
    with pytest.raises(InputError, match="no evaluation of epoch 9"):
        to_parquet(copy, tmp_path / "run.parquet", epoch=9)
    other = make_run(tmp_path / "runs", n=40, epochs=1)
    with pytest.raises(InputError, match="not on this machine"):
        to_parquet(other, tmp_path / "run.parquet", images=True)
    assert not list(tmp_path.glob("*run.parquet*"))
