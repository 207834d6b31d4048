"""A client for servers of the host product: call as a user, manage connections, run workflows.

    HeaplineClientError
    ├── HeaplineApiError        Heapline answered with an error; ``code`` says which
    ├── HeaplineUnreachable     Heapline could not be reached, or its answer broke off
    ├── RunNotEnded             a run took longer than somebody would wait for it
    └── ProviderError           the provider's answer was an error (``raise_for_status``)

It needs ``requests`` and this package's token module alone: no database, no web framework.
"""

from connector.client.answers import (
    Connection,
    HeaplineApiError,
    HeaplineClientError,
    HeaplineUnreachable,
    ProviderError,
    Response,
)
from connector.client.heapline import Heapline
from connector.client.runs import Attempt, Run, RunNotEnded, WholeRun, Workflow

__all__ = [
    "Attempt",
    "Connection",
    "Heapline",
    "HeaplineApiError",
    "HeaplineClientError",
    "HeaplineUnreachable",
    "ProviderError",
    "Response",
    "Run",
    "RunNotEnded",
    "WholeRun",
    "Workflow",
]
