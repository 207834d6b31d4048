"""What the steps of workflows reach of the world outside: connectors, other APIs, secrets."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jsonschema
import structlog

from connector import __version__
from connector import errors as e
from connector.database import Database, Transaction
from connector.manifest import Action, Manifest
from connector.models import Connection, Status, User
from connector.notices import Notices
from connector.outbound import Outbound, OutboundRequest, UpstreamResponse
from connector.proxy import retrying
from connector.proxy.call import ProxyRequest
from connector.proxy.forward import Proxy
from connector.redaction import redact, redact_values
from connector.secrets import Secrets
from connector.store import usable as usable_store
from connector.store import users as user_store
from connector.tokens import on_behalf
from connector.turnstile import Waiting
from workflow.models import Reason, Run
from workflow.outside import Call, Deferred, Failure, Person, Reply, StepFailed

log = structlog.get_logger(__name__)

#: A step's answer is kept with the run; who needs more asks page by page.
LARGEST_ANSWER = 1_000_000
_JSON = ("Content-Type", "application/json")
_KINDS: tuple[tuple[type[e.HeaplineError], str], ...] = (
    (e.UpstreamTimeout, "timeout"),
    (e.UpstreamUnreachable, "network"),
    (e.UpstreamBroken, "network"),
    (e.CredentialRefreshFailed, "unavailable"),
    (e.ResponseTooLarge, "limit"),
)
_OF_STATUS = {408: "timeout", 429: "rate_limit", 503: "unavailable", 504: "timeout"}


class Steps:
    """The product as workflows see it; see ``workflow.outside``."""

    def __init__(
        self,
        database: Database,
        connectors: Mapping[str, Manifest],
        proxy: Proxy,
        outbound: Outbound,
        secrets: Secrets,
        notices: Notices,
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._proxy = proxy
        self._outbound = outbound
        self._secrets = secrets
        self._notices = notices
        #: Starts a workflow that handles the failure of another; set when the engine is built.
        self.start_handler: Callable[[Run, str, dict[str, Any]], None] | None = None

    def person(
        self, project_id: str, user: str, connector: str | None, connection: str = ""
    ) -> Person:
        """Return a user with a connection on a connector: the given one, else one that works."""
        if not user:
            return Person("", None, None)
        with self._database.reading() as tx:
            known = user_store.find(tx, project_id, user)
            found = usable_store.for_server(tx, project_id, user, connector) if connector else []
        told = _user(known) if known else {"id": user, "metadata": {}}
        connections = [one for one, _ in found]
        chosen = next((one for one in connections if one.id == connection), _first(connections))
        return Person(chosen.id if chosen else "", told, _told(chosen) if chosen else None)

    def connection_hook(
        self, tell: Callable[[Transaction, str, str, str, Person], None]
    ) -> Callable[[Transaction, Connection], None]:
        """Return what tells the engine of an account that was connected."""

        def connected(tx: Transaction, connection: Connection) -> None:
            user = user_store.find_by_id(tx, connection.project_id, connection.user_id)
            if user is not None:
                person = Person(connection.id, _user(user), _told(connection))
                tell(tx, connection.project_id, connection.connector, user.external_id, person)

        return connected

    def secrets(self, project_id: str) -> Mapping[str, str]:
        """Return a project's secrets by name."""
        return self._secrets.open_all(project_id)

    def without_secrets(self, value: Any) -> Any:
        """Return JSON data with the values of secrets masked."""
        return redact_values(value)

    def presentable(self, value: Any) -> Any:
        """Return JSON data as people may see it."""
        return redact(value)

    def run_failed(
        self,
        run: Run,
        workflow: str,
        *,
        reason: str,
        detail: Mapping[str, Any],
        policy: Mapping[str, Any],
    ) -> None:
        """Tell people of a run that failed, and start the workflow that handles it."""
        message = str(detail.get("message") or detail.get("error", {}).get("message", ""))
        told = {
            "workflow": workflow,
            "run": run.id,
            "user": run.user,
            "reason": reason,
            "step": detail.get("step"),
            "message": message,
        }
        if policy.get("notify", True):
            self._notices.send(
                run.project_id,
                f"Workflow {workflow or run.workflow_id} failed",
                f"Run {run.id} of the workflow {workflow or run.workflow_id} failed"
                + (f" at the step {detail['step']}" if detail.get("step") else "")
                + f": {message}",
                told,
            )
        if "workflow" in policy and self.start_handler is not None:
            self.start_handler(run, policy["workflow"], told)

    def send(self, call: Call) -> Reply:
        """Make a step's request; see ``workflow.outside.Outside`` for what is raised."""
        try:
            return self._other(call) if call.kind == "http" else self._connector(call)
        except e.RateLimited as error:
            raise Deferred(
                Reason.RATE_LIMIT, float(error.meta.get("retry_after", 1)), error.message
            ) from error
        except (e.NeedsReauthorisation, e.NotConnected) as error:
            raise Deferred(Reason.REAUTHORISATION, None, error.message) from error
        except e.Overloaded as error:
            raise Deferred(Reason.RATE_LIMIT, 1.0, error.message) from error
        except e.HeaplineError as error:
            kind = next((name for kind, name in _KINDS if isinstance(error, kind)), "invalid")
            raise StepFailed(
                Failure(kind=kind, code=error.code, message=error.message, detail=dict(error.meta))
            ) from error

    def _connector(self, call: Call) -> Reply:
        manifest = self._connectors.get(call.connector or "")
        if manifest is None:
            raise _invalid("connector_unknown", f"There is no connector {call.connector!r}.")
        fields = call.fields if call.kind == "request" else _of_action(manifest, call.fields)
        body, headers = _written(fields)
        answer = self._proxy.forward(
            on_behalf(call.project_id, call.user),
            ProxyRequest(
                request_id=call.idempotency_key,
                connector=manifest.name,
                method=fields["method"],
                target=str(fields["path"]).lstrip("/"),
                query=_query(fields),
                headers=headers,
                body=io.BytesIO(body) if body else None,
                body_length=len(body),
                selector=fields.get("connection") or call.connection_id or None,
                seconds=call.seconds,
                idempotency_key=call.idempotency_key,
                once=True,
            ),
        )
        try:
            content = b""
            for chunk in answer.chunks:
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise e.ResponseTooLarge(most_bytes=LARGEST_ANSWER)
        finally:
            answer.close()
        retry_after = manifest.retry.retry_after_header
        return _reply(answer.status, answer.headers, content, retry_after)

    def _other(self, call: Call) -> Reply:
        fields = call.fields
        url = _address(fields)
        body, headers = _written(fields)
        headers.append(("Accept-Encoding", "identity"))
        if not any(name.lower() == "user-agent" for name, _ in headers):
            headers.append(("User-Agent", f"heapline/{__version__}"))
        if not any(name.lower() == "idempotency-key" for name, _ in headers):
            headers.append(("Idempotency-Key", call.idempotency_key))
        with Waiting():
            answer = self._outbound.send(
                OutboundRequest(
                    method=fields["method"], url=url, headers=headers, body=body or None
                ),
                seconds=call.seconds,
            )
            content = _held(answer, call.seconds)
        return _reply(answer.status, answer.headers, content, "Retry-After")


def _first(connections: list[Connection]) -> Connection | None:
    for status in (Status.CONNECTED, Status.NEEDS_REAUTHORISATION):
        for connection in connections:
            if connection.status is status:
                return connection
    return None


def _user(user: User) -> dict[str, Any]:
    return {"id": user.external_id, "metadata": dict(user.meta)}


def _told(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "external_id": connection.external_id,
        "connector": connection.connector,
        "region": connection.region,
        "account": dict(connection.account),
    }


def _of_action(manifest: Manifest, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request of a named action, its input checked."""
    action = manifest.actions.get(str(fields["action"]))
    if action is None:
        raise _invalid(
            "action_unknown",
            f"{manifest.title} has no action {fields['action']!r}. There are: "
            + ", ".join(manifest.actions),
        )
    given = dict(fields["input"])
    schema_check = jsonschema.Draft202012Validator(dict(action.input)).iter_errors(given)
    fault = next(schema_check, None)
    if fault is not None:
        pointer = "".join(f"/{part}" for part in fault.absolute_path)
        raise _invalid("input_invalid", f"At /input{pointer}: {fault.message}")
    path = _filled(action, given)
    request: dict[str, Any] = {"method": action.method, "path": path}
    if "connection" in fields:
        request["connection"] = fields["connection"]
    if action.method in {"GET", "HEAD", "DELETE"}:
        request["query"] = given
    else:
        request["body"] = given
    return request


def _filled(action: Action, given: dict[str, Any]) -> str:
    """Return an action's path with its parameters, which are taken out of the input."""
    parts = []
    for part in action.path.split("/"):
        if part.startswith("{") and part.endswith("}"):
            name = part[1:-1]
            if name not in given:
                raise _invalid("input_invalid", f"At /input: {name!r} is required.")
            parts.append(quote(str(given.pop(name)), safe=""))
        else:
            parts.append(part)
    return "/".join(parts)


def _written(fields: Mapping[str, Any]) -> tuple[bytes, list[tuple[str, str]]]:
    """Return body and headers: JSON, unless it is a text with a type of its own."""
    headers = [
        (str(name), value if isinstance(value, str) else json.dumps(value))
        for name, value in dict(fields.get("headers") or {}).items()
        if value is not None
    ]
    body = fields.get("body")
    if body is None:
        return b"", headers
    has_type = any(name.lower() == "content-type" for name, _ in headers)
    if isinstance(body, str):
        return body.encode(), headers if has_type else [*headers, ("Content-Type", "text/plain")]
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), headers if has_type else [*headers, _JSON]


def _query(fields: Mapping[str, Any]) -> str:
    pairs = [
        (name, value if isinstance(value, str) else json.dumps(value))
        for name, value in dict(fields.get("query") or {}).items()
        if value is not None
    ]
    return urlencode(pairs, quote_via=quote)


def _address(fields: Mapping[str, Any]) -> str:
    url = str(fields["url"])
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _invalid("url_invalid", "The url is no address.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _invalid("url_invalid", "The url must begin with https:// or http://.")
    if parts.username or parts.password:
        raise _invalid(
            "url_invalid", "The url holds a user name. Put it into an Authorization header."
        )
    url, query = url.partition("#")[0], _query(fields)
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _held(answer: UpstreamResponse, seconds: float) -> bytes:
    answer.expect_end(seconds)
    content = b""
    try:
        for chunk in answer.chunks():
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise e.ResponseTooLarge(most_bytes=LARGEST_ANSWER)
    finally:
        answer.close()
    return content


def _reply(status: int, headers: list[tuple[str, str]], content: bytes, retry_after: str) -> Reply:
    told = {name.lower(): value for name, value in headers}
    body = _read(content, told.get("content-type", ""))
    if status >= 400:
        wait = told.get(retry_after.lower())
        raise StepFailed(
            Failure(
                kind=_OF_STATUS.get(status, "server_error" if status >= 500 else "client_error"),
                code=f"http_{status}",
                message=f"The answer was {status}{_beginning(body)}",
                status=status,
                retry_after=retrying.parse_retry_after(wait) if wait else None,
                body=body,
            )
        )
    return Reply(status, {name: told[name] for name in told if name in _KEPT_HEADERS}, body)


#: Of an answer's headers, what later steps may need; the rest is noise in every run's record.
_KEPT_HEADERS = frozenset(
    {"content-type", "location", "link", "etag", "last-modified", "retry-after", "x-request-id"}
)


def _read(content: bytes, media_type: str) -> Any:
    if not content:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    if "json" in media_type or text.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _beginning(body: Any) -> str:
    if body is None:
        return "."
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f": {text[:300]}"


def _invalid(code: str, message: str) -> StepFailed:
    return StepFailed(Failure(kind="invalid", code=code, message=message))
