"""Our own API is what its OpenAPI description says, whatever schemathesis thinks of sending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.access import SCOPES

from ..key_holder import PREFIX
from ..people import GLOBEX, HOST_ORIGIN, Host
from ..serving import serving

#: Values that make some of the requests succeed where made-up ones could only be refused.
_CONFIG = """
[generation]
mode = "all"
max-examples = 30
deterministic = true

[cache]
enabled = false

[auth.openapi.apiKey]
bearer = "{key}"

[dictionaries]
connectors = {{ values = ["heap"] }}
auth_modes = {{ values = ["app_keys", "app_id"] }}
users = {{ values = ["alice", "bob", "a/b c"] }}
addresses = {{ values = ["{origin}/settings"] }}
connections = {{ values = ["{connection}"] }}
signing_keys = {{ values = ["{signing_key}"] }}
regions = {{ values = ["us", "eu"] }}
secrets = {{ values = ["crm_token", "a1"] }}
workflows = {{ values = ["hello", "welcome"] }}
doomed = {{ values = ["doomed-0", "doomed-1", "doomed-2", "doomed-3"] }}
versions = {{ values = ["draft", "deployed", "1"] }}
runs = {{ values = ["{runs[0]}", "{runs[1]}", "{runs[2]}"] }}
events = {{ values = ["signed_up"] }}
steps = {{ values = ["a"] }}

[parameters]
"path.name" = {{ dictionary = "connectors", probability = 0.7 }}
"path.connector" = {{ dictionary = "connectors", probability = 0.7 }}
"path.external_id" = {{ dictionary = "users", probability = 0.7 }}
"path.connection_id" = {{ dictionary = "connections", probability = 0.7 }}
"path.secret_name" = {{ dictionary = "secrets", probability = 0.7 }}
"path.signing_key_id" = {{ dictionary = "signing_keys", probability = 0.7 }}
"path.workflow_name" = {{ dictionary = "workflows", probability = 0.7 }}
"path.version" = {{ dictionary = "versions", probability = 0.7 }}
"path.step_id" = {{ dictionary = "steps", probability = 0.7 }}
"path.run_id" = {{ dictionary = "runs", probability = 0.7 }}
"query.workflow" = {{ dictionary = "workflows", probability = 0.7 }}
"body.version" = {{ dictionary = "versions", probability = 0.7 }}
"body.event" = {{ dictionary = "events", probability = 0.7 }}
"body.connector" = {{ dictionary = "connectors", probability = 0.7 }}
"body.auth_mode" = {{ dictionary = "auth_modes", probability = 0.7 }}
"body.user" = {{ dictionary = "users", probability = 0.7 }}
"body.return_url" = {{ dictionary = "addresses", probability = 0.7 }}
"body.connection_id" = {{ dictionary = "connections", probability = 0.7 }}
"body.region" = {{ dictionary = "regions", probability = 0.7 }}

# A cursor is one that the list gave, names are of what is loaded or allowed, and some fields go
# together: more than a schema says, so that what fits it may be refused all the same.
[[operations]]
include-name = [
    "GET /api/v1/users",
    "GET /api/v1/connections",
    "GET /api/v1/requests",
    "POST /api/v1/connections",
    "POST /api/v1/connect-links",
    "PUT /api/v1/integrations/{{connector}}/credentials",
    "POST /api/v1/signing-keys",
    "PUT /api/v1/secrets/{{secret_name}}",
    "PUT /api/v1/notices",
    "POST /api/v1/workflows",
    "POST /api/v1/workflows/validate",
    "GET /api/v1/workflows/{{workflow_name}}/address",
    "GET /api/v1/workflows/{{workflow_name}}/versions",
    "PUT /api/v1/workflows/{{workflow_name}}/settings",
    "PUT /api/v1/workflows/{{workflow_name}}/users/{{external_id}}",
    "POST /api/v1/workflows/{{workflow_name}}/runs",
    "POST /api/v1/workflows/{{workflow_name}}/trials",
    "POST /api/v1/workflows/{{workflow_name}}/steps/{{step_id}}/trials",
    "POST /api/v1/events",
    "GET /api/v1/runs",
    "POST /api/v1/runs/bulk",
    "GET /api/v1/runs/{{run_id}}/attempts",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]

# What it deletes is not what the others are about.
[[operations]]
include-name = "DELETE /api/v1/workflows/{{workflow_name}}"
parameters = {{ "path.workflow_name" = {{ dictionary = "doomed", probability = 0.7 }} }}

# It would send to the addresses that were made up for the settings.
[[operations]]
include-path = "/api/v1/notices/test"
enabled = false

# A workflow or a run of that name may be asked for there as well.
[[operations]]
include-path = ["/api/v1/workflows/validate", "/api/v1/runs/bulk"]
phases.coverage.unexpected-methods = ["put", "patch", "trace"]

# Disconnecting ends a connection and leaves it listed, with its status.
[[operations]]
include-path = "/api/v1/connections/{{connection_id}}"
checks.use_after_free.enabled = false
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_schemathesis_finds_no_fault(app: Flask, host: Host, tmp_path: Path) -> None:
    connection = host.connect("alice")
    host.connect("bob", GLOBEX)
    key = host.runtime.access.new_api_key(host.project.id, "tests", tuple(SCOPES))[1]
    runs = _workflows(host)
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        _CONFIG.format(
            key=key,
            connection=connection.id,
            signing_key=host.signing_key_id,
            origin=HOST_ORIGIN,
            runs=runs,
        )
    )
    with serving(app) as url:
        found = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", config),
                *("run", f"{url}{PREFIX}/openapi.json", "--url", url),
                *("--phases", "examples,coverage,fuzzing,stateful", "--checks", "all"),
                *("--continue-on-failure", "--no-color", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Tested: 49" in found.stdout


def _workflows(host: Host) -> list[str]:
    """Make workflows of each kind of owner, and runs that wait for a worker."""
    engine, project = host.runtime.engine, host.project.id
    steps = [{"id": "a", "type": "set", "values": {"b": 1}}]
    hello = {"name": "hello", "trigger": {"type": "manual"}, "steps": steps}
    waiting = {"type": "event", "event": "signed_up"}
    welcome = {"name": "welcome", "connector": "heap", "trigger": waiting, "steps": steps}
    for one in (hello, welcome, *({**hello, "name": f"doomed-{n}"} for n in range(4))):
        version = engine.catalogue.push(project, json.dumps(one))
        engine.catalogue.deploy(project, version.workflow_id, by="tests")
    engine.catalogue.enable(project, "welcome", "alice", enabled=True)
    return [engine.starter.start(project, "hello", {}).id for _ in range(3)]


def test_the_description_is_open_to_all_and_names_this_server(
    client: FlaskClient, host: Host
) -> None:
    document = client.get(f"{PREFIX}/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": host.runtime.settings.public_url}]
    assert all(
        scope in document["components"]["securitySchemes"]["apiKey"]["description"]
        for scope in SCOPES
    )


def test_every_operation_names_its_scope_and_describes_its_errors_in_one_form(
    client: FlaskClient,
) -> None:
    document = client.get(f"{PREFIX}/openapi.json").json
    names = []
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            names.append(operation["operationId"])
            ((scope,),) = [entry["apiKey"] for entry in operation["security"]]
            assert scope in SCOPES
            assert {"401", "403", "500", "503"} <= operation["responses"].keys()
            assert ("413" in operation["responses"]) == ("requestBody" in operation)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    described = document["components"]["responses"][answer["$ref"].split("/")[-1]]
                    schema = described["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Error"}
    assert len(names) == len(set(names)) == 50
