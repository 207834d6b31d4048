"""The command line: `heapline`."""

from connector.cli.root import main

__all__ = ["main"]
