"""Baseline P of the proxy benchmark: the least that a proxy written with requests would be.

Bare Flask under gunicorn gthread 2 x 16, one ``requests.Session`` a process. It forwards method,
path and body and does nothing else: no token, no look-up, no credential, no limit, no log.
"""

from __future__ import annotations

import os

import requests
from flask import Flask, Response, request

app = Flask(__name__)
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
UPSTREAM = os.environ.get("BASELINE_UPSTREAM", "")


@app.route("/<path:path>", methods=["GET", "POST"])
def forward(path: str) -> Response:
    """Forward a request."""
    answer = session.request(
        request.method,
        f"{UPSTREAM}/{path}",
        data=request.get_data(),
        headers={"Content-Type": request.headers.get("Content-Type", "application/json")},
        timeout=30,
    )
    return Response(
        answer.content, answer.status_code, content_type=answer.headers.get("Content-Type")
    )
