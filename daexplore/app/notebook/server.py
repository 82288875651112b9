"""Panel server as a child process that ends with its parent.

The first part of its addresses is DAEXPLORE_PREFIX.
"""

import os
import signal
import sys
import threading

from panel.command import main

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """Wait until standard input is closed, as it is once the process at its other end is gone,
    however it went; then ends this one.
    """
    # Not through sys.stdin: at the end of the process a buffer that a thread still reads is a fatal
    # error, which would stand in the log in place of the reason.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.argv += ["--prefix", os.environ.pop("DAEXPLORE_PREFIX", "")]
    main()
