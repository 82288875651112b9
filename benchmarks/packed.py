"""How fast packed files are ingested, as a ratio to the loop that everybody would write.

    python benchmarks/packed.py [--n 20000] [--workers 2] [--out docs/results/packed.json]

Makes ``n`` images of 64 x 64 pixels once as Parquet with PNG, Parquet with nested lists, and HDF5.
The bare loop reads each image with pyarrow or h5py (and Pillow), brings it to float32 with channels
first, and writes all of them as one .npy file. The ingest reads the same file into a galaxy set,
with its checks and checksums. Both run in turn, three times; the ratio is that of the best times.
"""

import argparse
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SIZE = 64


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_all(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (200, SIZE, SIZE, 3), np.uint8)
    encoded = [png(each) for each in pictures]
    fluxes = rng.standard_normal((200, 3, SIZE, SIZE), np.float32)
    labels = [row % 2 for row in range(n)]
    rows = [{"bytes": encoded[row % 200], "path": None} for row in range(n)]
    table = pa.table({"image": rows, "label": labels})
    pq.write_table(table, folder / "png.parquet", row_group_size=1000)
    nested = pa.list_(pa.list_(pa.list_(pa.float32())))
    schema = pa.schema([("image", nested), ("label", pa.int64())])
    with pq.ParquetWriter(folder / "lists.parquet", schema) as writer:
        for start in range(0, n, 500):
            some = range(start, min(start + 500, n))
            values = pa.array([fluxes[row % 200].tolist() for row in some], nested)
            writer.write_table(pa.table([values, labels[some.start : some.stop]], schema=schema))
    with h5py.File(folder / "images.h5", "w") as file:
        images = file.create_dataset(
            "images", (n, SIZE, SIZE, 3), np.uint8, chunks=(64, SIZE, SIZE, 3)
        )
        for start in range(0, n, 200):
            images[start : start + 200] = pictures[: min(200, n - start)]
        file["label"] = labels


def bare_png(path: Path) -> Iterator[np.ndarray]:
    for batch in pq.ParquetFile(path).iter_batches(columns=["image"]):
        for value in batch.column(0).to_pylist():
            image = np.asarray(Image.open(io.BytesIO(value["bytes"])).convert("RGB"))
            yield image.transpose(2, 0, 1).astype(np.float32)


def bare_lists(path: Path) -> Iterator[np.ndarray]:
    for batch in pq.ParquetFile(path).iter_batches(columns=["image"]):
        for value in batch.column(0):
            yield np.asarray(value.as_py(), np.float32)


def bare_hdf5(path: Path) -> Iterator[np.ndarray]:
    with h5py.File(path) as file:
        images = file["images"]
        for row in range(len(images)):
            yield images[row].transpose(2, 0, 1).astype(np.float32)


LOOPS: dict[str, Callable[[Path], Iterator[np.ndarray]]] = {
    "png.parquet": bare_png,
    "lists.parquet": bare_lists,
    "images.h5": bare_hdf5,
}


def bare(path: Path, out: Path, n: int) -> float:
    start = time.perf_counter()
    with out.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (n, 3, SIZE, SIZE)}
        )
        for image in LOOPS[path.name](path):
            file.write(np.ascontiguousarray(image).data)
    return time.perf_counter() - start


def ingested(path: Path, out: Path, workers: int) -> float:
    from daexplore.data.ingest import ingest

    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    ingest(path, out, workers=workers)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder, arguments.n)
        for kind in LOOPS:
            times = [
                (
                    bare(folder / kind, folder / "bare.npy", arguments.n),
                    ingested(folder / kind, folder / "set", arguments.workers),
                )
                for _ in range(3)
            ]
            loop, own = (min(each) for each in zip(*times, strict=True))
            found[kind] = {"images": arguments.n, "workers": arguments.workers}
            found[kind] |= {"bare loop / ingest": round(loop / own, 2)}
            print(f"{kind}: bare loop {loop:.2f} s, ingest {own:.2f} s, ratio {loop / own:.2f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
