"""A process whose threads all ask for one connection's credential at the same moment.

Started by the tests as ``python -m tests.refresher``, with its task as JSON in the environment. It
prints ``ready``, waits for a line, and prints one JSON line for each thread.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from connector.auth import TokenClient
from connector.config import load
from connector.credentials import Credentials
from connector.errors import HeaplineError
from connector.logs import configure
from connector.runtime import Runtime, build

TASK = "REFRESHER_TASK"


def main() -> None:
    """Do what the environment says."""
    task = json.loads(os.environ[TASK])
    configure("INFO")  # to standard error, away from the results
    runtime = build(load(os.environ), upgrade=False)
    credentials = Credentials(
        runtime.database,
        runtime.sealer,
        TokenClient(runtime.outbound),
        runtime.apps,
        lease_seconds=task["lease_seconds"],
    )
    threads = task["threads"]
    with ThreadPoolExecutor(threads) as pool:
        start = threading.Barrier(threads + 1)
        asked = [pool.submit(_ask, runtime, credentials, task, start) for _ in range(threads)]
        print("ready", flush=True)
        sys.stdin.readline()
        start.wait(30)
        for one in asked:
            print(json.dumps(one.result()), flush=True)
    runtime.close()


def _ask(
    runtime: Runtime, credentials: Credentials, task: dict[str, Any], start: threading.Barrier
) -> dict[str, Any]:
    connection = runtime.connections.get(task["project_id"], task["connection_id"])
    row = credentials.current(connection)
    start.wait(30)
    began = time.time()
    try:
        usable = credentials.usable(connection, row, deadline=began + task["seconds"])
    except HeaplineError as error:
        return {"error": error.code, "seconds": time.time() - began}
    token = usable.injection[2] if usable.injection else None
    return {"version": usable.version, "token": token, "seconds": time.time() - began}


if __name__ == "__main__":
    main()
