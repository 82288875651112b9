"""Any input made into one chunked galaxy set on disk: in parallel, resumable, in bounded memory."""

from daexplore.data.ingest.assemble import verify
from daexplore.data.ingest.ingest_set import ingest

__all__ = ["ingest", "verify"]
