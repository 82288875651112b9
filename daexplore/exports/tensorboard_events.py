"""A run for TensorBoard: its history as scalars, its latents for the embedding projector."""

import io
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from daexplore.exports.base import Export, ExportOptions
from daexplore.exports.common import evaluated_run, history_scalars, needed, new_folder
from daexplore.exports.galaxy_table import GalaxyTable, galaxy_table, thumbnails
from daexplore.runs import Run

__all__ = ["EXPORT", "to_tensorboard"]

_EVENTS = "events.out.tfevents."
_WIDEST_SPRITE = 8192
_PURPOSE = "An export to TensorBoard"


def to_tensorboard(
    run: Run | str | Path,
    out: str | Path,
    *,
    epoch: int | None = None,
    images: bool = False,
    thumbnail: int = 48,
    overwrite: bool = False,
) -> Path:
    """Write the folder ``out/RUN`` for ``tensorboard --logdir out``; several runs go side by side
    into one ``out``.

    Scalars: all of the history, one value an epoch at step = epoch, and losses within the epochs at
    their training step under "windows/". Names begin with "oracle/" where target labels were used.
    Projector: latents of one epoch, with ids, domains, classes and catalogue columns to colour by.
    Every event carries the time at which the run was made, and the same run gives the same bytes.

    Args:
        run: the run, or its folder.
        out: folder of logs.
        epoch: whose latents; the selected one by default.
        images: draw each galaxy in the projector.
        thumbnail: width of these pictures at most [pixel].
        overwrite: whether ``out/RUN`` may be replaced.

    Returns:
        ``out/RUN``.

    Raises:
        InputError: tensorboard is not installed, the run is damaged, its images are not here, or
            the folder exists or cannot be written.
    """
    needed("tensorboard.summary.writer.record_writer", "tensorboard", _PURPOSE)
    run = evaluated_run(run)
    folder = Path(out) / run.id
    with new_folder(folder, overwrite, f"{_EVENTS}*") as temporary:
        _write_events(run, temporary)
        _write_projector(run, galaxy_table(run, epoch), temporary, thumbnail if images else 0)
    return folder


def _write_events(run: Run, folder: Path) -> None:
    records = needed("tensorboard.summary.writer.record_writer", "tensorboard", _PURPOSE)
    events = needed("tensorboard.compat.proto.event_pb2", "tensorboard", _PURPOSE)
    summaries = needed("tensorboard.compat.proto.summary_pb2", "tensorboard", _PURPOSE)
    made = datetime.fromisoformat(str(run.info["created"])).timestamp()
    # torch's and TensorBoard's own writers put the clock's time and the machine's name into the
    # file.
    with (folder / f"{_EVENTS}{int(made):010d}.{run.id}").open("wb") as file:
        writer = records.RecordWriter(file)
        writer.write(events.Event(wall_time=made, file_version="brain.Event:2").SerializeToString())
        for name, step, value in history_scalars(run):
            summary = summaries.Summary(
                value=[summaries.Summary.Value(tag=name, simple_value=value)]
            )
            writer.write(
                events.Event(wall_time=made, step=step, summary=summary).SerializeToString()
            )


def _write_projector(run: Run, table: GalaxyTable, folder: Path, thumbnail: int) -> None:
    rows = ("\t".join(repr(float(value)) for value in latent) for latent in table.latents)
    (folder / "latents.tsv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    names = [column.name for column in table.columns]
    lines = ["\t".join(map(_cell, names))]
    lines += [
        "\t".join(map(_cell, row))
        for row in zip(*(table.values[name].tolist() for name in names), strict=True)
    ]
    (folder / "metadata.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    n, dimension = table.latents.shape
    config = [
        "embeddings {",
        f'  tensor_name: "latents, epoch {table.epoch}"',
        f"  tensor_shape: {n}",
        f"  tensor_shape: {dimension}",
        '  tensor_path: "latents.tsv"',
        '  metadata_path: "metadata.tsv"',
    ]
    if thumbnail:
        size = _write_sprite(run, table, folder / "sprite.png", thumbnail)
        config += [
            "  sprite {",
            '    image_path: "sprite.png"',
            *[f"    single_image_dim: {size}"] * 2,
            "  }",
        ]
    (folder / "projector_config.pbtxt").write_text(
        "\n".join([*config, "}"]) + "\n", encoding="utf-8"
    )


def _write_sprite(run: Run, table: GalaxyTable, file: Path, thumbnail: int) -> int:
    """One square picture with all galaxies, row by row; returns the side of each [pixel]."""
    from PIL import Image

    across = math.ceil(math.sqrt(len(table.latents)))
    size = max(1, min(thumbnail, _WIDEST_SPRITE // across))
    sheet = Image.new("RGB", (across * size, across * size))
    for number, png in enumerate(
        thumbnails(run, table.values["sample_id"], table.values["domain"], size)
    ):
        stamp = Image.open(io.BytesIO(png)).resize((size, size))
        sheet.paste(stamp, (number % across * size, number // across * size))
    sheet.save(file)
    return size


def _cell(value: Any) -> str:
    """Text without what parts cells and lines; undefined numbers are empty."""
    if isinstance(value, float | np.floating):
        return f"{value:.7g}" if math.isfinite(value) else ""
    return " ".join(str(value).split())


def _write(export: Export, runs: Sequence[Run], out: str, options: ExportOptions) -> Iterator[str]:  # noqa: ARG001
    for run in runs:
        yield str(
            to_tensorboard(
                run,
                Path(out),
                epoch=options.epoch,
                images=options.images,
                overwrite=options.overwrite,
            )
        )
    yield f"See {'them' if len(runs) > 1 else 'it'} with: tensorboard --logdir {out}"


EXPORT = Export("tensorboard", _write, ("images",))
