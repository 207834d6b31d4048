"""Hold answers against an OpenAPI description (3.1, whose schemas are JSON Schema 2020-12)."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse


class Description:
    """What an API says of itself."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = {_pattern(path): item for path, item in document["paths"].items()}

    def check(self, method: str, path: str, answer: TestResponse) -> None:
        """Fail if an operation gave an answer that is not described; other paths are let be."""
        for pattern, item in self._paths.items():
            if method.lower() in item and pattern.fullmatch(path.partition("?")[0]):
                self._check(f"{method} {path}", item[method.lower()], answer)
                return

    def _check(self, name: str, operation: dict[str, Any], answer: TestResponse) -> None:
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{name}: {answer.status_code} is not described"
        content = self._resolved(described).get("content")
        if content is None:
            assert answer.data == b"", f"{name}: a body is not described"
            return
        assert answer.mimetype in content, f"{name}: {answer.mimetype} is not described"
        schema = {**content[answer.mimetype]["schema"], "components": self._document["components"]}
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            answer.json
        )

    def _resolved(self, item: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in item:
            return item
        found: Any = self._document
        for name in item["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return dict(found)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
