"""HTTP: the only place that knows statuses, forms and templates. One blueprint a module."""
