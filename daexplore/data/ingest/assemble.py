"""When an input is too bad to continue with, and how the set is completed from its chunks."""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daexplore.data.account import copies
from daexplore.data.chunked_images import ChunkedImages
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.ingest.chunk import RECORDS, Plan, Record, Rejected, chunk_name
from daexplore.data.readers.load import (
    finished_catalogue,
    finished_set,
    mixed,
    most_frequent,
    with_warnings,
)
from daexplore.errors import InputError
from daexplore.utils.files import atomic_write

__all__ = ["RejectionTally", "finish", "verify"]


def verify(folder: str | Path) -> int:
    """Read every chunk and compares it with the checksum in galaxies.json.

    Returns:
        Number of chunks; 0 for a set in one file, which has no checksums.

    Raises:
        InputError: chunks that are missing or not what was written, by their names.
    """
    folder = Path(folder)
    try:
        chunks = json.loads((folder / "galaxies.json").read_text()).get("chunks", [])
        damaged = [
            chunk["file"] for chunk in chunks if _sha256(folder / chunk["file"]) != chunk["sha256"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder}/galaxies.json cannot be read as a galaxy set's: {error!r}. Ingest the"
            " galaxies again."
        ) from error
    if damaged:
        raise InputError(
            f"{folder}: {len(damaged)} of {len(chunks)} chunks are damaged or missing,"
            f" {', '.join(damaged[:5])}{', …' * (len(damaged) > 5)}. Ingest the galaxies again,"
            " with --restart into the same folder."
        )
    return len(chunks)


def _sha256(path: Path) -> str:
    """Of the file, empty where it is missing or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


_ODD = 0.1
_BAD = 0.5


@dataclass(eq=False)
class RejectionTally:
    """What has come of the galaxies so far.

    Attributes:
        plan: of the ingest.
        forms: sizes and bands, with how many galaxies have them.
        rejected: the galaxies that were rejected.
    """

    plan: Plan
    forms: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count a chunk.

        Raises:
            InputError: more than a tenth of all galaxies have another size or other bands, or more
                than half cannot be used.
        """
        self.forms.update(record.forms)
        self.rejected += record.rejected
        listing = self.plan.listing
        odd = [one for one in self.rejected if one.odd]
        stay = (
            f" Finished chunks stay in {self.plan.folder}; with other settings start again with"
            " --restart."
        )
        if len(odd) > _ODD * len(listing):
            first = min(odd, key=lambda one: one.row)
            example = listing.catalogue["sample_id"].iloc[first.row]
            raise InputError(f"{mixed(listing.name, self.forms, example)}{stay}")
        if len(self.rejected) > _BAD * len(listing):
            reasons = most_frequent(one.reason for one in self.rejected)
            raise InputError(
                f"{listing.name}: more than half of {len(listing)} galaxies cannot be used. The"
                f" most frequent reasons: {reasons}{stay}"
            )


def finish(plan: Plan, records: Iterable[Record], identity: dict[str, Any]) -> GalaxySet:
    """Write catalogue.parquet, aside.csv where there is something to list, and galaxies.json, the
    last one last.

    Args:
        plan: of the ingest.
        records: of all chunks, in their order.
        identity: what the ingest was started with.
    """
    records = list(records)
    rows, columns, digests = (
        [value for record in records for value in getattr(record, name)]
        for name in ("rows", "columns", "digests")
    )
    catalogue = finished_catalogue(plan.listing, rows, columns, digests)
    written = [
        (chunk_name(number), record) for number, record in enumerate(records) if record.bytes
    ]
    aside = [(one.name, one.reason) for one in plan.listing.aside]
    names = plan.listing.catalogue["sample_id"]
    aside += [
        (str(names.iloc[one.row]), one.reason) for record in records for one in record.rejected
    ]
    images = ChunkedImages.open([plan.folder / name for name, _ in written])
    labels = catalogue["label"].fillna(-1).astype(int)
    ids = catalogue["sample_id"].tolist()
    told = copies(ids, digests, labels, plan.listing.classes)
    if aside:
        told = [
            f"{len(aside)} galaxies were rejected; aside.csv lists them with the reasons.",
            *told,
        ]
    listing = with_warnings(plan.listing, told)
    galaxies = finished_set(listing, plan.frame, images, catalogue)
    about = galaxies.about()
    source = about["provenance"].get("path")
    about["provenance"] = about["provenance"] | {
        "ingested_from": source,
        "set_aside": len(aside),
        "ingest": identity,
    }
    about["chunks"] = [
        {"file": name, "rows": len(record.rows), "sha256": record.sha256}
        for name, record in written
    ]
    with atomic_write(plan.folder / "catalogue.parquet") as part, part.open("wb") as file:
        catalogue.to_parquet(file, index=False)
    if aside:
        with atomic_write(plan.folder / "aside.csv") as part, part.open("wb") as file:
            file.write(_table(aside).encode())
    with atomic_write(plan.folder / "galaxies.json") as part, part.open("wb") as file:
        file.write((json.dumps(about, indent=1) + "\n").encode())
    shutil.rmtree(plan.folder / RECORDS)
    return GalaxySet.load(plan.folder)


def _table(aside: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "reason"))
    writer.writerows(aside)
    return text.getvalue()
