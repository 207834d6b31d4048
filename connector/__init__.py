"""Heapline: connect users' accounts, call the provider for them, run workflows."""

__version__ = "0.1.0"
