"""Whether the chunks of a galaxy set are still what was written."""

import hashlib
import json
from pathlib import Path

from daexplore.errors import InputError

__all__ = ["verify"]


def verify(folder: str | Path) -> int:
    """Reads every chunk and compares it with the checksum in galaxies.json.

    Returns:
        Number of chunks; 0 for a set in one file, which has no checksums.

    Raises:
        InputError: chunks that are missing or not what was written, by their names.
    """
    folder = Path(folder)
    try:
        chunks = json.loads((folder / "galaxies.json").read_text()).get("chunks", [])
        damaged = [chunk["file"] for chunk in chunks if _sha256(folder / chunk["file"]) != chunk["sha256"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}/galaxies.json cannot be read as a galaxy set's: {error!r}. Ingest the galaxies anew.") from error
    if damaged:
        raise InputError(
            f"{folder}: {len(damaged)} of {len(chunks)} chunks are damaged or missing, {', '.join(damaged[:5])}"
            f"{', …' * (len(damaged) > 5)}. Ingest the galaxies anew, with --restart into the same folder."
        )
    return len(chunks)


def _sha256(path: Path) -> str:
    """Of the file, empty where it is missing or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
