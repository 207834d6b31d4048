"""Raw requests to a provider as a connected user: paths, headers, bodies, retries, log."""
