"""Receive webhooks: verified by their raw bytes, accepted once as a run, in one transaction."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog

from connector import plain_json
from connector.database import Database
from connector.errors import NotFound, WebhookRefused
from connector.redaction import is_secret_name
from connector.secrets import Secrets
from connector.webhook_keys import Addressee, WebhookKeys
from connector.webhook_schemes import DEFAULT_SECONDS, SCHEMES, Delivery, Proof, Scheme
from workflow import accepting
from workflow.catalogue import Catalogue
from workflow.definition import Definition
from workflow.errors import TriggerRefused, WorkflowError
from workflow.expressions import resolve
from workflow.starting import Starter
from workflow.store import runs as run_store
from workflow.store import workflows as workflow_store
from workflow.store.workflows import Workflow
from workflow.values import as_text

log = structlog.get_logger(__name__)

#: A secret of this name and ending is taken too, while one takes the place of the other.
PREVIOUS = "_previous"
#: A delivery without an id that is like an earlier one is taken for it so long, or twice so long.
_ALIKE_SECONDS = 600
#: A body with less in it tells nothing: the next like it is another delivery.
_SHORTEST_TELLING = 3
_FORM = "application/x-www-form-urlencoded"
#: Of a delivery's headers, what says nothing about the event.
_DROPPED = ("x-forwarded-", "x-real-ip", "proxy-", "sec-", "cf-", "accept")
_DROPPED_NAMES = frozenset({"host", "connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery whose sender has shown who they are."""

    scheme: Scheme
    delivery: Delivery
    #: Parsed: JSON, a form, else a text.
    body: Any


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a delivery came to."""

    #: Nothing: it was a check of the address, and starts nothing.
    run_id: str | None
    greeting: Mapping[str, Any] | None = None


class Webhooks:
    """Takes deliveries to the addresses of workflows with a webhook trigger."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        starter: Starter,
        secrets: Secrets,
        keys: WebhookKeys,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._starter = starter
        self._secrets = secrets
        self._keys = keys
        self._clock = clock

    def key(self, workflow_id: str, user: str = "") -> str:
        """Return what stands for a workflow, or a user of it, in the address of its webhook."""
        return self._keys.of(workflow_id, user)

    def starting_path(self, project_id: str, name: str, user: str = "") -> str:
        """Return the path of the address at which a workflow is started.

        Raises
        ------
        WorkflowUnknown
            If the project has none of that name.
        TriggerRefused
            If it is not started at an address, or only at those of users.

        """
        workflow = self._catalogue.workflow(project_id, name)
        version = "draft" if workflow.deployed is None else "deployed"
        definition = self._catalogue.definition(project_id, workflow.id, version)
        trigger = definition.trigger
        if trigger["type"] == "request" and not user:
            return f"/projects/{project_id}/sdk/triggers/{workflow.name}"
        if trigger["type"] != "webhook":
            raise TriggerRefused(
                f"The workflow {workflow.name} is started by {trigger['type']}: it has no address"
                f"{' of a user' if user else ''}."
            )
        if definition.connector is not None and not user and "user" not in trigger:
            raise TriggerRefused(
                f"The workflow {workflow.name} runs for users, and each has an address: say whose."
            )
        return f"/hooks/{self.key(workflow.id, user)}"

    def receive(self, key: str, delivery: Delivery) -> Receipt:
        """Start the workflow that a delivery is for; one that came before starts nothing new.

        Raises
        ------
        NotFound
            If no workflow in service takes deliveries at this address.
        WebhookRefused
            If the sender did not show who they are.
        TriggerRefused
            If the delivery does not fit the workflow, or whom it is for.

        """
        addressee = self._keys.read(key)
        if addressee is None:
            raise NotFound
        workflow, definition = self._workflow(addressee)
        verified = self._verified(workflow, definition, delivery)
        greeting = verified.scheme.greeting(verified.body)
        if greeting is not None:
            return Receipt(None, greeting)
        trigger = _trigger(definition, verified)
        user = _user(definition, addressee, trigger)
        keys = _dedupe_keys(definition, verified, trigger, user, self._clock())
        known = self._known(workflow, keys[1:])
        if known is not None:
            return Receipt(known)
        run = self._starter.start(
            workflow.project_id,
            workflow.name,
            trigger,
            user=user,
            kinds=("webhook",),
            key=keys[0] if keys else None,
        )
        return Receipt(run.id)

    def _workflow(self, addressee: Addressee) -> tuple[Workflow, Definition]:
        with self._database.reading() as tx:
            workflow = workflow_store.load(tx, addressee.workflow_id)
        definition = None if workflow is None else self._starter.in_service(workflow)
        if workflow is None or definition is None or definition.trigger["type"] != "webhook":
            raise NotFound
        return workflow, definition

    def _verified(self, workflow: Workflow, definition: Definition, delivery: Delivery) -> Verified:
        verify = definition.trigger["verify"]
        scheme = SCHEMES.get(verify["scheme"])
        if scheme is None:
            log.error("webhook_scheme_unknown", workflow=workflow.id)
            raise WebhookRefused
        proof = Proof(
            secrets=self._secrets_of(workflow, verify) if scheme.needs_secret else (),
            header=str(verify.get("header", scheme.header)).lower(),
            seconds=int(verify.get("seconds", DEFAULT_SECONDS)),
            now=self._clock(),
        )
        scheme.verify(delivery, proof)
        return Verified(scheme, delivery, _parsed(delivery))

    def _secrets_of(self, workflow: Workflow, verify: Mapping[str, Any]) -> tuple[str, ...]:
        name = str(verify.get("secret", ""))
        names = (name, name + PREVIOUS)
        opened = self._secrets.open_all(workflow.project_id, only=names)
        if not opened:
            log.error("webhook_secret_missing", workflow=workflow.id, secret=name)
            raise WebhookRefused
        return tuple(opened[one] for one in names if one in opened)

    def _known(self, workflow: Workflow, keys: Sequence[str]) -> str | None:
        """Return the run that was accepted under one of some keys."""
        if not keys:
            return None
        with self._database.reading() as tx:
            for key in keys:
                run_id = run_store.of_dedupe_key(tx, workflow.id, accepting.dedupe_key(key))
                if run_id is not None:
                    return run_id
        return None


def _trigger(definition: Definition, verified: Verified) -> dict[str, Any]:
    """Return what the run finds as its trigger; nothing that only serves as a proof."""
    proof = str(definition.trigger["verify"].get("header", verified.scheme.header)).lower()
    return {
        "headers": {
            name: value
            for name, value in verified.delivery.headers.items()
            if name != proof
            and not is_secret_name(name)
            and name not in _DROPPED_NAMES
            and not name.startswith(_DROPPED)
        },
        "query": dict(verified.delivery.query),
        "body": verified.body,
    }


def _user(definition: Definition, addressee: Addressee, trigger: Mapping[str, Any]) -> str:
    """Return whom a delivery is for: the address says so, else the workflow's expression."""
    if addressee.user:
        return addressee.user
    if "user" in definition.trigger:
        return _value(definition, "user", trigger, "")
    if definition.connector is not None:
        raise TriggerRefused(
            "The delivery does not say whom it is for: use the user's own address, or say in "
            "trigger.user how a delivery tells.",
            workflow=definition.name,
        )
    return ""


def _dedupe_keys(
    definition: Definition, verified: Verified, trigger: Mapping[str, Any], user: str, now: float
) -> list[str]:
    """Return what a repeated delivery has in common with the first; none if nothing tells.

    The first key is the run's own; runs of the others count as the same delivery.
    """
    if "deduplicate" in definition.trigger:
        return [f"webhook:{user}:said:{_value(definition, 'deduplicate', trigger, user)}"]
    own_id = verified.scheme.id_of(verified.delivery, verified.body)
    if own_id is not None:
        return [f"webhook:{user}:id:{own_id}"]
    delivery = verified.delivery
    if len(delivery.body.strip()) < _SHORTEST_TELLING and not delivery.query:
        return []
    content = json.dumps(dict(delivery.query), sort_keys=True).encode() + b"\0" + delivery.body
    digest, period = hashlib.sha256(content).hexdigest(), int(now / _ALIKE_SECONDS)
    return [f"webhook:{user}:alike:{one}:{digest}" for one in (period, period - 1)]


def _value(definition: Definition, field: str, trigger: Mapping[str, Any], user: str) -> str:
    """Return what one of the trigger's expressions says, as a text that is not blank."""
    try:
        value = resolve(definition.trigger[field], {"trigger": trigger, "user": {"id": user}})
    except WorkflowError as error:
        raise TriggerRefused(f"trigger.{field}: {error.message}") from error
    if value is None or value == "" or isinstance(value, dict | list):
        raise TriggerRefused(f"trigger.{field} must give a text or a number.")
    return as_text(value)


def _parsed(delivery: Delivery) -> Any:
    try:
        text = delivery.body.decode()
    except UnicodeDecodeError as error:
        raise TriggerRefused("The body is no UTF-8 text.") from error
    if not text.strip():
        return None
    if delivery.headers.get("content-type", "").startswith(_FORM):
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=1000)
        return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    try:
        return plain_json.parsed(text)
    except ValueError:
        return text
