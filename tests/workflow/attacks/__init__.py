"""What people have typed into expressions to break out of them, or to bring a server down.

``REFUSED`` holds, by family, what stands between ``<<`` and ``>>`` and must end in an error of
ours. ``HARMLESS`` holds whole texts, with what they come to. ``BOMBS`` run against ``large()``.
"""

from __future__ import annotations

from typing import Any

from .amounts import ARGUMENTS, NUMBERS
from .bombs import BOMBS, FLOODS, large
from .engines import ENGINES
from .harmless import HARMLESS
from .javascript import JAVASCRIPT, PROTOTYPES
from .jinja import JINJA
from .python import FORMAT, PYTHON
from .writing import LOOKALIKES, NESTS, QUOTING

__all__ = ["BOMBS", "DATA", "FLOODS", "HARMLESS", "REFUSED", "large"]

#: What a run's data look like to the corpus; nothing in it answers to a name of Python or of
#: JavaScript.
DATA: dict[str, Any] = {
    "trigger": {"body": {"email": "Ann@Example.com", "tags": ["a", "b"], "n": 3, "none": None}},
    "steps": {"look_up": {"body": {"id": 7}}},
    "user": {"id": "u1"},
    "secrets": {"token": "canary-8d2f"},
    "run": {"id": "r1"},
}

REFUSED: dict[str, list[str]] = {
    "python": PYTHON,
    "format strings": FORMAT,
    "jinja": JINJA,
    "javascript": JAVASCRIPT,
    "prototypes": PROTOTYPES,
    "other engines": ENGINES,
    "quoting": QUOTING,
    "look-alikes": LOOKALIKES,
    "numbers": NUMBERS,
    "arguments": ARGUMENTS,
    "nests": NESTS,
}
