"""The addresses that webhooks are sent to."""

from __future__ import annotations

from flask import Response, jsonify

from connector.web.guards import raw_body, runtime
from connector.web.triggers.blueprint import blueprint
from connector.web.triggers.reading import headers, query
from connector.webhook_schemes import Delivery


@blueprint.post("/hooks/<key>")
@blueprint.post("/triggers/connect/<_project_id>/<_integration>/custom-triggers/<key>")
def receive(key: str, _project_id: str = "", _integration: str = "") -> Response:
    """Start the workflow whose address this is; answer once its run is stored.

    The longer address is the one that the SDK puts together. Its key says all of it.
    """
    receipt = runtime().webhooks.receive(key, Delivery(headers(), query(), raw_body()))
    if receipt.greeting is not None:
        return jsonify(dict(receipt.greeting))
    return jsonify({"runId": receipt.run_id})
