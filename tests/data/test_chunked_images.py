"""Chunked images give the same rows as the same array in one piece, and say which file is
damaged.
"""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daexplore.data.chunked_images import ChunkedImages
from daexplore.errors import InputError

ROWS = (3, 1, 5, 0, 2)
N = sum(ROWS)
WHOLE = np.random.default_rng(0).normal(size=(N, 2, 4, 3)).astype(np.float32)


def write(folder, images=WHOLE, rows=ROWS):
    ends = np.cumsum((0, *rows))
    files = [folder / f"{i:05d}.npy" for i in range(len(rows))]
    for file, start, stop in zip(files, ends[:-1], ends[1:], strict=True):
        np.save(file, images[start:stop])
    return files


@pytest.fixture(scope="module")
def chunked(tmp_path_factory):
    return ChunkedImages.open(write(tmp_path_factory.mktemp("chunks")))


def test_it_looks_like_the_array(chunked):
    assert chunked.shape == WHOLE.shape
    assert chunked.ndim == WHOLE.ndim
    assert chunked.dtype == WHOLE.dtype
    assert chunked.size == WHOLE.size
    assert chunked.nbytes == WHOLE.nbytes
    assert len(chunked) == len(WHOLE)
    np.testing.assert_array_equal(np.asarray(chunked), WHOLE)
    assert np.asarray(chunked, np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.stack(list(chunked)), WHOLE)


KEYS = [
    *(0, 2, 3, -1, -N, np.int64(4), np.array(7)),
    *(
        slice(None),
        slice(2, 9),
        slice(-4, None),
        slice(None, None, -1),
        slice(1, 10, 3),
        slice(5, 2),
        slice(3, 100),
    ),
    *(
        [],
        [10],
        [3, 3, 3],
        [-1, 0, -11, 5],
        np.array([10, 0, 4, 4, 1]),
        np.array([2, 3], np.uint8),
        np.array([[0, 5], [-1, 3]]),
    ),
    *(np.arange(N) % 2 == 0, np.zeros(N, bool), [True] * N),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_rows_are_numpys(chunked, key):
    taken = chunked[key]
    expected = WHOLE[np.asarray(key, int) if isinstance(key, list) and not key else key]
    np.testing.assert_array_equal(taken, expected)
    assert taken.shape == expected.shape
    assert taken.dtype == expected.dtype
    assert taken.flags.writeable


@settings(max_examples=60, deadline=None)
@given(key=st.lists(st.integers(-N, N - 1), max_size=30))
def test_any_rows_are_numpys(chunked, key):
    np.testing.assert_array_equal(chunked[np.array(key, int)], WHOLE[np.array(key, int)])


@settings(max_examples=60, deadline=None)
@given(key=st.slices(N))
def test_any_slice_is_numpys(chunked, key):
    np.testing.assert_array_equal(chunked[key], WHOLE[key])


@pytest.mark.parametrize(
    "key",
    [
        N,
        -N - 1,
        [0, N],
        np.array([-N - 1]),
        np.ones(N + 1, bool),
        1.0,
        "0",
        [0.5],
        (0, 1),
        (slice(None), 0),
        None,
        ...,
    ],
    ids=repr,
)
def test_what_is_no_row_is_an_index_error(chunked, key):
    with pytest.raises(IndexError):
        chunked[key]


def test_no_chunk_stays_open(tmp_path, monkeypatch):
    opened = []
    images = ChunkedImages.open(write(tmp_path))
    real = open

    def counting(*arguments, **options):
        opened.append(real(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("builtins.open", counting)
    np.testing.assert_array_equal(images[[10, 0, 9, 1, 4]], WHOLE[[10, 0, 9, 1, 4]])
    assert len(opened) == 3, "each file is opened once, however its rows are mixed"
    assert all(file.closed for file in opened)


def test_damaged_files_are_named(tmp_path):
    files = write(tmp_path)
    whole = files[2].read_bytes()
    files[2].write_bytes(whole[:-4])
    with pytest.raises(InputError, match=r"00002\.npy is damaged: \d+ bytes instead of \d+"):
        ChunkedImages.open(files)
    files[2].write_bytes(b"not an array")
    with pytest.raises(InputError, match=r"00002\.npy cannot be read as a \.npy file"):
        ChunkedImages.open(files)
    files[2].unlink()
    with pytest.raises(InputError, match=r"00002\.npy cannot be read as a \.npy file"):
        ChunkedImages.open(files)
    np.save(files[2], WHOLE[:5, :1])
    with pytest.raises(
        InputError,
        match=(
            r"00002\.npy: holds float32 images of shape \(1, 4, 3\), 00000\.npy holds float32 of"
            r" \(2, 4, 3\)"
        ),
    ):
        ChunkedImages.open(files)
    with pytest.raises(InputError, match="at least one file"):
        ChunkedImages.open([])


def test_a_file_that_shrinks_or_vanishes_later_is_named(tmp_path):
    files = write(tmp_path)
    images = ChunkedImages.open(files)
    whole = files[2].read_bytes()
    files[2].write_bytes(whole[:-4])
    with pytest.raises(
        InputError,
        match=r"00002\.npy cannot be read any more: it is shorter than when it was opened",
    ):
        images[8]
    files[2].unlink()
    with pytest.raises(InputError, match=r"00002\.npy cannot be read any more"):
        images[8]
    np.testing.assert_array_equal(images[10], WHOLE[10])


def test_arrays_in_fortran_order_are_refused(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(WHOLE))
    (tmp_path / "odd.npy").write_bytes(stream.getvalue())
    with pytest.raises(InputError, match=r"odd\.npy"):
        ChunkedImages.open([tmp_path / "odd.npy"])
