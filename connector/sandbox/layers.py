"""The WSGI layers around the sandbox's pages: the request log outside, faults inside."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from connector.sandbox.faults import Fault
from connector.sandbox.http_server import CutConnectionError
from connector.sandbox.request_log import SeenRequest
from connector.sandbox.retry_after import retry_after_text
from connector.sandbox.state import Sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OWN_PREFIX = "/sandbox"
_GARBAGE = b"\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n"


def is_ours(path: str) -> bool:
    """Tell whether a path belongs to the sandbox itself rather than to the imitated Heap."""
    return path in ("/", OWN_PREFIX) or path.startswith(OWN_PREFIX + "/")


class RequestLogLayer:
    """Write each request to the imitated Heap into the log before its answer leaves."""

    def __init__(self, application: "WSGIApplication", sandbox: Sandbox) -> None:
        """Wrap an application."""
        self._application = application
        self._sandbox = sandbox

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        if is_ours(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        statuses: list[int] = []

        def note_status(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            statuses.append(int(status[:3]))
            return start_response(status, headers, error)

        try:
            return self._application(environ, note_status)
        finally:
            self._sandbox.requests.add(_seen(environ, statuses[0] if statuses else None))


def _seen(environ: "WSGIEnvironment", status: int | None) -> SeenRequest:
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return SeenRequest(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        query=environ["QUERY_STRING"],
        headers=headers,
        body=environ["sandbox.body"],
        status=status,
        fault=environ.get("sandbox.fault"),
    )


class FaultLayer:
    """Let waiting faults happen to the requests they wait for."""

    def __init__(self, application: "WSGIApplication", sandbox: Sandbox) -> None:
        """Wrap an application."""
        self._application = application
        self._sandbox = sandbox

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request, or fail in the way that was asked for."""
        if is_ours(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        fault = self._sandbox.faults.take(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault is None:
            return self._application(environ, start_response)
        environ["sandbox.fault"] = fault.kind
        self._sandbox.sleep(fault.seconds)
        if fault.kind == "status":
            return self._status(fault, start_response)
        if fault.kind == "drop_mid_body":
            return self._half(environ, start_response)
        if fault.kind in ("drop", "garbage"):
            self._cut(fault, environ)
        return self._application(environ, start_response)

    def _status(self, fault: Fault, start_response: "StartResponse") -> Iterable[bytes]:
        body = fault.body.encode()
        is_json = fault.body.lstrip().startswith(("{", "["))
        headers = [
            ("Content-Type", "application/json" if is_json else "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ]
        if isinstance(fault.retry_after, str):
            headers.append(("Retry-After", fault.retry_after))
        elif fault.retry_after is not None:
            text = retry_after_text(fault.retry_after, self._sandbox.settings.retry_after)
            headers += [("Retry-After", text)] if text else []
        start_response(f"{fault.status} Fault", headers)
        return [body]

    def _half(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = b"".join(self._application(environ, start_response))
        return _cut_off(body[: len(body) // 2])

    def _cut(self, fault: Fault, environ: "WSGIEnvironment") -> None:
        if fault.processed:
            b"".join(self._application(environ, lambda *_: lambda _: None))
        raise CutConnectionError(_GARBAGE if fault.kind == "garbage" else b"")


def _cut_off(part: bytes) -> Iterator[bytes]:
    yield part
    raise CutConnectionError
