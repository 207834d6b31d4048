"""Code to copy that uses a project: the npm SDK in a page, the Python client on a server."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from connector.manifest import Action, Manifest

#: Every address that the npm SDK would otherwise take from its makers' cloud.
ENVIRONMENT_KEYS = (
    "ZEUS_PUBLIC_URL",
    "HERMES_PUBLIC_URL",
    "WORKER_PROXY_PUBLIC_URL",
    "CONNECT_PUBLIC_URL",
    "PASSPORT_PUBLIC_URL",
    "PASSPORT_PRODUCTION_URL",
    "DASHBOARD_PUBLIC_URL",
    "CDN_PUBLIC_URL",
    "API_TRIGGER_KIT_PUBLIC_URL",
)
_JAVASCRIPT = """\
import ConnectSDK from "@useparagon/connect/ConnectSDK";

const heapline = {url};
const paragon = new ConnectSDK({{
{environments}
}});

// userToken comes from your server, which signs it with your private key.
await paragon.authenticate({project}, userToken);

// Opens the connect portal; call it from a click.
paragon.connect({connector}, {{}});

// Once an account is connected:
await paragon.request({connector}, {path}, {{
  method: {method},{body}
}});
"""
_PYTHON = """\
from pathlib import Path

from connector.client import Heapline

heapline = Heapline(
    {url},
    {project},
    private_key=Path("private.pem").read_text(),
)

# For the page of a user who is signed in to your product:
user_token = heapline.sign("alice")

# For a request from your server, once alice has connected an account:
answer = heapline.request(
    {connector},
    {path},
    user="alice",
    method={method},{body}
)
print(answer.status, answer.text)
"""


def javascript(public_url: str, project_id: str, manifest: Manifest) -> str:
    """Return how a page uses the npm SDK against this server."""
    action = _example_action(manifest)
    body = json.dumps(_example_body(action), indent=2, ensure_ascii=False)
    return _JAVASCRIPT.format(
        url=_quoted(public_url),
        environments="\n".join(f"  {key}: heapline," for key in ENVIRONMENT_KEYS),
        project=_quoted(project_id),
        connector=_quoted(manifest.name),
        path=_quoted(action.path),
        method=_quoted(action.method),
        body="" if body == "{}" else f"\n  body: {textwrap.indent(body, '  ').strip()},",
    )


def python(public_url: str, project_id: str, manifest: Manifest) -> str:
    """Return how a server uses the Python client against this server."""
    action = _example_action(manifest)
    lines = [
        f"        {_quoted(name)}: {_literal(value)},"
        for name, value in _example_body(action).items()
    ]
    body = "\n".join(["\n    json={", *lines, "    },"]) if lines else ""
    return _PYTHON.format(
        url=_quoted(public_url),
        project=_quoted(project_id),
        connector=_quoted(manifest.name),
        path=_quoted(action.path),
        method=_quoted(action.method),
        body=body,
    )


def _example_action(manifest: Manifest) -> Action:
    """Return an action to show: one that a body of examples can be made for, if there is one."""
    actions = list(manifest.actions.values())
    return next((action for action in actions if _example_body(action)), actions[0])


def _example_body(action: Action) -> dict[str, Any]:
    """Return examples of what the input must hold, but for what is filled in on the way."""
    schema = action.input
    choices = schema.get("oneOf") or [{}]
    names = [*schema.get("required", ()), *choices[0].get("required", ())]
    filled_in = {pointer.removeprefix("/") for pointer in action.account_fields}
    found = {name: schema.get("properties", {}).get(name, {}).get("examples") for name in names}
    return {
        name: examples[0] for name, examples in found.items() if examples and name not in filled_in
    }


def _quoted(text: str) -> str:
    return json.dumps(text)


def _literal(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else repr(value)
