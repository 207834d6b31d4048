"""Look whether a port is free before something listens on it."""

from __future__ import annotations

import socket

from connector.errors import SettingInvalid


def require_free_port(host: str, port: int, remedy: str) -> None:
    """Refuse a port that another program listens on.

    The server shares its port with further servers of ours (SO_REUSEPORT), so it would not notice
    by itself that one runs already, and the two would share the requests.

    Raises
    ------
    SettingInvalid
        If the address cannot be listened on.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise SettingInvalid(
                f"Cannot listen on {host}:{port}: {error.strerror or error}. {remedy}"
            ) from error
