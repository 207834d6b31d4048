"""The SDK's routes about users, integrations, credentials, configurations and workflows."""

from connector.web.sdk import configurations, credentials, integrations, people, workflows
from connector.web.sdk.blueprint import blueprint

#: The modules whose routes belong to the blueprint once they are imported.
ROUTES = (configurations, credentials, integrations, people, workflows)

__all__ = ["ROUTES", "blueprint"]
