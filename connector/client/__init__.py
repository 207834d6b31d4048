"""A client for servers of the host product: sign user tokens, call as a user, manage connections.

    HeaplineClientError
    ├── HeaplineApiError        Heapline answered with an error; ``code`` says which
    ├── HeaplineUnreachable     Heapline could not be reached, or its answer broke off
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

__all__ = [
    "Connection",
    "Heapline",
    "HeaplineApiError",
    "HeaplineClientError",
    "HeaplineUnreachable",
    "ProviderError",
    "Response",
]
