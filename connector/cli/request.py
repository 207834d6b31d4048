"""Send a request through the proxy, as a connected user."""

from __future__ import annotations

import io
import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.grammar import Command
from connector.cli.opening import find_project, opened, project_option
from connector.errors import FieldInvalid, InputError, NotConnected

_TRACK_EXAMPLE = (
    "heapline request {connector} /track --user alice"
    """ -d '{"event": "Signed up", "identity": "alice@example.com"}'"""
)

if TYPE_CHECKING:
    from connector.proxy.call import ProxyRequest, ProxyResponse
    from connector.runtime import Runtime
    from connector.tokens import UserClaims


@click.command(
    cls=Command,
    examples=[
        _TRACK_EXAMPLE,
        "heapline request {connector} /track --user alice -d @event.json -i",
        "heapline request {connector} /reports -X GET --user alice -H 'Accept: text/csv' > out.csv",
    ],
)
@click.argument("connector")
@click.argument("path")
@project_option
@click.option("--user", required=True, help="Your product's id of the user.")
@click.option("--connection", metavar="ID", help="Which of the user's connections.")
@click.option("-X", "--method", help="GET, or POST when there is a body.")
@click.option("-d", "--data", help="Body: text as it is, or @FILE, or @- for standard input.")
@click.option("-H", "--header", "headers", multiple=True, help="Header 'Name: value'. Repeatable.")
@click.option("-i", "--include", is_flag=True, help="Print status and headers before the body.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds for all attempts.")
@click.option("--fail", is_flag=True, help="End with status 1 when the answer is 400 or above.")
def request(
    connector: str,
    path: str,
    project: str | None,
    user: str,
    connection: str | None,
    method: str | None,
    data: str | None,
    headers: tuple[str, ...],
    include: bool,
    timeout: float,
    fail: bool,
) -> None:
    """Send a request as a connected user.

    It goes to PATH of CONNECTOR with the user's account, and takes the way that the SDK's requests
    take, without the server: credentials, rate limits, retries and the request log are the same.
    """
    body = _body(data)
    pairs = _headers(headers)
    if body is not None and _is_json(body) and not _has(pairs, "content-type"):
        pairs.append(("Content-Type", "application/json"))
    with opened() as runtime:
        claims = _claims(runtime, find_project(runtime, project).id, user)
        wish = _wish(connector, method, path, pairs, body, connection, timeout)
        answer = _forward(runtime, claims, wish)
        try:
            _show(answer, include=include)
        finally:
            answer.close()
    if fail and answer.status >= 400:
        raise click.exceptions.Exit(1)


def _wish(
    connector: str,
    method: str | None,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    connection: str | None,
    seconds: float,
) -> ProxyRequest:
    from connector.proxy.call import ProxyRequest

    target, _, query = path.partition("?")
    return ProxyRequest(
        request_id=uuid.uuid4().hex,
        connector=connector,
        method=(method or ("GET" if body is None else "POST")).upper(),
        target=target.removeprefix("/"),
        query=query,
        headers=headers,
        body=None if body is None else io.BytesIO(body),
        body_length=None if body is None else len(body),
        selector=connection,
        seconds=seconds,
    )


def _forward(runtime: Runtime, claims: UserClaims, wish: ProxyRequest) -> ProxyResponse:
    try:
        return runtime.proxy.forward(claims, wish)
    except NotConnected as error:
        raise NotConnected(
            f"{claims.user_id!r} has no connected account on {wish.connector}. Make a link to "
            f"connect one: heapline connections link --user {claims.user_id}"
        ) from error


def _claims(runtime: Runtime, project_id: str, user: str) -> UserClaims:
    """Speak for a user. Who can open the database and its secrets needs no token for that."""
    import time

    from connector.store import keys as store
    from connector.tokens import UserClaims

    with runtime.database.reading() as tx:
        active = store.signing_keys_of(tx, project_id, active=True)
    if not active:
        raise InputError(
            "The project has no active signing key, so nobody can speak for its users. Make one: "
            "heapline signing-keys new --out private.pem"
        )
    return UserClaims(project_id, user, active[0].id, time.time() + 3600)


def _show(answer: ProxyResponse, *, include: bool) -> None:
    from http import HTTPStatus

    words = {status.value: status.phrase for status in HTTPStatus}.get(answer.status, "")
    status = f"{answer.status} {words}".strip()
    if include:
        click.echo("\n".join([status, *(f"{name}: {value}" for name, value in answer.headers)]))
        click.echo()
    else:
        click.echo(status, err=True)
    out = sys.stdout.buffer
    for chunk in answer.chunks:
        out.write(chunk)
    out.flush()


def _body(data: str | None) -> bytes | None:
    if data is None:
        return None
    if not data.startswith("@"):
        return data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise InputError(f"The body {data[1:]} cannot be read: {error.strerror}.") from error


def _headers(texts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise FieldInvalid(f"The header {text!r} must be written as 'Name: value'.")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _has(headers: list[tuple[str, str]], wanted: str) -> bool:
    return any(name.lower() == wanted for name, _ in headers)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
