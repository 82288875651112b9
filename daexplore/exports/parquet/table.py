"""Parquet table of a run's evaluated galaxies."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daexplore.exports.base import Export, ExportOptions
from daexplore.exports.common import evaluated_run, new_file
from daexplore.exports.galaxy_table import GalaxyTable, galaxy_table, thumbnails
from daexplore.runs import Run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EXPORT", "to_parquet"]


def to_parquet(
    run: Run | str | Path,
    out: str | Path,
    *,
    epoch: int | None = None,
    flat: bool = False,
    images: bool = False,
    thumbnail: int = 64,
    overwrite: bool = False,
) -> Path:
    """Write one row for each evaluated galaxy: ids, domain, split, classes, probability, margin,
    position, catalogue, logits, latent.

    Vectors are lists of fixed length, which TOPCAT takes for arrays; ``flat`` makes columns of
    plain numbers of them. Columns that used target labels have names that begin with ``oracle_``.
    Units and descriptions are there twice: astropy reads the one, TOPCAT the other (VOParquet 1.0,
    https://www.ivoa.net/documents/Notes/VOParquet/). A text that is missing is empty, a number NaN.

    Embedding Atlas: ``embedding-atlas FILE --x projection_x --y projection_y`` (and ``--image
    image`` with pictures).

    Args:
        run: the run, or its folder.
        out: the file.
        epoch: the selected one by default.
        flat: columns logit_0, …, latent_000, … instead of the lists ``logits`` and ``latent``.
        images: add the column ``image``, PNG files in bytes.
        thumbnail: width of these [pixel].
        overwrite: whether ``out`` may be replaced.

    Returns:
        The file.

    Raises:
        InputError: the run is damaged or has no such epoch, its images are not here, or ``out``
            exists or cannot be written.
    """
    import pyarrow.parquet as pq

    run = evaluated_run(run)
    with new_file(out, overwrite) as temporary:
        table = galaxy_table(run, epoch)
        pictures = (
            thumbnails(run, table.values["sample_id"], table.values["domain"], thumbnail)
            if images
            else None
        )
        pq.write_table(_arrow(run, table, flat, pictures), temporary, compression="zstd")
    return Path(out)


def _arrow(run: Run, table: GalaxyTable, flat: bool, pictures: list[bytes] | None) -> "pa.Table":
    import pyarrow as pa

    from daexplore.exports.parquet.metadata import Field, metadata
    from daexplore.runs.parquet import vectors

    arrays: dict[str, Any] = {}
    fields: list[Field] = []
    for column in table.columns:
        values = table.values[column.name]
        arrays[column.name] = (
            pa.array([str(value) for value in values], pa.string())
            if column.dtype.startswith("U")
            else pa.array(values)
        )
        fields.append(Field(column.name, column.dtype, column.description, column.unit))
    for name, title, matrix, texts in (
        ("logit", "logits", table.logits, [f"Logit of {each!r}" for each in run.classes]),
        (
            "latent",
            "latent",
            table.latents,
            [f"Component {i} of the latent" for i in range(table.latents.shape[1])],
        ),
    ):
        if flat:
            for i, text in enumerate(texts):
                arrays[_numbered(name, i, matrix)] = pa.array(np.ascontiguousarray(matrix[:, i]))
                fields.append(Field(_numbered(name, i, matrix), "f4", text))
        else:
            arrays[title] = vectors(matrix)
            text = (
                f"Logits of {', '.join(run.classes)}"
                if name == "logit"
                else "The last hidden layer"
            )
            fields.append(Field(title, "f4", text, length=matrix.shape[1]))
    if pictures is not None:
        arrays["image"] = pa.array(pictures, pa.binary())
        fields.append(
            Field(
                "image", f"S{max(map(len, pictures), default=1)}", "Picture in colours, a PNG file"
            )
        )
    about: dict[str, str | int] = {
        "run": run.id,
        "method": run.method,
        "seed": run.seed,
        "epoch": table.epoch,
        "classes": ", ".join(run.classes),
        "projection": table.projection,
        "oracle": "columns named oracle_* used labels of the target" + _labels_used(run),
        "daexplore": str(run.info.get("versions", {}).get("daexplore", "")),
    }
    return pa.table(arrays).replace_schema_metadata(
        metadata(fields, about) | {"daexplore": json.dumps(about, ensure_ascii=False)}
    )


def _labels_used(run: Run) -> str:
    return (
        "; target labels were used in training, so all values are oracle"
        if run.config.uses_target_labels
        else ""
    )


def _numbered(name: str, number: int, matrix: NDArray[Any]) -> str:
    """latent_000, latent_001, …: as many digits as keep them in order, three for latents."""
    digits = max(len(str(matrix.shape[1] - 1)), 3 if name == "latent" else 1)
    return f"{name}_{number:0{digits}d}"


def _write(export: Export, runs: Sequence[Run], out: str, options: ExportOptions) -> Iterator[str]:
    for run in runs:
        done = to_parquet(
            run,
            export.file(run, runs, Path(out)),
            epoch=options.epoch,
            flat=options.flat,
            images=options.images,
            overwrite=options.overwrite,
        )
        yield str(done)
    picture = " --image image" if options.images else ""
    yield f"See it with: embedding-atlas {done} --x projection_x --y projection_y{picture}"
    yield f"     or with: topcat {done}"


EXPORT = Export("parquet", _write, ("flat", "images"), ".parquet")
