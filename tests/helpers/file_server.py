"""A web server over a folder, as a process of its own, with or without parts of files."""

import argparse
import http.server
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ANNOUNCED = re.compile(r"port (\d+)")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Gives parts of files where it was told to; fails every so many requests, or after so many."""

    ranges = True
    fail_every = 0
    fail_after = 0
    asked = 0

    def do_GET(self) -> None:
        Handler.asked += 1
        often = self.fail_every and Handler.asked % self.fail_every == 0
        if often or (self.fail_after and Handler.asked > self.fail_after):
            self.close_connection = True
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not (self.ranges and wanted and path.is_file()):
            super().do_GET()
            return
        first, last = int(wanted[1]), int(wanted[2])
        whole = path.stat().st_size
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(last - first + 1)
        self.send_response(206)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{whole}")
        self.end_headers()
        self.wfile.write(data)

    def copyfile(self, source: object, outputfile: object) -> None:
        # Who asked for a part may hang up on the whole.
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)  # type: ignore[misc]

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """The address of a folder, while it is served."""
    command = [sys.executable, __file__, str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = ANNOUNCED.search(process.stdout.readline())
            assert port
            address = f"http://127.0.0.1:{port[1]}"
            for _ in range(100):
                try:
                    urllib.request.urlopen(address).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield address
        finally:
            process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--fail-after", type=int, default=0)
    arguments = parser.parse_args()
    Handler.ranges, Handler.fail_every = not arguments.whole, arguments.fail_every
    Handler.fail_after = arguments.fail_after

    class Server(http.server.ThreadingHTTPServer):
        def finish_request(self, request: object, client_address: object) -> None:
            Handler(request, client_address, self, directory=arguments.folder)  # type: ignore[arg-type]

    with Server(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"port {server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
