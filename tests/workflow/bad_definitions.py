"""Definitions with one fault each: where it is, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

#: What stands before the steps; they begin in line 4.
_HEAD = """\
name: w
trigger: {type: manual}
steps:
"""
#: What stands after a trigger, or a setting, that is wrong.
_TAIL = """\
steps: [{id: a, type: stop}]
"""


class Bad(NamedTuple):
    """A definition as text, and the fault that it has."""

    title: str
    text: str
    pointer: str
    line: int | None
    #: How the problem begins, or a part of it.
    problem: str


BAD = (
    Bad(
        "empty",
        "",
        "",
        None,
        "is empty",
    ),
    Bad(
        "a list",
        "[]",
        "",
        1,
        "must be an object",
    ),
    Bad(
        "a text",
        "hello",
        "",
        1,
        "must be an object",
    ),
    Bad(
        "not closed",
        '{"name": "w"',
        "",
        1,
        "cannot be read: while parsing a flow mapping expected ',' or '}', but got",
    ),
    Bad(
        "a key twice",
        """\
name: w
name: v
""",
        "/name",
        2,
        "is there twice",
    ),
    Bad(
        "an anchor",
        """\
name: &a w
title: *a
""",
        "",
        1,
        "uses an anchor; write the value twice",
    ),
    Bad(
        "a tag",
        """\
name: !!python/object w
""",
        "/name",
        1,
        "has the tag tag:yaml.org,2002:python/object; there are no tags here",
    ),
    Bad(
        "no name",
        """\
trigger: {type: manual}
"""
        + _TAIL,
        "",
        1,
        "must have 'name'",
    ),
    Bad(
        "a bad name",
        """\
name: My Flow
trigger: {type: manual}
"""
        + _TAIL,
        "/name",
        1,
        "must be lower-case letters, digits and hyphens; begins with a letter",
    ),
    Bad(
        "no steps",
        """\
name: w
trigger: {type: manual}
steps: []
""",
        "/steps",
        3,
        "must not be empty",
    ),
    Bad(
        "unknown member",
        """\
name: w
triger: {type: manual}
"""
        + _TAIL,
        "/triger",
        2,
        "did you mean 'trigger'?",
    ),
    Bad(
        "unknown trigger",
        """\
name: w
trigger: {type: evnt}
"""
        + _TAIL,
        "/trigger/type",
        2,
        "did you mean event?",
    ),
    Bad(
        "trigger without type",
        """\
name: w
trigger: {}
"""
        + _TAIL,
        "/trigger",
        2,
        "must have 'type'",
    ),
    Bad(
        "event without name",
        """\
name: w
trigger: {type: event}
"""
        + _TAIL,
        "/trigger",
        2,
        "must have 'event'",
    ),
    Bad(
        "bad cron",
        """\
name: w
trigger: {type: schedule, cron: '99 * * * *'}
"""
        + _TAIL,
        "/trigger",
        2,
        "The minute '99' of the cron expression cannot be understood.",
    ),
    Bad(
        "bad zone",
        """\
name: w
trigger: {type: schedule, cron: '0 9 * * *', time_zone: Europe/Belin}
"""
        + _TAIL,
        "/trigger",
        2,
        "did you mean Europe/Berlin?",
    ),
    Bad(
        "two schedules",
        """\
name: w
trigger: {type: schedule, cron: '0 9 * * *', every_seconds: 60}
"""
        + _TAIL,
        "/trigger",
        2,
        "must have exactly one of: cron, every_seconds",
    ),
    Bad(
        "too often",
        """\
name: w
trigger: {type: schedule, every_seconds: 5}
"""
        + _TAIL,
        "/trigger/every_seconds",
        2,
        "must be at least 60",
    ),
    Bad(
        "connection without connector",
        """\
name: w
trigger: {type: connection}
"""
        + _TAIL,
        "/trigger",
        2,
        "needs the workflow's 'connector'",
    ),
    Bad(
        "bad schema",
        """\
name: w
trigger:
  type: manual
  schema: {type: objct}
"""
        + _TAIL,
        "/trigger/schema/type",
        4,
        "is no JSON Schema: 'objct' is not valid under any of the given schemas",
    ),
    Bad(
        "schema elsewhere",
        """\
name: w
trigger:
  type: manual
  schema:
    $ref: http://169.254.169.254/x
"""
        + _TAIL,
        "/trigger/schema/$ref",
        5,
        "refers to another document; write it out",
    ),
    Bad(
        "schema pattern",
        """\
name: w
trigger:
  type: manual
  schema: {properties: {a: {pattern: '('}}}
"""
        + _TAIL,
        "/trigger/schema/properties/a/pattern",
        4,
        "is no regular expression: missing ), unterminated subpattern at position 0",
    ),
    Bad(
        "order of step",
        """\
name: w
trigger: {type: manual}
limits: {in_order_of: <<steps.a>>}
"""
        + _TAIL,
        "/limits/in_order_of",
        3,
        "<<steps.a>>: there is no steps; there are trigger, user",
    ),
    Bad(
        "order no expression",
        """\
name: w
trigger: {type: manual}
limits: {in_order_of: fixed}
"""
        + _TAIL,
        "/limits/in_order_of",
        3,
        "must be one expression, such as <<trigger.body.items>>",
    ),
    Bad(
        "at_once",
        """\
name: w
trigger: {type: manual}
limits: {at_once: 3}
"""
        + _TAIL,
        "/limits/at_once",
        3,
        "is not known here; known: in_order_of",
    ),
    Bad(
        "choice without choices",
        """\
name: w
trigger: {type: manual}
settings:
  - {id: a, title: A, type: choice}
"""
        + _TAIL,
        "/settings/0",
        4,
        "must have 'choices' if its type is choice, and only then",
    ),
    Bad(
        "default of other type",
        """\
name: w
trigger: {type: manual}
settings:
  - {id: a, title: A, type: number, default: yes}
"""
        + _TAIL,
        "/settings/0/default",
        4,
        "is no number that may be chosen",
    ),
    Bad(
        "default not among",
        """\
name: w
trigger: {type: manual}
settings:
  - {id: a, title: A, type: choice, choices: [x], default: y}
"""
        + _TAIL,
        "/settings/0/default",
        4,
        "is no choice that may be chosen",
    ),
    Bad(
        "setting twice",
        """\
name: w
trigger: {type: manual}
settings:
  - {id: a, title: A, type: text}
  - {id: a, title: A, type: text}
"""
        + _TAIL,
        "/settings/1/id",
        5,
        "'a' is there twice",
    ),
    Bad(
        "step without id",
        _HEAD
        + """\
  - type: stop
""",
        "/steps/0",
        4,
        "must have 'id'",
    ),
    Bad(
        "bad id",
        _HEAD
        + """\
  - {id: A-1, type: stop}
""",
        "/steps/0/id",
        4,
        "must be a name of lower-case letters, digits and underscores that begins",
    ),
    Bad(
        "unknown type",
        _HEAD
        + """\
  - {id: a, type: reqest}
""",
        "/steps/0/type",
        4,
        "did you mean request?",
    ),
    Bad(
        "id twice",
        _HEAD
        + """\
  - {id: a, type: stop}
  - {id: a, type: stop}
""",
        "/steps/1/id",
        5,
        "'a' is also the id of /steps/0",
    ),
    Bad(
        "id twice within",
        _HEAD
        + """\
  - id: a
    type: for_each
    in: [1]
    steps:
      - {id: a, type: stop}
""",
        "/steps/0/steps/0/id",
        8,
        "'a' is also the id of /steps/0",
    ),
    Bad(
        "unknown field",
        _HEAD
        + """\
  - id: a
    type: http
    method: GET
    url: https://a.example
    headrs: {}
""",
        "/steps/0/headrs",
        8,
        "did you mean 'headers'?",
    ),
    Bad(
        "missing field",
        _HEAD
        + """\
  - {id: a, type: http, method: GET}
""",
        "/steps/0",
        4,
        "must have 'url'",
    ),
    Bad(
        "bad method",
        _HEAD
        + """\
  - {id: a, type: http, method: FETCH, url: https://a.example}
""",
        "/steps/0/method",
        4,
        "did you mean PATCH?",
    ),
    Bad(
        "body in the header",
        _HEAD
        + """\
  - id: a
    type: http
    method: GET
    url: https://a.example
    headers: {x: [1]}
""",
        "/steps/0/headers/x",
        8,
        "must be a text or a number or true or false or null",
    ),
    Bad(
        "unknown step",
        _HEAD
        + """\
  - {id: person, type: set, values: {x: 1}}
  - id: b
    type: set
    values: {y: <<steps.persn.x>>}
""",
        "/steps/1/values/y",
        7,
        "did you mean person?",
    ),
    Bad(
        "forward",
        _HEAD
        + """\
  - id: a
    type: set
    values: {y: <<steps.b.x>>}
  - {id: b, type: set, values: {x: 1}}
""",
        "/steps/0/values/y",
        6,
        "<<steps.b.x>>: the step b comes later, or within another step",
    ),
    Bad(
        "itself",
        _HEAD
        + """\
  - id: a
    type: set
    values: {y: <<steps.a.x>>}
""",
        "/steps/0/values/y",
        6,
        "<<steps.a.x>>: the step a comes later, or within another step",
    ),
    Bad(
        "out of a loop",
        _HEAD
        + """\
  - id: each
    type: for_each
    in: [1]
    steps:
      - {id: inner, type: set, values: {x: 1}}
  - id: b
    type: set
    values: {y: <<steps.inner.x>>}
""",
        "/steps/1/values/y",
        11,
        "<<steps.inner.x>>: the step inner comes later, or within another step",
    ),
    Bad(
        "item outside",
        _HEAD
        + """\
  - {id: a, type: set, values: {y: <<item>>}}
""",
        "/steps/0/values/y",
        4,
        "<<item>>: item is there only within a for_each step",
    ),
    Bad(
        "unknown root",
        _HEAD
        + """\
  - {id: a, type: set, values: {y: <<triger.x>>}}
""",
        "/steps/0/values/y",
        4,
        "did you mean trigger?",
    ),
    Bad(
        "unknown setting",
        """\
name: w
trigger: {type: manual}
settings:
  - {id: plan, title: P, type: text}
steps:
  - {id: a, type: set, values: {y: <<settings.pla>>}}
""",
        "/steps/0/values/y",
        6,
        "did you mean plan?",
    ),
    Bad(
        "unknown filter",
        _HEAD
        + """\
  - {id: a, type: set, values: {y: <<trigger.x | uper>>}}
""",
        "/steps/0/values/y",
        4,
        "<<trigger.x | uper>> cannot be used: There is no filter 'uper'. Did you",
    ),
    Bad(
        "not closed expression",
        _HEAD
        + """\
  - {id: a, type: set, values: {y: '<<trigger.x'}}
""",
        "/steps/0/values/y",
        4,
        "An expression begins with << and has no >>. Write \\<< for the two",
    ),
    Bad(
        "a call",
        _HEAD
        + """\
  - {id: a, type: set, values: {y: '<<trigger.x()>>'}}
""",
        "/steps/0/values/y",
        4,
        "<<trigger.x()>> cannot be used: Expressions call nothing. Values are",
    ),
    Bad(
        "condition text",
        _HEAD
        + """\
  - id: a
    type: condition
    branches:
      - if: yes please
        steps: []
""",
        "/steps/0/branches/0/if",
        7,
        "must be one expression, such as <<trigger.body.items>>",
    ),
    Bad(
        "unknown operator",
        _HEAD
        + """\
  - id: a
    type: condition
    branches:
      - if: {all: [{value: 1, is: equals, to: 1}]}
        steps: []
""",
        "/steps/0/branches/0/if/all/0/is",
        7,
        "did you mean equal?",
    ),
    Bad(
        "operator without to",
        _HEAD
        + """\
  - id: a
    type: condition
    branches:
      - if:
          any:
            - <<trigger>>
            - {value: 1, is: equals}
        steps: []
""",
        "/steps/0/branches/0/if/any/1/is",
        10,
        "did you mean equal?",
    ),
    Bad(
        "two groups",
        _HEAD
        + """\
  - id: a
    type: condition
    branches:
      - if: {all: [], any: []}
        steps: []
""",
        "/steps/0/branches/0/if",
        7,
        "must have at most 1 entries",
    ),
    Bad(
        "condition around",
        _HEAD
        + """\
  - id: a
    type: condition
    branches:
      - if:
          not: '<<trigger.a>> '
        steps: []
""",
        "/steps/0/branches/0/if/not",
        8,
        "A condition in one text is one expression, nothing around it.",
    ),
    Bad(
        "no branches",
        _HEAD
        + """\
  - {id: a, type: condition, branches: []}
""",
        "/steps/0/branches",
        4,
        "must not be empty",
    ),
    Bad(
        "in of text",
        _HEAD
        + """\
  - {id: a, type: for_each, in: text, steps: []}
""",
        "/steps/0/in",
        4,
        "must be one expression, such as <<trigger.body.items>>",
    ),
    Bad(
        "at_once too many",
        _HEAD
        + """\
  - {id: a, type: for_each, in: [1], at_once: 21, steps: []}
""",
        "/steps/0/at_once",
        4,
        "must be at most 20",
    ),
    Bad(
        "delay of neither",
        _HEAD
        + """\
  - {id: a, type: delay}
""",
        "/steps/0",
        4,
        "must have exactly one of: seconds, until",
    ),
    Bad(
        "delay of both",
        _HEAD
        + """\
  - {id: a, type: delay, seconds: 1, until: '2030-01-01T00:00:00Z'}
""",
        "/steps/0",
        4,
        "must have exactly one of: seconds, until",
    ),
    Bad(
        "negative delay",
        _HEAD
        + """\
  - {id: a, type: delay, seconds: -1}
""",
        "/steps/0/seconds",
        4,
        "must be at least 0",
    ),
    Bad(
        "no date",
        _HEAD
        + """\
  - {id: a, type: delay, until: tomorrow}
""",
        "/steps/0/until",
        4,
        "'tomorrow' is no date (ISO 8601).",
    ),
    Bad(
        "bad code",
        _HEAD
        + """\
  - id: a
    type: function
    code: 'return {'
""",
        "/steps/0/code",
        6,
        "Line 1: SyntaxError: expecting ';'.",
    ),
    Bad(
        "bad status",
        _HEAD
        + """\
  - {id: a, type: response, status: 99}
""",
        "/steps/0/status",
        4,
        "must be at least 200",
    ),
    Bad(
        "retry attempts",
        _HEAD
        + """\
  - {id: a, type: function, code: return 1, retry: {attempts: 0}}
""",
        "/steps/0/retry/attempts",
        4,
        "must be at least 1",
    ),
    Bad(
        "retry on",
        _HEAD
        + """\
  - {id: a, type: function, code: return 1, retry: {on: [timeot]}}
""",
        "/steps/0/retry/on/0",
        4,
        "did you mean timeout?",
    ),
    Bad(
        "retry key",
        _HEAD
        + """\
  - {id: a, type: function, code: return 1, retry: {tries: 3}}
""",
        "/steps/0/retry/tries",
        4,
        "is not known here; known: attempts, wait, factor, longest_wait, jitter, on",
    ),
    Bad(
        "retry on set",
        _HEAD
        + """\
  - {id: a, type: set, values: {x: 1}, retry: {attempts: 3}}
""",
        "/steps/0/retry",
        4,
        "is not known here; known: id, type, title, on_error, values",
    ),
    Bad(
        "on_error",
        _HEAD
        + """\
  - {id: a, type: stop, on_error: ignore}
""",
        "/steps/0/on_error",
        4,
        "must be one of fail, continue",
    ),
    Bad(
        "on_error steps",
        _HEAD
        + """\
  - {id: a, type: stop, on_error: {step: []}}
""",
        "/steps/0/on_error/step",
        4,
        "did you mean 'steps'?",
    ),
    Bad(
        "on_interrupt",
        _HEAD
        + """\
  - {id: a, type: function, code: return 1, on_interrupt: skip}
""",
        "/steps/0/on_interrupt",
        4,
        "must be one of repeat, fail",
    ),
    Bad(
        "deep loops",
        _HEAD
        + """\
  - id: l0
    type: for_each
    in: [1]
    steps:
      - id: l1
        type: for_each
        in: [1]
        steps:
          - id: l2
            type: for_each
            in: [1]
            steps:
              - id: l3
                type: for_each
                in: [1]
                steps:
                  - id: l4
                    type: for_each
                    in: [1]
                    steps:
                      - id: l5
                        type: for_each
                        in: [1]
                        steps:
                          - id: l6
                            type: for_each
                            in: [1]
                            steps: []
""",
        "/steps/0/steps/0/steps/0/steps/0/steps/0/steps/0/steps/0",
        28,
        "is in 6 loops already; no more are taken",
    ),
    Bad(
        "error of a later",
        _HEAD
        + """\
  - id: a
    type: fail
    message: x
    on_error:
      steps:
        - {id: b, type: set, values: {x: <<steps.c>>}}
  - {id: c, type: stop}
""",
        "/steps/0/on_error/steps/0/values/x",
        9,
        "<<steps.c>>: the step c comes later, or within another step",
    ),
    Bad(
        "number too large",
        _HEAD
        + """\
  - {id: a, type: set, values: {x: 1e999}}
""",
        "/steps/0/values/x",
        4,
        "is too large a number",
    ),
)
