"""A project's workflows: pushed as drafts, deployed, compared, switched on by users."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from workflow import checks
from workflow.database import Database, Transaction
from workflow.definition import Definition, build
from workflow.documents import write_yaml
from workflow.errors import DefinitionInvalid, SettingsInvalid, VersionUnknown, WorkflowUnknown
from workflow.models import new_id
from workflow.schedules import Schedule
from workflow.store import workflows as store
from workflow.store.workflows import Enablement, Version, Workflow

_SETTING_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "choice": (str,),
    "number": (int, float),
    "boolean": (bool,),
}
_LONGEST_SETTING = 10_000


class Catalogue:
    """Use cases around workflows, but for running them."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def push(self, project_id: str, text: str, *, expected: str | None = None) -> Version:
        """Store a definition, JSON or YAML, as the draft of the workflow that it names.

        A definition that is a version already makes none. ``expected`` is the name that it must
        have.

        Raises
        ------
        DefinitionInvalid
            If it has faults.

        """
        definition = checks.load(text)
        if expected is not None and definition.name != expected:
            raise DefinitionInvalid(
                f"/name is {definition.name!r}; it must be {expected!r}.",
                faults=[{"pointer": "/name", "problem": f"must be {expected!r}"}],
            )
        now = self._clock()
        with self._database.transaction() as tx:
            workflow = store.find(tx, project_id, definition.name) or self._create(
                tx, project_id, definition.name, now
            )
            # First, as it locks the workflow: who pushes too waits for the next number.
            store.set_draft(tx, workflow.id, definition.hash, now)
            return store.add_version(
                tx, workflow.id, definition.hash, dict(definition.document), text, now
            )

    def pull(self, project_id: str, name: str, version: str | None = None) -> str:
        """Return a version's text: as it was pushed, else as YAML; by default the draft's."""
        found = self.version(project_id, name, version)
        return found.source if found.source is not None else write_yaml(dict(found.document))

    def deploy(self, project_id: str, name: str, *, version: str | None = None, by: str) -> Version:
        """Put a version into service, by default the draft; an earlier one rolls back.

        Raises
        ------
        WorkflowUnknown, VersionUnknown
            If there is none.

        """
        found = self.version(project_id, name, version)
        definition = build(found.document)
        now = self._clock()
        with self._database.transaction() as tx:
            store.deploy(tx, found.workflow_id, found.hash, by, now)
            if definition.connector is None:
                self._enable_project(tx, definition, project_id, found.workflow_id, now)
            due = next_due(definition, now)
            store.set_all_next(tx, found.workflow_id, due)
        return found

    def withdraw(self, project_id: str, name: str, *, by: str) -> None:
        """Take a workflow out of service; its runs go on."""
        with self._database.transaction() as tx:
            workflow = _found(tx, project_id, name)
            store.deploy(tx, workflow.id, None, by, self._clock())
            store.set_all_next(tx, workflow.id, None)

    def delete(self, project_id: str, name: str) -> None:
        """Delete a workflow with its versions and runs."""
        with self._database.transaction() as tx:
            store.delete_workflow(tx, _found(tx, project_id, name).id)

    def workflow(self, project_id: str, name: str) -> Workflow:
        """Return a workflow by its name or id; raises WorkflowUnknown."""
        with self._database.reading() as tx:
            return _found(tx, project_id, name)

    def workflows(self, project_id: str) -> list[Workflow]:
        """Return a project's workflows by name."""
        with self._database.reading() as tx:
            return store.of_project(tx, project_id)

    def versions(self, project_id: str, name: str) -> list[Version]:
        """Return a workflow's versions, newest first."""
        with self._database.reading() as tx:
            return store.versions(tx, _found(tx, project_id, name).id)

    def deployments(self, project_id: str, name: str) -> list[dict[str, Any]]:
        """Return what was deployed when and by whom, newest first."""
        with self._database.reading() as tx:
            return store.deployment_log(tx, _found(tx, project_id, name).id)

    def version(self, project_id: str, name: str, version: str | None = None) -> Version:
        """Return a version by ``draft``, ``deployed``, its number, or how its hash begins.

        Raises
        ------
        WorkflowUnknown, VersionUnknown
            If there is none.

        """
        with self._database.reading() as tx:
            workflow = _found(tx, project_id, name)
            named = {"draft": workflow.draft, None: workflow.draft, "deployed": workflow.deployed}
            if version in named:
                wanted = named[version]
                found = store.version(tx, workflow.id, wanted) if wanted else None
            else:
                found = _matching(store.versions(tx, workflow.id), str(version))
        if found is None:
            raise VersionUnknown(
                f"The workflow {name} has no version {version or 'draft'}.", version=version
            )
        return found

    def definition(self, project_id: str, name: str, version: str | None = None) -> Definition:
        """Return a version's definition; raises as :meth:`version` does."""
        return build(self.version(project_id, name, version).document)

    def enable(
        self,
        project_id: str,
        name: str,
        user: str,
        *,
        enabled: bool,
        settings: Mapping[str, Any] | None = None,
    ) -> Enablement:
        """Switch a workflow on or off for a user, and keep their settings.

        Raises
        ------
        WorkflowUnknown, VersionUnknown
            If there is none, or none in service.
        SettingsInvalid
            If a setting is unknown, of another type, or required and not there.

        """
        definition = self.definition(project_id, name, "deployed")
        now = self._clock()
        with self._database.transaction() as tx:
            workflow = _found(tx, project_id, name)
            before = store.enablement(tx, workflow.id, user)
            chosen = _chosen(definition, before, settings, enabled=enabled)
            due = next_due(definition, now) if enabled else None
            if before and before.enabled and enabled:
                due = before.next_at
            enablement = Enablement(
                workflow_id=workflow.id,
                user=user,
                project_id=project_id,
                enabled=enabled,
                settings=chosen,
                next_at=due,
                updated_at=now,
            )
            store.enable(tx, enablement)
        return enablement

    def enablements(self, project_id: str, user: str) -> dict[str, Enablement]:
        """Return a user's switches and settings by workflow id."""
        with self._database.reading() as tx:
            return {one.workflow_id: one for one in store.of_user(tx, project_id, user)}

    def _create(self, tx: Transaction, project_id: str, name: str, now: float) -> Workflow:
        workflow = Workflow(
            id=new_id(now),
            project_id=project_id,
            name=name,
            draft=None,
            deployed=None,
            created_at=now,
            updated_at=now,
        )
        store.add(tx, workflow)
        return _found(tx, project_id, name)

    def _enable_project(
        self,
        tx: Transaction,
        definition: Definition,
        project_id: str,
        workflow_id: str,
        now: float,
    ) -> None:
        """Switch a workflow without a connector on for the project itself, unless it must be asked.

        One with a required setting is switched on by whoever fills that in.
        """
        asks = any(one.get("required") and "default" not in one for one in definition.settings)
        if not asks and store.enablement(tx, workflow_id, "") is None:
            store.enable(
                tx,
                Enablement(
                    workflow_id=workflow_id,
                    user="",
                    project_id=project_id,
                    enabled=True,
                    settings={},
                    next_at=None,
                    updated_at=now,
                ),
            )


def _chosen(
    definition: Definition,
    before: Enablement | None,
    settings: Mapping[str, Any] | None,
    *,
    enabled: bool,
) -> dict[str, Any]:
    kept = dict(before.settings) if before else {}
    if not enabled and not settings:
        return kept  # it can be switched off whatever a newer version asks for
    return check_settings(definition, {**kept, **(settings or {})}, complete=enabled)


def check_settings(
    definition: Definition, settings: Mapping[str, Any], *, complete: bool
) -> dict[str, Any]:
    """Return settings that fit a workflow, unknown ones of an older version left out.

    Raises
    ------
    SettingsInvalid
        If one is of another type, or required and not there.

    """
    faults = []
    chosen = {}
    for one in definition.settings:
        name, value = one["id"], settings.get(one["id"])
        if value is None:
            if one.get("required") and complete and "default" not in one:
                faults.append({"pointer": f"/{name}", "problem": "is required"})
            continue
        fits = isinstance(value, _SETTING_TYPES[one["type"]])
        if isinstance(value, bool) and one["type"] != "boolean":
            fits = False
        if not fits or len(json.dumps(value)) > _LONGEST_SETTING:
            faults.append({"pointer": f"/{name}", "problem": f"must be a {one['type']}"})
        elif "choices" in one and value not in one["choices"]:
            choices = ", ".join(one["choices"])
            faults.append({"pointer": f"/{name}", "problem": f"must be one of {choices}"})
        chosen[name] = value
    if faults:
        told = "; ".join(f"{fault['pointer']} {fault['problem']}" for fault in faults)
        raise SettingsInvalid(f"The settings do not fit: {told}.", faults=faults)
    return chosen


def next_due(definition: Definition, now: float) -> float | None:
    """Return when a workflow's schedule is due next; nothing if it has none."""
    if definition.trigger["type"] != "schedule":
        return None
    return Schedule.from_document(definition.trigger).next_after(now)


def _found(tx: Transaction, project_id: str, name: str) -> Workflow:
    workflow = store.find(tx, project_id, name) or store.by_id(tx, project_id, name)
    if workflow is None:
        raise WorkflowUnknown(f"The project has no workflow {name!r}.", workflow=name)
    return workflow


def _matching(versions: list[Version], wanted: str) -> Version | None:
    number = wanted.removeprefix("v")
    for version in versions:
        if number.isdigit() and version.number == int(number) and len(number) < 8:
            return version
    found = [version for version in versions if version.hash.startswith(wanted)]
    return found[0] if len(found) == 1 and len(wanted) >= 6 else None
