"""The console: the pages by which operators run their projects."""

from connector.web.console import (
    api_keys,
    connect_links,
    integrations,
    overview,
    problem_pages,
    projects,
    request_log,
    sdk,
    session,
    sign_in,
    users,
    words,
)
from connector.web.console.blueprint import blueprint

#: The modules whose routes, handlers and filters belong to the blueprint once they are imported.
PAGES = (
    api_keys,
    connect_links,
    integrations,
    overview,
    problem_pages,
    projects,
    request_log,
    sdk,
    sign_in,
    users,
    words,
)

__all__ = ["PAGES", "blueprint", "session"]
