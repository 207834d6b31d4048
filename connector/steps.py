"""What the steps of workflows reach of the world outside: connectors, other APIs, secrets."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from connector import __version__
from connector import errors as e
from connector.database import Database, Transaction
from connector.manifest import Manifest
from connector.models import Connection, Status, User
from connector.notices import Notices
from connector.outbound import Outbound, OutboundRequest
from connector.proxy.call import ProxyRequest
from connector.proxy.forward import Proxy
from connector.redaction import redact, redact_values
from connector.secrets import Secrets
from connector.step_answers import held, reply
from connector.step_requests import address_of, body_of, headers_of, invalid, of_action, query_of
from connector.store import usable as usable_store
from connector.store import users as user_store
from connector.tokens import on_behalf
from connector.turnstile import Waiting
from workflow.models import Reason, Run
from workflow.outside import Call, Deferred, Failure, Person, Reply, StepFailed

log = structlog.get_logger(__name__)

_KINDS: tuple[tuple[type[e.HeaplineError], str], ...] = (
    (e.UpstreamTimeout, "timeout"),
    (e.UpstreamUnreachable, "network"),
    (e.UpstreamBroken, "network"),
    (e.CredentialRefreshFailed, "unavailable"),
    (e.ResponseTooLarge, "limit"),
)


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
            raise invalid("connector_unknown", f"There is no connector {call.connector!r}.")
        if not call.user:
            raise invalid("user_missing", "The run is for no user, so that it has no connection.")
        fields = call.fields if call.kind == "request" else of_action(manifest, call.fields)
        body, content_type = body_of(fields)
        answer = self._proxy.forward(
            on_behalf(call.project_id, call.user),
            ProxyRequest(
                request_id=call.idempotency_key,
                connector=manifest.name,
                method=fields["method"],
                target=str(fields["path"]).lstrip("/"),
                query=query_of(fields),
                headers=headers_of(fields) + content_type,
                body=io.BytesIO(body) if body else None,
                body_length=len(body),
                selector=str(fields.get("connection") or call.connection_id) or None,
                seconds=call.seconds,
                idempotency_key=call.idempotency_key,
                once=True,
            ),
        )
        try:
            content = held(answer.chunks)
        finally:
            answer.close()
        return reply(answer.status, answer.headers, content, manifest.retry.retry_after_header)

    def _other(self, call: Call) -> Reply:
        url = address_of(call.fields)
        body, content_type = body_of(call.fields)
        headers = headers_of(call.fields) + content_type
        named = {name.lower() for name, _ in headers}
        headers += [
            (name, value)
            for name, value in (
                ("Accept-Encoding", "identity"),
                ("User-Agent", f"heapline/{__version__}"),
                ("Idempotency-Key", call.idempotency_key),
            )
            if name.lower() not in named
        ]
        request = OutboundRequest(
            method=call.fields["method"], url=url, headers=headers, body=body or None
        )
        with Waiting():
            answer = self._outbound.send(request, seconds=call.seconds)
            try:
                answer.expect_end(call.seconds)
                content = held(answer.chunks())
            finally:
                answer.close()
        return reply(answer.status, answer.headers, content, "Retry-After")


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
