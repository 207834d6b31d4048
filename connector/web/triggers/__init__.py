"""What starts workflows over HTTP: requests and events of connected users, webhooks of others."""

from connector.web.triggers import hooks, user_calls
from connector.web.triggers.blueprint import blueprint

#: The modules whose routes belong to the blueprint once they are imported.
ROUTES = (hooks, user_calls)

__all__ = ["ROUTES", "blueprint"]
