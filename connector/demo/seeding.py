"""Put the demo's project, people, keys and sample data in place; repeating it does no harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from werkzeug.security import check_password_hash

from connector import tokens
from connector.connect_sessions import Wish
from connector.database import Transaction
from connector.demo.memory import Memory
from connector.models import Project
from connector.runtime import Runtime
from connector.store import keys as key_store
from connector.store import projects as project_store

_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The names that the demo uses and the requests that it sends."""

    project: str
    operator: str
    user: str
    connector: str
    auth_mode: str
    fields: Mapping[str, str]
    requests: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What was found while the demo was put in place."""

    #: The operator's password is still the one that was made for the demo.
    password_holds: bool
    #: Requests go to the sandbox. Samples must never go to the provider itself.
    development: bool


def read_sample() -> Sample:
    """Return the sample data that lies beside this module."""
    text = Path(__file__).with_name("sample.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return Sample(**{**data, "requests": tuple(data["requests"])})


def put_in_place(runtime: Runtime, memory: Memory, sample: Sample, origin: str) -> Seeded:
    """Make project, signing key, operator and the sample user's connection."""
    with runtime.database.transaction() as tx:
        project = _project(tx, memory, sample, origin)
        known = {key.public_pem for key in key_store.signing_keys_of(tx, project.id, active=True)}
        if memory.public_pem not in known:
            key_store.add_signing_key(tx, project.id, "Demo product", memory.public_pem)
        operator = project_store.find_operator(tx, memory.email)
        development = runtime.apps.settings(tx, project.id, sample.connector).development
    if operator is None:
        operator = runtime.access.new_operator(memory.email, memory.password)
    with runtime.database.transaction() as tx:
        project_store.add_member(tx, project.id, operator.id)
    if development:
        _connect(runtime, project, sample)
    holds = check_password_hash(operator.password_hash, memory.password)
    return Seeded(password_holds=holds, development=development)


def send(server_url: str, memory: Memory, sample: Sample) -> None:
    """Send the sample requests as the sample user, the way the product's own server would.

    Raises
    ------
    requests.RequestException
        If one is not accepted.

    """
    token = tokens.sign(memory.private_pem, memory.project_id, sample.user)
    base = f"{server_url}/projects/{memory.project_id}/sdk/proxy/{sample.connector}"
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the environment leads to this machine
        session.headers["Authorization"] = f"Bearer {token}"
        for wanted in sample.requests:
            answer = session.post(base + wanted["path"], json=wanted["body"], timeout=_SECONDS)
            answer.raise_for_status()


def _project(tx: Transaction, memory: Memory, sample: Sample, origin: str) -> Project:
    project = project_store.find(tx, memory.project_id)
    if project is None:
        return project_store.create(tx, sample.project, [origin], memory.project_id)
    if origin not in project.origins:
        project_store.rename(tx, project.id, project.name, [*project.origins, origin])
    return project


def _connect(runtime: Runtime, project: Project, sample: Sample) -> None:
    session, _ = runtime.connect_sessions.start(
        project, sample.user, Wish(connector=sample.connector)
    )
    runtime.connecting.connect_with_keys(session, sample.auth_mode, sample.fields)
