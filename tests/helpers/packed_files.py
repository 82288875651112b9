"""The same galaxies packed in every way that people publish them."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

N = 24
SIZE = 20
IDS = [f"{2**62 + 7 * row}" for row in range(N)]


def pictures(seed: int = 0, n: int = N, size: int = SIZE) -> NDArray[np.uint8]:
    """(N, H, W, 3) at 8 bits."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def fluxes(seed: int = 0, n: int = N, size: int = SIZE) -> NDArray[np.float32]:
    """(N, 3, H, W), measured."""
    return np.random.default_rng(seed).normal(size=(n, 3, size, size)).astype(np.float32)


def labels(n: int = N) -> list[int]:
    return [row % 2 for row in range(n)]


def png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def hub(folder: Path) -> Path:
    """As ``datasets`` writes it: shards, a struct of bytes and path, names of the classes."""
    folder.mkdir(parents=True)
    features = {"label": {"names": ["isolated", "merger"], "_type": "ClassLabel"}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    for shard, rows in enumerate(np.array_split(np.arange(N), 3)):
        data = [{"bytes": png(pictures()[row]), "path": f"{row}.png"} for row in rows]
        table = pa.table(
            {
                "image": data,
                "id": [IDS[row] for row in rows],
                "label": [labels()[row] for row in rows],
            }
        )
        table = table.replace_schema_metadata(about)
        pq.write_table(table, folder / f"train-{shard:05d}-of-00003.parquet", row_group_size=5)
    return folder


def nested(folder: Path) -> Path:
    """Lists of numbers, channels first."""
    folder.mkdir(parents=True)
    table = pa.table({"image": fluxes().tolist(), "object_id": IDS, "label": labels()})
    pq.write_table(table, folder / "galaxies.parquet", row_group_size=7)
    return folder / "galaxies.parquet"


def hats(folder: Path) -> Path:
    """A HATS catalogue: partitions, metadata, pictures of them, and a margin beside it."""
    number = pa.list_(pa.list_(pa.list_(pa.float32())))
    struct = pa.struct(
        [
            ("band", pa.list_(pa.string())),
            ("flux", number),
            ("scale", pa.list_(pa.float32())),
            ("psf_fwhm", pa.list_(pa.float32())),
        ]
    )

    def table(rows: NDArray[np.int64]) -> pa.Table:
        values = [
            {
                "band": ["g", "r", "z"],
                "flux": fluxes()[row].tolist(),
                "scale": [0.262] * 3,
                "psf_fwhm": [1.3, 1.2, 1.1],
            }
            for row in rows
        ]
        columns = {
            "image": pa.array(values, struct),
            "object_id": [IDS[row] for row in rows],
            "label": [labels()[row] for row in rows],
        }
        return pa.table(columns)

    primary = folder / "survey" / "dataset"
    for pixel, rows in enumerate(np.array_split(np.arange(N), 2)):
        place = primary / "Norder=1" / "Dir=0"
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(rows), place / f"Npix={pixel}.parquet", row_group_size=5)
    margin = folder / "survey_10arcs" / "dataset" / "Norder=1" / "Dir=0"
    margin.mkdir(parents=True)
    pq.write_table(table(np.arange(4)), margin / "Npix=0.parquet")
    pq.write_table(table(np.arange(2)), primary / "data_thumbnail.parquet")
    pq.write_metadata(table(np.arange(1)).schema, primary / "_common_metadata")
    (folder / "survey" / "hats.properties").write_text("obs_collection=survey\n")
    (folder / "collection.properties").write_text("hats_primary_table_url=survey\n")
    return folder


def galaxy10(folder: Path) -> Path:
    """HDF5 with channels last, labels under "ans"."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "Galaxy10.h5", "w") as file:
        file.create_dataset(
            "images", data=pictures(), chunks=(5, SIZE, SIZE, 3), compression="gzip"
        )
        file["ans"] = np.array(labels(), np.uint8)
        file["object_id"] = np.array(IDS, np.uint64)
        file["remark"] = np.array([f"galaxy {row}" for row in range(N)], h5py.string_dtype())
        file["spectrum"] = np.zeros((N, 7))
    return folder / "Galaxy10.h5"


def multimodal(folder: Path) -> Path:
    """HDF5 as the Multimodal Universe writes it: one file a pixel of the sky."""
    for pixel, rows in enumerate(np.array_split(np.arange(N), 2)):
        place = folder / f"healpix={pixel}"
        place.mkdir(parents=True)
        with h5py.File(place / "001-of-001.hdf5", "w") as file:
            file["image_array"] = fluxes()[rows]
            file["object_id"] = np.array([IDS[row] for row in rows], "S")
            file["label"] = np.array([labels()[row] for row in rows])
    return folder


def npz(folder: Path) -> Path:
    folder.mkdir(parents=True)
    np.savez(folder / "set.npz", images=fluxes(), label=labels(), object_id=IDS)
    return folder / "set.npz"


def compressed(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "set.npz"
    np.savez_compressed(path, x=pictures(), label=labels(), object_id=np.array(IDS, np.uint64))
    return path


def channels_last(folder: Path) -> Path:
    """A .npy file, its ids and labels beside it."""
    folder.mkdir(parents=True)
    np.save(folder / "x.npy", pictures().astype(np.float32))
    np.save(folder / "y.npy", labels())
    np.save(folder / "x_ID.npy", np.array(IDS, np.int64))
    return folder / "x.npy"


def samples(folder: Path, mode: str = "w", suffix: str = ".tar", image: str = "png") -> Path:
    """WebDataset: shards of samples."""
    folder.mkdir(parents=True)
    for shard, rows in enumerate(np.array_split(np.arange(N), 2)):
        path = folder / f"galaxies-{shard:04d}{suffix}"
        with tarfile.open(path, mode) as archive:
            for row in rows:
                stream = io.BytesIO()
                np.save(stream, fluxes()[row])
                data = png(pictures()[row]) if image == "png" else stream.getvalue()
                _add(archive, f"{IDS[row]}.{image}", data)
                _add(archive, f"{IDS[row]}.cls", str(labels()[row]).encode())
                _add(archive, f"{IDS[row]}.json", json.dumps({"ra": 10.5 + int(row)}).encode())
                _add(archive, f"{IDS[row]}.pyd", b"\x80never unpickled")
    return folder


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(data)
    archive.addfile(about, io.BytesIO(data))


PACKED: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "hub": (hub, True),
    "nested": (nested, False),
    "hats": (hats, False),
    "galaxy10": (galaxy10, True),
    "multimodal": (multimodal, False),
    "npz": (npz, False),
    "npz, compressed": (compressed, True),
    "npy, channels last": (channels_last, True),
    "tar": (samples, True),
    "tar.gz": (lambda folder: samples(folder, "w:gz", ".tar.gz"), True),
    "tar of npy": (lambda folder: samples(folder, image="npy"), False),
}
"""How each is written, and whether it holds pictures rather than measured fluxes."""


def expected(of_pictures: bool) -> NDArray[np.float32]:
    """(N, 3, H, W) of what was packed."""
    return pictures().transpose(0, 3, 1, 2).astype(np.float32) if of_pictures else fluxes()
