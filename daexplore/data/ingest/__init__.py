"""Any input made into one chunked galaxy set on disk: in parallel, resumable, in bounded memory."""

from daexplore.data.ingest.run import ingest
from daexplore.data.ingest.verify import verify

__all__ = ["ingest", "verify"]
