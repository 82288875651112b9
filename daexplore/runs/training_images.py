"""Examples of the images that a network is trained on, in a run's folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.runs.parquet import matrix, read_table, vectors, write_table

__all__ = ["TrainingImages"]

_FILE = "training-images.parquet"


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """A few source images as they are, and as the network sees them.

    Attributes:
        sample_ids: (n,) whose images.
        draws: (n,) 0 for the image as it is, then the number of the draw.
        images: (n, C, H, W) network input.
    """

    sample_ids: NDArray[np.object_]
    draws: NDArray[np.int64]
    images: NDArray[np.float32]

    def write(self, run: Path) -> None:
        """Keep them in a run's folder, as a table with one row per image."""
        n, channels, height, width = self.images.shape
        write_table(
            run / "derived" / _FILE,
            {
                "sample_id": pa.array(self.sample_ids.astype(str)),
                "draw": pa.array(self.draws),
                "channels": pa.array(np.full(n, channels)),
                "height": pa.array(np.full(n, height)),
                "width": pa.array(np.full(n, width)),
                "pixels": vectors(self.images.reshape(n, -1)),
            },
        )

    @staticmethod
    def read(run: Path) -> "TrainingImages | None":
        """What ``write`` wrote; None where there is nothing.

        Raises:
            InputError: the file is damaged.
        """
        file = run / "derived" / _FILE
        if not file.is_file():
            return None
        names = ("sample_id", "draw", "channels", "height", "width", "pixels")
        table = read_table(file, names)
        shape = {name: table[name].to_numpy() for name in names[2:5]}
        pixels = matrix(table, "pixels", file)
        first = tuple(int(values[0]) for values in shape.values()) if len(table) else ()
        if (
            not first
            or any((values != values[0]).any() for values in shape.values())
            or min(first) < 1
            or int(np.prod(first)) != pixels.shape[1]
            or not np.isfinite(pixels).all()
        ):
            raise InputError(f"{file} is damaged: its images have no common shape.")
        return TrainingImages(
            table["sample_id"].to_numpy(zero_copy_only=False).astype(object),
            table["draw"].to_numpy().astype(np.int64),
            pixels.reshape(len(table), *first),
        )
