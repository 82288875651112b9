"""What a server of the explorer refuses: foreign hosts, people without the token, unused routes.

Panel loads this as an entry point before it serves, so it holds for ``panel serve`` too. Servers of
other applications are left as they are.
"""

import hmac
import os
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.tornado import BokehTornado
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import ErrorHandler, OutputTransform

__all__ = ["TOKEN", "guard", "no_rest_provider", "refusal"]

TOKEN = "DAEXPLORE_TOKEN"
"""Environment variable with the token that everybody must bring; none is asked for if empty."""
FRAMES = "DAEXPLORE_FRAME_ANCESTORS"
"""Environment variable with the pages that may show the explorer in a frame."""

_COOKIE = "daexplore-token"
_UNUSED = re.compile(r"/(components|admin|rest|profiler|snakeviz)(/|$)")
_LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1"}
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self'"
    " 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws:"
    " wss: blob: data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self';"
    " form-action 'self'; frame-ancestors {frames}"
)


def refusal(request: HTTPServerRequest, origins: "set[str]", prefix: str = "") -> int | None:
    """The status with which a request is refused; None lets it pass.

    Args:
        request: as it came.
        origins: hosts that may open the page's WebSocket, as given to the server.
        prefix: of all its addresses.
    """
    if not _known_host(request.host, origins):
        return 403
    if _UNUSED.match(request.path.removeprefix(prefix)):
        return 404
    token = os.environ.get(TOKEN, "")
    if token and not any(
        hmac.compare_digest(token.encode(), each.encode()) for each in _brought(request)
    ):
        return 403
    return None


def _known_host(host: str, origins: "set[str]") -> bool:
    """A page elsewhere can point its own name at this machine; its browser then sends that name
    (DNS rebinding)."""
    name = (urlsplit(f"//{host}").hostname or "").lower()
    allowed = {(urlsplit(f"//{each}").hostname or each).lower() for each in origins}
    return "*" in allowed or name in _LOCAL | allowed


def _brought(request: HTTPServerRequest) -> list[str]:
    cookie = request.cookies.get(_COOKIE)
    return [*_in_address(request), *([cookie.value] if cookie else [])]


def _in_address(request: HTTPServerRequest) -> list[str]:
    return [each.decode("utf-8", "replace") for each in request.query_arguments.get("token", [])]


class _Headers(OutputTransform):
    """Headers that keep other pages out, and the token for the requests that follow."""

    def __init__(self, request: HTTPServerRequest) -> None:
        token = os.environ.get(TOKEN, "")
        self._token = token if token in _in_address(request) else ""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: ARG002
    ) -> tuple[int, HTTPHeaders, bytes]:
        """The same answer with further headers."""
        frames = os.environ.get(FRAMES, "'self'")
        headers["Content-Security-Policy"] = _POLICY.format(frames=frames)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        if frames == "'self'":
            headers["X-Frame-Options"] = "SAMEORIGIN"
        if self._token:
            cookie = f"{_COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            headers.add("Set-Cookie", cookie)
        return status_code, headers, chunk


def _serves_explorer(application: BokehTornado) -> bool:
    found = getattr(application, "_daexplore", None)
    if found is None:
        handlers = [
            handler
            for context in application._applications.values()
            for handler in context.application.handlers
        ]
        sources = [getattr(getattr(each, "_runner", None), "_source", "") for each in handlers]
        found = any("daexplore.app.page" in (source or "") for source in sources)
        application._daexplore = found
        if found:
            application.transforms.append(_Headers)
    return bool(found)


@cache
def guard() -> None:
    """Let every server of the explorer look at each request first."""
    find = BokehTornado.find_handler

    def find_handler(self: BokehTornado, request: HTTPServerRequest, **given: Any) -> Any:
        if _serves_explorer(self):
            status = refusal(request, set(self.websocket_origins), self.prefix)
            if status is not None:
                return self.get_handler_delegate(request, ErrorHandler, {"status_code": status})
        return find(self, request, **given)

    BokehTornado.find_handler = find_handler


def no_rest_provider(*_: Any, **__: Any) -> list[Any]:
    """The explorer has no REST interface; being found as a provider is how this gets loaded."""
    return []


guard()
