"""What is wrong with the installation is told to its operators, in the log, and to nobody else."""

from __future__ import annotations

import pytest
import structlog
from flask.testing import FlaskClient

from connector import logs

from ..people import HOST_ORIGIN, Host


@pytest.mark.parametrize("origin", [None, HOST_ORIGIN])
def test_a_caller_learns_nothing_of_the_database(
    client: FlaskClient, host: Host, origin: str | None
) -> None:
    file = host.runtime.settings.data_dir / "heapline.db"
    host.runtime.database.close()
    file.write_bytes(b"this is no database" * 100)
    with structlog.testing.capture_logs() as logged:
        headers = host.headers("alice") | ({"Origin": origin} if origin else {})
        answer = client.get(host.path("/me"), headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database_unusable")
    assert str(file) not in answer.text
    assert any("is not a database" in str(line) for line in logged)
    assert not [line for line in logged if line["event"] == "request_crashed"]


def test_the_request_id_of_a_refusal_finds_it_in_the_log(client: FlaskClient, host: Host) -> None:
    with structlog.testing.capture_logs(processors=[logs.name_request]) as logged:
        answer = client.get(host.path("/me"), headers={"Authorization": "Bearer nonsense"})
    request_id = answer.get_json()["meta"]["requestId"]
    (line,) = [line for line in logged if line["event"] == "request_refused"]
    assert (line["request_id"], line["error"]) == (request_id, "token_invalid")
