"""What is wrong with the installation is told to its operators, in the log, and to nobody else."""

from __future__ import annotations

import structlog
from flask.testing import FlaskClient

from ..people import Host


def test_a_caller_learns_nothing_of_the_database(client: FlaskClient, host: Host) -> None:
    file = host.runtime.settings.data_dir / "heapline.db"
    host.runtime.database.close()
    file.write_bytes(b"this is no database" * 100)
    with structlog.testing.capture_logs() as logged:
        answer = client.get(host.path("/me"), headers=host.headers("alice"))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database_unusable")
    assert str(file) not in answer.text
    assert any("is not a database" in str(line) for line in logged)
