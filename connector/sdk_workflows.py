"""Workflows as the npm SDK reads them: what a user may switch on, and what they fill in.

Pure functions. To the SDK a workflow's name is its id, so that a product's code is the same for
each of its projects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workflow.offers import Offer

_INPUTS = {"text": "TEXT_NO_VARS", "number": "NUMBER", "boolean": "SWITCH"}


def of_connector(offers: Iterable[Offer], connector: str) -> list[Offer]:
    """Return the workflows that use a connector."""
    return [one for one in offers if one.definition.connector == connector]


def named(offers: Iterable[Offer], name: str) -> Offer | None:
    """Return the workflow of a name or id."""
    return next((one for one in offers if name in {one.workflow.name, one.workflow.id}), None)


def states(offers: Iterable[Offer]) -> dict[str, Any]:
    """Return which workflows are switched on, with what the user filled in."""
    return {
        one.workflow.name: {"enabled": one.enabled, "settings": dict(one.settings)}
        for one in offers
    }


def listed(
    offers: Iterable[Offer], integration: str, webhook_key: Callable[[Offer], str]
) -> list[dict[str, Any]]:
    """Return the workflows of an integration.

    ``webhook_key`` gives what stands for one with a webhook trigger in the user's own address.
    """
    found = []
    for one in offers:
        item = {
            "id": one.workflow.name,
            "description": one.definition.title,
            "integrationId": integration,
        }
        if one.definition.trigger["type"] == "webhook":
            item["customWebhookTriggerId"] = webhook_key(one)
        found.append(item)
    return found


def meta(offers: Sequence[Offer]) -> dict[str, Any]:
    """Return what a settings page says of workflows and asks for each."""
    return {
        one.workflow.name: {
            "id": one.workflow.name,
            "description": one.definition.title,
            "infoText": str(one.definition.document.get("description", "")),
            "defaultEnabled": False,
            "hidden": False,
            "order": place,
            "inputs": [_input(setting) for setting in one.definition.settings],
            "permissions": None,
        }
        for place, one in enumerate(offers)
    }


def _input(setting: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "id": setting["id"],
        "title": setting["title"],
        "type": _INPUTS.get(setting["type"], "CUSTOM_DROPDOWN"),
        "required": bool(setting.get("required", False)),
        "tooltip": setting.get("description", ""),
        "defaultValue": setting.get("default"),
    }
    if setting["type"] == "choice":
        options = [{"label": one, "value": one} for one in setting["choices"]]
        shown |= {"key": setting["id"], "keyIsDefault": False, "customDropdownOptions": options}
    return shown
