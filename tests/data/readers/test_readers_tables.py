"""Catalogues of every format, brought to their images; sub-folders as classes; stored sets under
what is declared.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from astropy.table import MaskedColumn, Table
from image_files import REAL, images, save_folder
from PIL import Image

from daexplore.config import DataConfig, ReadConfig
from daexplore.data import describe, open_described, open_domains
from daexplore.data.catalogues.match import match_catalogue
from daexplore.data.catalogues.read import find_catalogue, read_table
from daexplore.data.ingest import ingest
from daexplore.data.readers import open_listing, read_galaxies
from daexplore.errors import InputError

ROWS = 4
NAMES = [f"g{i}.fits" for i in range(ROWS)]


def table():
    """Text, whole numbers, floats and truths, each with a missing value, and two columns with
    several values a cell.
    """
    return Table(
        {
            "name": [b"g3", b"g1", b"g0", b"g2"],
            "class": MaskedColumn([b"spiral", b"elliptical", b"spiral", b"?"], mask=[0, 0, 0, 1]),
            "objno": MaskedColumn([2**53 + 1, 7, 8, 9], mask=[0, 0, 1, 0]),
            "z": MaskedColumn([0.1, 0.2, 0.3, 0.4], mask=[0, 1, 0, 0], unit="km/s"),
            "seen": [True, False, True, True],
            "flux": np.arange(12.0).reshape(4, 3),
        }
    )


def write(path, rows):
    suffix = path.suffix
    if suffix in (".csv", ".tsv", ".parquet"):
        rows = rows[[name for name in rows.colnames if rows[name].ndim == 1]]
        rows.convert_bytestring_to_unicode()
        frame = rows.to_pandas()
        (
            frame.to_parquet(path)
            if suffix == ".parquet"
            else frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
        )
    else:
        if suffix != ".fits":
            rows.convert_bytestring_to_unicode()
        rows.write(path, format={".ecsv": "ascii.ecsv", ".fits": "fits"}.get(suffix, "votable"))
    return path


FORMATS = ["csv", "tsv", "ecsv", "fits", "vot", "xml", "votable", "parquet"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_values(tmp_path, suffix):
    write(tmp_path / f"catalogue.{suffix}", table())
    attached = match_catalogue(NAMES, tmp_path, ReadConfig(), "set")
    catalogue = attached.catalogue
    assert list(catalogue.columns) == [
        "sample_id",
        "group_id",
        "label",
        "name",
        "class",
        "objno",
        "z",
        "seen",
    ]
    assert catalogue["sample_id"].tolist() == [f"set/g{i}.fits" for i in range(ROWS)]
    assert catalogue["name"].tolist() == ["g0", "g1", "g2", "g3"]
    assert attached.classes == ("elliptical", "spiral")
    assert catalogue["label"].fillna(-1).tolist() == [1, 0, -1, 1]
    assert catalogue["objno"].isna().tolist() == [True, False, False, False]
    np.testing.assert_array_equal(
        catalogue["z"].to_numpy(float, na_value=np.nan), [0.3, np.nan, 0.4, 0.1]
    )
    assert catalogue["seen"].tolist() == [True, False, True, True]
    if suffix not in ("csv", "tsv"):  # these have no type for whole numbers with gaps
        assert catalogue["objno"].dropna().tolist() == [7, 9, 2**53 + 1]
    if suffix in ("ecsv", "fits", "vot", "xml", "votable"):
        assert attached.provenance["units"] == {"z": "km / s"}
        assert attached.provenance["dropped_columns"] == ["flux"]
    assert (attached.provenance["matched_by"], attached.provenance["rows_without_image"]) == (
        "name",
        0,
    )
    catalogue.to_parquet(tmp_path / "again.parquet")


def test_lists_and_objects_of_a_catalogue_are_left_out_and_named(tmp_path):
    pd.DataFrame({"id": NAMES, "spectrum": [[1, 2]] * 4, "raw": [b"a"] * 4}).to_parquet(
        tmp_path / "catalogue.parquet"
    )
    found = read_table(tmp_path / "catalogue.parquet")
    assert (found.dropped, found.frame["raw"].tolist()) == (("spectrum",), list("aaaa"))
    with pytest.raises(InputError, match="a cell of the column 'spectrum' holds several values"):
        match_catalogue(NAMES, tmp_path, ReadConfig(label="spectrum"), "set")


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["a/g0.fits", "b/g1.fits"], ["b/g1.fits", "a/g0.fits"]),
        (["a/g0.fits", "b/g1.fits"], ["g1.fits", "g0.fits"]),
        (["g0.fits.fz", "g1.fits.gz"], ["g1", "g0"]),
        (["a/g0.png", "g1.JPG"], ["G1", "G0"]),
        (["J0123.4+56.7.fits", "J0123.4-56.7.fits"], ["J0123.4-56.7", "J0123.4+56.7"]),
        (["G.fits", "g.fits"], ["g", "G"]),
        (["007.fits", "7.fits"], ["7", "007"]),
    ],
)
@pytest.mark.parametrize("column", ["filename", "objID", "Name"])
def test_rows_are_found_whatever_part_of_the_name_they_give(tmp_path, names, values, column):
    pd.DataFrame({"z": [1, 2], column: values}).to_csv(tmp_path / "sources.csv", index=False)
    assert match_catalogue(names, tmp_path, ReadConfig(), "set").catalogue["z"].tolist() == [2, 1]


def test_the_column_that_fits_most_images_counts(tmp_path):
    rows = {
        "id": [10, 11, 12, 13],
        "galaxy": ["g1", "g0", "g3", "g2"],
        "group_id": [5.0, 5.0, None, 7.0],
    }
    pd.DataFrame(rows | {"pair": ["x", "x", "y", "y"]}).to_csv(
        tmp_path / "catalogue.csv", index=False
    )
    attached = match_catalogue(NAMES[:3], tmp_path, ReadConfig(), "set")
    assert (attached.provenance["matched_by"], attached.provenance["rows_without_image"]) == (
        "galaxy",
        1,
    )
    assert attached.catalogue["group_id"].tolist() == ["5", "5", "7"]
    assert match_catalogue(NAMES, tmp_path, ReadConfig(group="pair"), "set").catalogue[
        "group_id"
    ].tolist() == list("xxyy")


def test_no_catalogue_means_no_labels(tmp_path):
    attached = match_catalogue(NAMES, tmp_path, ReadConfig(), "set")
    assert (attached.classes, attached.catalogue["label"].isna().all()) == ((), True)
    assert attached.catalogue["group_id"].tolist() == [f"set/{name}" for name in NAMES]
    for what in ("label", "group"):
        with pytest.raises(
            InputError,
            match=f"has no catalogue, so no column 'kind' for the {what}s. Put catalogue.csv there",
        ):
            match_catalogue(NAMES, tmp_path, ReadConfig(**{what: "kind"}), "set")


def test_which_table_is_the_catalogue(tmp_path):
    assert find_catalogue(tmp_path) is None
    first, second = (write(tmp_path / name, table()) for name in ("sources.csv", "photometry.vot"))
    with pytest.raises(
        InputError, match=r"holds 2 tables: photometry\.vot, sources\.csv. Say which .*--catalogue"
    ):
        find_catalogue(tmp_path)
    assert find_catalogue(tmp_path, "sources.csv") == first
    assert find_catalogue(tmp_path, str(second)) == second
    named = write(tmp_path / "Catalog.fits", table())
    assert find_catalogue(tmp_path) == named
    with pytest.raises(
        InputError, match=r"no catalogue at sources\.dat, neither as it stands nor in"
    ):
        find_catalogue(tmp_path, "sources.dat")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("catalogue.csv", b"", r"catalogue\.csv cannot be read as a table: .*header line"),
        ("catalogue.csv", b"name,class\n", "has no rows: the catalogue is empty"),
        ("catalogue.csv", b"name,class\ng0,\xff\xfe\n", "3 of 4 images .* have no row"),
        ("catalogue.parquet", b"PAR1", "cannot be read as a table: .*Is the file complete"),
        ("catalogue.fits", b"SIMPLE", None),
        ("catalogue.vot", b"<VOTABLE>", "cannot be read as a table"),
        ("catalogue.ecsv", b"# %ECSV 1.0\n# ---\n# datatype: [", "cannot be read as a table"),
        (
            "catalogue.csv",
            b"shape,class\nround,a\n",
            (
                r"no column that names the images; it has shape, class. Call the one .* filename,"
                r" or id"
            ),
        ),
        (
            "catalogue.csv",
            b"id,class\n71,a\n72,b\n",
            (
                r"none of its 2 rows belongs to one of the 4 images .*'g0\.fits', 'g1\.fits', .*got"
                r" '71', '72'"
            ),
        ),
        (
            "catalogue.csv",
            b"id,class\ng0,a\ng1,b\n",
            (
                r"2 of 4 images .* have no row, first 'g2\.fits', 'g3\.fits'; looked for in the"
                r" column 'id'"
            ),
        ),
        (
            "catalogue.csv",
            b"id,class\ng0.fits,a\ng0.fits,b\ng1,a\ng2,a\ng3,a\n",
            "'g0.fits' occurs 2 times in the column 'id'",
        ),
        (
            "catalogue.csv",
            b"id,class\ng0,0.5\ng1,1\ng2,1\ng3,1\n",
            "the column 'class' holds fractions, first 0.5",
        ),
        (
            "catalogue.csv",
            b"id,class\ng0,inf\ng1,1\ng2,1\ng3,1\n",
            "the column 'class' holds fractions, first inf",
        ),
    ],
)
def test_bad_catalogues_are_refused_in_words(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    if message is None:
        with pytest.raises(InputError, match="cannot be read as a table"):
            match_catalogue(NAMES, tmp_path, ReadConfig(catalogue=name), "set")
        return
    label = "class" if "fractions" in message else None
    with pytest.raises(InputError, match=message):
        match_catalogue(NAMES, tmp_path, ReadConfig(label=label), "set")


def test_a_label_that_tells_every_row_apart_is_no_class(tmp_path):
    rows = pd.DataFrame(
        {"id": [f"g{i}" for i in range(1200)], "ra": [f"{i}h" for i in range(1200)]}
    )
    rows.to_csv(tmp_path / "catalogue.csv", index=False)
    with pytest.raises(
        InputError, match="the column 'ra' holds 1200 different values; those are no classes"
    ):
        match_catalogue(rows["id"].tolist(), tmp_path, ReadConfig(label="ra"), "set")


def save_images(folder, names):
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_a_sub_folder_a_class(tmp_path):
    names = ["merger/1.png", "merger/2.png", "non-merger/1.png"]
    galaxies = read_galaxies(save_images(tmp_path / "set", names))
    assert (galaxies.classes, galaxies.labels.tolist()) == (("merger", "non-merger"), [0, 0, 1])
    assert galaxies.sample_ids.tolist() == [f"set/{name}" for name in names]
    assert galaxies.provenance["label_column"] == "sub-folder"
    unlabelled = read_galaxies(save_images(tmp_path / "one", ["images/1.png", "images/2.png"]))
    assert (unlabelled.classes, unlabelled.class_counts()) == ((), {"unlabelled": 2})


@pytest.mark.parametrize("suffix", FORMATS)
def test_images_with_a_catalogue_of_any_format(tmp_path, suffix):
    folder = save_images(tmp_path / "set", ["g0.png", "g1.png", "g2.png", "g3.png"])
    write(folder / f"sources.{suffix}", table())
    galaxies = read_galaxies(folder)
    assert galaxies.labels.tolist() == [1, 0, -1, 1]
    with Image.open(folder / "g2.png") as image:
        np.testing.assert_array_equal(
            galaxies.images[2], np.asarray(image, np.float32).transpose(2, 0, 1)
        )
    assert read_galaxies(folder / f"sources.{suffix}").fingerprint() == galaxies.fingerprint()


def test_npy_with_a_table_in_its_order(tmp_path):
    np.save(tmp_path / "x.npy", images())
    (tmp_path / "x.csv").write_text(
        "kind,pair\n"
        + "".join(f"{kind},{pair}\n" for kind, pair in zip("abcabc", "112233", strict=True))
    )
    galaxies = read_galaxies(
        tmp_path / "x.npy",
        catalogue="x.csv",
        label="kind",
        group="pair",
        zero_points=(22.5,) * 3,
        psf_fwhm=(1.0,) * 3,
    )
    assert (galaxies.classes, galaxies.labels.tolist()) == (("a", "b", "c"), [0, 1, 2, 0, 1, 2])
    assert galaxies.catalogue["group_id"].tolist() == list("112233")
    assert galaxies.flux_scale == pytest.approx((3631.0,) * 3)  # a nanomaggy: 3631 Jy / 10^9
    assert isinstance(galaxies.images, np.memmap)
    (tmp_path / "x.csv").write_text("kind\na\n")
    with pytest.raises(
        InputError,
        match=r"x\.csv: expected 6 rows, one for each image of x\.npy in their order, got 1",
    ):
        read_galaxies(tmp_path / "x.npy", catalogue="x.csv")
    with pytest.raises(
        InputError, match=r"has no catalogue, so no column 'kind' for the labels.*--catalogue"
    ):
        read_galaxies(tmp_path / "x.npy", label="kind")


def test_a_stored_set_under_what_is_declared(tmp_path):
    folder = save_folder(
        tmp_path / "survey",
        {"morphology": list("abab"), "merger": [0, 1, 1, 0], "host": ["7", "7", None, "8"]},
    )
    stored = read_galaxies(folder).save(tmp_path / "set")
    assert read_galaxies(stored, label="morphology").classes == ("a", "b")
    again = read_galaxies(
        stored,
        label="merger",
        group="host",
        zero_points=[22.5] * 3,
        psf_fwhm=[1.0] * 3,
        pixel_scale=0.26,
    )
    assert (again.classes, again.labels.tolist()) == (("non-merger", "merger"), [0, 1, 1, 0])
    assert again.catalogue["group_id"].tolist() == ["7", "7", "survey/2.png", "8"]
    assert (again.pixel_scale, again.psf_fwhm) == (0.26, (1.0,) * 3)
    with pytest.raises(InputError, match="has no column 'shape' for the labels"):
        read_galaxies(stored, label="shape")
    with pytest.raises(InputError, match="has the bands R, G, B, but B, G, R are declared"):
        read_galaxies(stored, bands=("B", "G", "R"))


@pytest.mark.parametrize("kind", ["npy", "set"])
def test_arrays_are_listed_as_they_are_read(tmp_path, kind):
    path = tmp_path / "x.npy"
    np.save(path, images(dtype=">f8"))
    if kind == "set":
        path = read_galaxies(path).save(tmp_path / "set")
    galaxies, listing = read_galaxies(path), open_listing(path)
    pd.testing.assert_frame_equal(listing.catalogue, galaxies.catalogue)
    stamp = listing.load(3)
    np.testing.assert_array_equal(stamp.pixels, np.asarray(galaxies.images[3], np.float32))
    assert (stamp.pixels.dtype, listing.name, listing.classes) == (
        np.float32,
        galaxies.name,
        galaxies.classes,
    )


def test_a_declared_size_crops_arrays_about_their_centres(tmp_path):
    np.save(tmp_path / "x.npy", images())
    whole = read_galaxies(tmp_path / "x.npy")
    height, width = whole.images.shape[2:]
    size = min(height, width) - 3
    cropped = read_galaxies(tmp_path / "x.npy", size=size)
    top, left = (height - size) // 2, (width - size) // 2
    np.testing.assert_array_equal(
        cropped.images, whole.images[:, :, top : top + size, left : left + size]
    )
    assert isinstance(cropped.images, np.memmap)
    with pytest.raises(
        InputError,
        match=rf"'x' has images of {width}x{height} pixels, fewer than the declared size 99",
    ):
        read_galaxies(tmp_path / "x.npy", size=99)
    chunked = ingest(tmp_path / "x.npy", tmp_path / "set", workers=1)
    with pytest.raises(InputError, match=r"stored in chunks .*data\.size"):
        read_galaxies(tmp_path / "set", size=size)
    smaller = ingest(tmp_path / "set", tmp_path / "smaller", ReadConfig(size=size), workers=1)
    np.testing.assert_array_equal(smaller.images, cropped.images)
    assert chunked.images.shape == whole.images.shape


def test_an_ingested_set_keeps_the_width_of_the_psf(tmp_path):
    np.save(tmp_path / "x.npy", images())
    stored = read_galaxies(
        tmp_path / "x.npy", bands=("g", "r", "i"), psf_fwhm=(1.3, 1.1, 1.0)
    ).save(tmp_path / "set")
    assert ingest(stored, tmp_path / "again", workers=1).psf_fwhm == (1.3, 1.1, 1.0)
    declared = ReadConfig(psf_fwhm=(2.0, 2.0, 2.0))
    assert ingest(stored, tmp_path / "declared", declared, workers=1).psf_fwhm == (2.0, 2.0, 2.0)


def test_a_label_of_both_domains_may_be_missing_in_a_target_without_labels(tmp_path):
    source = save_folder(tmp_path / "source", {"kind": ["a", "b", "a", "b"]})
    target = save_folder(tmp_path / "target", {"z": [0.1, 0.2]})
    config = DataConfig(str(source), str(target), label="kind")
    assert [galaxies.classes for galaxies in open_domains(config)] == [("a", "b"), ("a", "b")]
    with pytest.raises(InputError, match="has no column 'kind'"):
        open_domains(dataclasses.replace(config, target_read=ReadConfig(label="kind")))
    labelled = save_folder(tmp_path / "labelled", {"morphology": ["a", "b"]})
    _, unlabelled = open_domains(dataclasses.replace(config, target=str(labelled)))
    assert unlabelled.labels.tolist() == [-1, -1]
    assert "no usable column 'kind'" in " ".join(unlabelled.provenance["notes"])
    each = dataclasses.replace(
        config, label=None, source_read=ReadConfig(label="kind"), target=str(labelled)
    )
    assert open_domains(each)[1].labels.tolist() == [0, 1]


def test_a_described_set_is_opened_as_it_was_read(tmp_path, monkeypatch):
    source = save_folder(tmp_path / "a", {"kind": ["a", "b", "a", "b"], "label": [0, 1, 1, 0]})
    target = save_folder(tmp_path / "b", {"kind": ["a", "b"]})
    monkeypatch.chdir(tmp_path)
    read = ReadConfig(
        name="mine",
        catalogue="a/catalogue.csv",
        label="kind",
        bands=("g", "r", "z"),
        pixel_scale=0.26,
        zero_points=(22.5,) * 3,
    )
    opened, other = open_domains(
        DataConfig(str(source), str(target), label="kind", source_read=read, match_bands="position")
    )
    description = describe(opened)
    monkeypatch.chdir(tmp_path.parent)
    assert (
        open_described(description).fingerprint()
        == opened.fingerprint()
        == description["fingerprint"]
    )
    assert open_described(description).flux_scale == opened.flux_scale
    assert open_described(describe(other)).fingerprint() == other.fingerprint()
    later = ("read", "image_fingerprint")
    older = {key: value for key, value in description.items() if key not in later}
    older["label"] = "kind"
    assert open_described(older).classes == ("a", "b")
    assert open_described(older | {"label": "never there"}).classes == ("0", "1")
    del older["label"]
    assert open_described(older).classes == ("0", "1")


@pytest.mark.skipif(
    not REAL.is_dir(),
    reason=f"the Galaxy Zoo example images are not at ../shared/data of the repository ({REAL})",
)
def test_galaxy_zoo_images_are_read_as_pillow_reads_them():
    for folder in sorted(REAL.iterdir()):
        if not folder.is_dir():
            continue
        galaxies = read_galaxies(folder)
        table = pd.read_csv(folder / "catalogue.csv")
        assert galaxies.catalogue["filename"].tolist() == table["filename"].tolist()
        for row, name in enumerate(table["filename"]):
            with Image.open(folder / name) as image:
                np.testing.assert_array_equal(
                    galaxies.images[row],
                    np.asarray(image.convert("RGB"), np.float32).transpose(2, 0, 1),
                )
        named = [None if label < 0 else galaxies.classes[label] for label in galaxies.labels]
        assert named == [None if pd.isna(value) else value for value in table["morphology"]]
