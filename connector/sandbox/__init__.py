"""A local imitation of Heap, for development and tests.

Paths under /sandbox/ are the sandbox's own: the live page at /sandbox/, and the API that
`connector.sandbox.admin_views` describes at /sandbox/api/. Every other path answers as Heap's
public documentation says Heap does. It imports nothing of the product, so it can check it.
"""

from connector.sandbox.command import main, sandbox_command
from connector.sandbox.server import Options, RunningSandbox, start
from connector.sandbox.settings import Settings

__all__ = ["Options", "RunningSandbox", "Settings", "main", "sandbox_command", "start"]
