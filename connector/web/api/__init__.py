"""Our own HTTP API for servers, under ``/api/v1``: API keys, JSON, described by OpenAPI."""

from connector.web.api.openapi import install

__all__ = ["install"]
