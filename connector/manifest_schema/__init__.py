"""Check manifest files strictly."""

from connector.manifest_schema.reading import load_manifest, parse_manifest

__all__ = ["load_manifest", "parse_manifest"]
