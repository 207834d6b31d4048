"""What a settings page sends of workflows, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector import sdk_workflows
from connector.errors import FieldInvalid
from workflow.catalogue import check_settings
from workflow.offers import Offer


@dataclass(frozen=True, slots=True)
class Change:
    """A switch and settings that differ from what the user has."""

    offer: Offer
    enabled: bool
    settings: Mapping[str, Any]


def changes(offers: Sequence[Offer], connector: str, given: Mapping[str, Any]) -> list[Change]:
    """Return what is to be changed for workflows that are in service; others are left out.

    The SDK sends the whole map whichever of it changed, also what was withdrawn since it asked.

    Raises
    ------
    FieldInvalid
        If a part of the map is not what it should be.
    SettingsInvalid
        If settings do not fit a workflow.

    """
    found = []
    for name, entry in given.items():
        offer = sdk_workflows.named(sdk_workflows.of_connector(offers, connector), name)
        if offer is None:
            continue
        change = _change(offer, entry, f"/config/workflowSettings/{name}")
        if change.enabled != offer.enabled or change.settings != offer.settings:
            check_settings(offer.definition, change.settings, complete=change.enabled)
            found.append(change)
    return found


def _change(offer: Offer, entry: Any, pointer: str) -> Change:
    settings = entry.get("settings", {}) if isinstance(entry, dict) else None
    if not isinstance(settings, dict):
        raise FieldInvalid("settings must be an object.", pointer=f"{pointer}/settings")
    enabled = entry.get("enabled", offer.enabled)
    if not isinstance(enabled, bool):
        raise FieldInvalid("enabled must be true or false.", pointer=f"{pointer}/enabled")
    return Change(offer, enabled, {**offer.settings, **settings})
