"""Readers: published names, folders of images, and every bad input in words."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from image_files import REAL, N, images, save_folder
from PIL import Image

from daexplore.data.readers import check_domains, match_classes, read_galaxies, require_two_classes
from daexplore.data.splits import split_groups
from daexplore.errors import InputError


def save_pair(folder, x, y, labels=(0.0, 1.0, 0.0, 1.0, 1.0, 0.0), **options):
    np.save(folder / x, images(**options))
    np.save(folder / y, np.array(labels))
    return folder / x


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("SimSim_SOURCE_X_Illustris2_pristine.npy", "SimSim_SOURCE_y_Illustris2_pristine.npy"),
        ("SimSim_TARGET_X_Illustris2_noisy.npy", "SimSim_TARGET_y_Illustris2_noisy.npy"),
        ("SimReal_SOURCE_X_Illustris0.npy", "SimReal_SOURCE_Y_Illustris0.npy"),
        ("SimReal_TARGET_X_postmergers_SDSS.npy", "simreal_target_Y_postmergers_sdss.npy"),
        ("hlsp_deepmerge_v1_sim-pristine-x.npy", "hlsp_deepmerge_v1_sim-pristine-labels-y.npy"),
        ("noisy-x.npy", "noisylabels-y.npy"),
        ("SB00_augmented.npy", "SB00_augmented_y.npy"),
        ("SB00_augmented_3FILT.npy", "SB00_augmented_3FILT_y.npy"),
        ("SB25_augmented_3FILT.npy", "SB25_augmented_y_3FILT.npy"),
        ("x.npy", "Y.npy"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4", ">f8", np.int16, np.uint8])
def test_published_names_pair_up(tmp_path, x, y, dtype):
    galaxies = read_galaxies(save_pair(tmp_path, x, y, dtype=dtype))
    assert galaxies.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert galaxies.classes == ("non-merger", "merger")
    assert isinstance(galaxies.images, np.memmap)
    np.testing.assert_array_equal(galaxies.images, images(dtype=dtype))
    assert galaxies.catalogue["group_id"].nunique() == N
    assert galaxies.provenance["note"] == "groups unknown: leakage possible"


def test_npy_takes_what_is_declared(tmp_path):
    path = save_pair(tmp_path, "x.npy", "y.npy")
    assert read_galaxies(path).bands == ("channel 0", "channel 1", "channel 2")
    declared = read_galaxies(
        str(path), name="source", bands=["F814W", "F356W", "F160W"], pixel_scale=0.06
    )
    assert (declared.bands, declared.pixel_scale, declared.sample_ids[0]) == (
        ("F814W", "F356W", "F160W"),
        0.06,
        "source/000000",
    )


def test_npy_without_labels_is_unlabelled(tmp_path):
    np.save(tmp_path / "survey.npy", images())
    assert read_galaxies(tmp_path / "survey.npy").class_counts() == {
        "non-merger": 0,
        "merger": 0,
        "unlabelled": N,
    }


@pytest.mark.parametrize(
    "ids",
    [
        np.array([7.0, 7, 8, 8, 9, 9]),
        np.array([7, 7, 8, 8, 9, 9]),
        np.array(list("778899")),
        np.array(list("778899"), "S1"),
    ],
)
def test_ids_group_images_of_one_galaxy(tmp_path, ids):
    path = save_pair(tmp_path, "a_X_b.npy", "a_y_b.npy")
    np.save(tmp_path / "subsamples_ID.npy", ids)
    galaxies = read_galaxies(path)
    assert galaxies.catalogue["group_id"].tolist() == list("778899")
    assert "note" not in galaxies.provenance


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (images()[:, 0], r"got \(6, 8, 8\). If it has one band, save images\[:, None\]"),
        (np.zeros(N), r"got \(6,\). Is this the labels' file"),
        (np.zeros((N, 32, 32, 32), np.float32), "with at most 16 channels"),
        (np.zeros((0, 3, 8, 8), np.float32), "which is empty"),
        (np.zeros((N, 3, 8, 8), complex), "expected real numbers as pixels, got complex128"),
        (np.array([{}] * N, dtype=object), "cannot be read as a plain .npy array"),
    ],
)
def test_npy_images_of_another_kind_are_refused(tmp_path, x, message):
    np.save(tmp_path / "x.npy", x, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read_galaxies(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.zeros(5),
            r"y.npy: expected 6 labels, one for each image of x.npy, got an array of shape \(5,\)",
        ),
        (np.eye(6), r"got an array of shape \(6, 6\)"),
        (np.array([0, 1, 2, 1, 3, 0]), r"2 of 6 are not, first 2 in row 2"),
        (np.array([0, 1, np.nan, 1, 0.5, 0]), r"2 of 6 are not, first nan in row 2"),
        (np.array(list("010101")), r"6 of 6 are not, first '0' in row 0"),
    ],
)
def test_npy_labels_of_another_kind_are_refused(tmp_path, y, message):
    with pytest.raises(InputError, match=message):
        read_galaxies(save_pair(tmp_path, "x.npy", "y.npy", y))


def test_npy_ids_of_another_length_are_refused(tmp_path):
    path = save_pair(tmp_path, "x.npy", "y.npy")
    np.save(tmp_path / "subsamples_ID.npy", np.arange(7))
    with pytest.raises(InputError, match=r"expected 6 ids.*NAME_ID.npy"):
        read_galaxies(path)
    np.save(tmp_path / "x_ID.npy", [1, 1, 2, 2, 3, 3])
    assert read_galaxies(path).catalogue["group_id"].nunique() == 3


MORPHOLOGY = {
    "morphology": ["smooth", "edgeon", "", "featured", "smooth", ""],
    "merger": ["0", "1", "", "0", "0", "1"],
}


def test_folder_of_colour_images(tmp_path):
    folder = save_folder(tmp_path / "survey", MORPHOLOGY | {"z": np.arange(6) / 10})
    galaxies = read_galaxies(folder)
    assert galaxies.classes == ("edgeon", "featured", "smooth")
    assert galaxies.labels.tolist() == [2, 0, -1, 1, 2, -1]
    assert (galaxies.name, galaxies.bands, galaxies.images.shape) == (
        "survey",
        ("R", "G", "B"),
        (6, 3, 8, 10),
    )
    assert galaxies.images.dtype == np.float32
    with Image.open(folder / "3.png") as image:
        assert galaxies.images[3, :, 2, 5].tolist() == list(image.getpixel((5, 2)))
    assert galaxies.sample_ids[3] == "survey/3.png"
    assert galaxies.catalogue["z"].tolist() == pytest.approx(np.arange(6) / 10)
    assert read_galaxies(folder / "catalogue.csv").fingerprint() == galaxies.fingerprint()


@pytest.mark.parametrize(
    ("column", "values", "classes", "labels"),
    [
        ("merger", [0, 1, None, 1], ("non-merger", "merger"), [0, 1, -1, 1]),
        ("merger", [0, 0, 0, 0], ("non-merger", "merger"), [0, 0, 0, 0]),
        ("label", [0, 1, 1, 0], ("0", "1"), [0, 1, 1, 0]),
        ("type", [10, 2, None, 10], ("2", "10"), [1, 0, -1, 1]),
        ("type", ["Sb", "E", None, " E"], ("E", "Sb"), [1, 0, -1, 0]),
        ("type", [None] * 4, (), [-1] * 4),
    ],
)
def test_a_declared_label_column(tmp_path, column, values, classes, labels):
    galaxies = read_galaxies(
        save_folder(tmp_path / "set", {"note": range(4), column: values}), label=column
    )
    assert galaxies.classes == classes
    assert galaxies.labels.tolist() == labels
    assert galaxies.catalogue.columns.is_unique


def test_the_columns_looked_at_where_none_is_declared(tmp_path):
    assert (
        read_galaxies(save_folder(tmp_path / "a", MORPHOLOGY)).provenance["label_column"]
        == "morphology"
    )
    unlabelled = read_galaxies(save_folder(tmp_path / "b", {"z": [1, 2]}))
    assert (unlabelled.classes, unlabelled.labels.tolist()) == ((), [-1, -1])


def test_grey_images_and_groups(tmp_path):
    galaxies = read_galaxies(
        save_folder(
            tmp_path / "set",
            {"group_id": ["007", "007", "8"], "label": list("aba")},
            mode="L",
            suffix="jpg",
        )
    )
    assert (galaxies.images.shape, galaxies.bands) == ((3, 1, 8, 10), ("grey",))
    assert galaxies.catalogue["group_id"].tolist() == ["007", "007", "8"]


def test_copies_of_one_image_share_a_group(tmp_path):
    folder = save_folder(tmp_path / "set", {"label": list("aba")})
    (folder / "2.png").write_bytes((folder / "0.png").read_bytes())
    galaxies = read_galaxies(folder)
    assert galaxies.catalogue["group_id"].tolist() == ["set/0.png", "set/1.png", "set/0.png"]
    assert "leakage possible" in galaxies.provenance["note"]


def test_a_folder_saved_as_a_set_reads_the_same(tmp_path):
    galaxies = read_galaxies(save_folder(tmp_path / "survey", MORPHOLOGY))
    again = read_galaxies(galaxies.save(tmp_path / "set"))
    pd.testing.assert_frame_equal(again.catalogue, galaxies.catalogue)
    assert again.fingerprint() == galaxies.fingerprint()
    renamed = read_galaxies(
        tmp_path / "set", name="target", bands=("g", "r", "z"), pixel_scale=0.26
    )
    assert (renamed.name, renamed.bands, renamed.pixel_scale) == ("target", ("g", "r", "z"), 0.26)
    assert renamed.sample_ids.tolist() == [f"target/{i}.png" for i in range(6)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table"),
        ("filename,label\n", "has no rows: the catalogue is empty"),
        (
            "shape,label\n0.png,a\n",
            r"has no column that names the images; it has shape, label. Call the one .* filename",
        ),
        ("filename,label\n0.png,a\n,b\n", "1 rows have no filename, first row 2"),
        (
            "filename,label\n0.png,a\nmissing.png,b\nbroken.png,b\n",
            r"1 of 2 galaxies .* first 'set/broken.png'",
        ),
        (
            "filename,label\n0.png,a\nbroken.png,b\n",
            r"1 of 2 galaxies .* first 'set/broken.png': .*cannot identify image",
        ),
        ("filename,label\n0.png,a\n1.png,b\n0.png,a\n", "sample_id 'set/0.png' stands 2 times"),
        (
            "filename,label\n0.png,a\n1.png,b\nwide.png,b\n",
            (
                r"2 of 10x8 in 3 bands \(R, G, B\), 1 of 12x8 in 1 band \(grey\); first odd one"
                r" 'set/wide.png'"
            ),
        ),
    ],
)
def test_bad_folders_are_refused_in_words(tmp_path, text, message):
    folder = save_folder(tmp_path / "set", {"label": list("ab")})
    (folder / "broken.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((8, 12), np.uint8)).save(folder / "wide.png")
    (folder / "catalogue.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_galaxies(folder)


def test_an_unknown_label_column_is_refused(tmp_path):
    with pytest.raises(
        InputError,
        match="has no column 'shape' for the labels; it has filename, morphology, merger",
    ):
        read_galaxies(save_folder(tmp_path / "set", MORPHOLOGY), label="shape")


def test_what_is_not_understood_says_what_is(tmp_path):
    (tmp_path / "cube.xyz").write_bytes(b"\x89HDF")
    for path, what in (
        (tmp_path / "nothing", "There is nothing at"),
        (tmp_path, "holds neither"),
        (tmp_path / "cube.xyz", r"\(\.xyz\)"),
    ):
        with pytest.raises(InputError, match=rf"{what}(.|\n)*catalogue\.csv(.|\n)*\.npy file"):
            read_galaxies(path)


def folder_set(tmp_path, name, labels, **options):
    return read_galaxies(save_folder(tmp_path / name, {"label": labels}, **options))


def test_classes_are_matched_by_name(tmp_path):
    source = folder_set(tmp_path, "source", ["b", "c", "a", "d"])
    target = folder_set(tmp_path, "target", ["d", "", "b", "zebra"])
    matched_source, matched = match_classes(source, target)
    assert matched_source is source
    assert matched.classes == source.classes == ("a", "b", "c", "d")
    assert matched.labels.tolist() == [3, -1, 1, -1]
    assert matched.provenance["unmatched_classes"] == {"zebra": 1}
    unlabelled = match_classes(source, folder_set(tmp_path, "none", ["", "", ""]))[1]
    assert (unlabelled.classes, unlabelled.labels.tolist()) == (source.classes, [-1, -1, -1])


def test_classes_without_one_in_common_are_refused(tmp_path):
    source, target = (
        folder_set(tmp_path, "source", ["a", "b"]),
        folder_set(tmp_path, "target", ["x", "y"]),
    )
    declared = dataclasses.replace(target, provenance=target.provenance | {"label_declared": True})
    with pytest.raises(
        InputError,
        match=r"No class of the target 'target' \(x, y\) is one of the source 'source' \(a, b\)",
    ):
        match_classes(source, declared)
    # A column that was only found is none of labels then.
    assert match_classes(source, target)[1].class_counts() == {"a": 0, "b": 0, "unlabelled": 2}


def test_fractions_are_no_classes_where_they_are_declared_so(tmp_path):
    folder = save_folder(tmp_path / "set", {"label": [0.5, 1.0]})
    with pytest.raises(InputError, match=r"'label' holds fractions, first 0\.5"):
        read_galaxies(folder, label="label")


def test_one_class_only_is_refused(tmp_path):
    with pytest.raises(InputError, match="all of its 3 labelled images are 'a'"):
        require_two_classes(folder_set(tmp_path, "one", ["a", "a", "a", ""]))
    with pytest.raises(InputError, match="none of its images has a label"):
        require_two_classes(folder_set(tmp_path, "none", ["", ""]))
    both = folder_set(tmp_path, "both", ["a", "b", "a"])
    require_two_classes(both)
    with pytest.raises(InputError, match="all of its 2 labelled images are 'a'"):
        require_two_classes(both, np.array([True, False, True]))


def test_domains_that_do_not_go_together_are_refused(tmp_path):
    source, target = (
        folder_set(tmp_path, "source", ["a", "b"]),
        folder_set(tmp_path, "target", ["b", ""]),
    )
    assert check_domains(source, target)[1].classes == ("a", "b")
    with pytest.raises(InputError, match="share 2 sample ids"):
        check_domains(source, source)
    with pytest.raises(InputError, match=r"3 bands \(R, G, B\) and the target 'grey' has 1"):
        check_domains(source, folder_set(tmp_path, "grey", ["a", "b"], mode="L"))
    broken = dataclasses.replace(target, images=np.full_like(target.images, np.nan))
    with pytest.raises(InputError, match="2 of 2 images hold NaN"):
        check_domains(source, broken)


@pytest.mark.skipif(
    not REAL.is_dir(),
    reason=f"the Galaxy Zoo example images are not at ../shared/data of the repository ({REAL})",
)
def test_simulation_to_survey_with_three_morphologies():
    source, target = check_domains(
        read_galaxies(REAL / "illustris_mock_sdss"), read_galaxies(REAL / "decals")
    )
    assert source.classes == target.classes == ("edgeon", "featured", "smooth")
    assert source.class_counts() == {"edgeon": 20, "featured": 87, "smooth": 15, "unlabelled": 21}
    assert target.class_counts() == {"edgeon": 20, "featured": 84, "smooth": 20, "unlabelled": 42}
    splits, _ = split_groups(source, target)
    for split in ("train", "validation", "test"):
        assert set(source.labels[splits == split]) >= {0, 1, 2}
