"""Expressions: values by a table, and errors that say what is wrong and where."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import ExpressionFailed, ExpressionInvalid, ValueMissing
from workflow.expressions import parse, resolve

DATA: dict[str, Any] = {
    "trigger": {
        "body": {
            "email": "Ann@Example.com",
            "plan": None,
            "count": 3,
            "price": 12.345,
            "active": True,
            "tags": ["new", "vip", "new"],
            "items": [{"sku": "b", "qty": 2}, {"sku": "a", "qty": 5}],
            "first name": "Ann",
            "at": "2026-03-29T00:30:00Z",
            "raw": '{"a": [1, 2]}',
            "empty": "",
            "none_yet": [],
        }
    },
    "steps": {"look_up": {"body": {"id": 9007199254740993, "name": "Ann Lee"}}},
}

VALUES: list[tuple[str, Any]] = [
    ("<<trigger.body.email>>", "Ann@Example.com"),
    ("<< trigger.body.email >>", "Ann@Example.com"),
    ("<<trigger['body']['email']>>", "Ann@Example.com"),
    ('<<trigger.body["first name"]>>', "Ann"),
    ("<<trigger.body.plan>>", None),
    ("<<trigger.body.count>>", 3),
    ("<<trigger.body.price>>", 12.345),
    ("<<trigger.body.active>>", True),
    ("<<steps.look_up.body.id>>", 9007199254740993),
    ("<<trigger.body.tags>>", ["new", "vip", "new"]),
    ("<<trigger.body.tags[0]>>", "new"),
    ("<<trigger.body.tags[-1]>>", "new"),
    ("<<trigger.body.items[1].sku>>", "a"),
    ("<<trigger.body.items[trigger.body.count - 2].qty>>", 5),
    ("<<trigger.body.tags[:2]>>", ["new", "vip"]),
    ("<<trigger.body.email[0:3]>>", "Ann"),
    ("<<'text'>>", "text"),
    ('<<"a>>b">>', "a>>b"),
    ("<<1>>", 1),
    ("<<-1.5>>", -1.5),
    ("<<true>>", True),
    ("<<false>>", False),
    ("<<null>>", None),
    ("<<none>>", None),
    ("<<[1, 'a', null, [true]]>>", [1, "a", None, [True]]),
    ("<<{'a': trigger.body.count, 'b': {}}>>", {"a": 3, "b": {}}),
    ("plain text", "plain text"),
    ("", ""),
    ("Hi <<steps.look_up.body.name>>!", "Hi Ann Lee!"),
    ("<<trigger.body.count>> of <<trigger.body.price>>", "3 of 12.345"),
    ("is <<trigger.body.active>>, <<trigger.body.plan>>", "is true, null"),
    ("tags: <<trigger.body.tags>>", 'tags: ["new","vip","new"]'),
    ("\\<<not.one>>", "<<not.one>>"),
    ("a \\<< b", "a << b"),
    ("a > b >> c", "a > b >> c"),
    ("{{ trigger.body }} {% x %} {# y #}", "{{ trigger.body }} {% x %} {# y #}"),
    ("line\r\nnext\n", "line\r\nnext\n"),
    ("<<1 + 2 * 3>>", 7),
    ("<<(1 + 2) * 3>>", 9),
    ("<<7 / 2>>", 3.5),
    ("<<7 // 2>>", 3),
    ("<<7 % 4>>", 3),
    ("<<'a' ~ 1 ~ null>>", "a1null"),
    ("<<'a' + 'b'>>", "ab"),
    ("<<[1] + [2]>>", [1, 2]),
    ("<<trigger.body.count > 2 and trigger.body.active>>", True),
    ("<<trigger.body.count > 5 or not trigger.body.active>>", False),
    ("<<1 < 2 < 3>>", True),
    ("<<1 == 1.0>>", True),
    ("<<1 == true>>", False),
    ("<<'1' == 1>>", False),
    ("<<null == trigger.body.plan>>", True),
    ("<<'vip' in trigger.body.tags>>", True),
    ("<<'x' not in 'abc'>>", True),
    ("<<'sku' in trigger.body.items[0]>>", True),
    ("<<true in [1, 2]>>", False),
    ("<<'yes' if trigger.body.active else 'no'>>", "yes"),
    ("<<'yes' if trigger.body.plan else 'no'>>", "no"),
    ("<<trigger.body.gone | default('x')>>", "x"),
    ("<<trigger.gone.deeper[3].still | default(0)>>", 0),
    ("<<trigger.body.plan | default('x')>>", None),
    ("<<trigger.body.plan | default('x', true)>>", "x"),
    ("<<trigger.body.none_yet | first | default('nobody')>>", "nobody"),
    ("<<trigger.body.gone is defined>>", False),
    ("<<trigger.body.plan is defined>>", True),
    ("<<trigger.body.gone is missing>>", True),
    ("<<trigger.body.plan is null>>", True),
    ("<<trigger.body.empty is empty>>", True),
    ("<<trigger.body.email is starting('Ann')>>", True),
    ("<<trigger.body.email is ending('.org')>>", False),
    ("<<4 is even>>", True),
    ("<<4 is odd>>", False),
    ("<<trigger.body.plan is none>>", True),
    ("<<trigger.body.email is text>>", True),
    ("<<trigger.body.count is number>>", True),
    ("<<trigger.body.active is number>>", False),
    ("<<trigger.body.active is boolean>>", True),
    ("<<trigger.body.tags is list>>", True),
    ("<<trigger.body is object>>", True),
    ("<<trigger.body.none_yet is empty>>", True),
    ("<<false is empty>>", False),
    ("<<trigger.body.email | lower>>", "ann@example.com"),
    ("<<'straße' | upper>>", "STRASSE"),
    ("<<'ann LEE' | title>>", "Ann Lee"),
    ("<<'  a ' | trim>>", "a"),
    ("<<'a-b-c' | replace('-', '+')>>", "a+b+c"),
    ("<<'abcdef' | truncate(4)>>", "abc…"),
    ("<<'a,b' | split(',')>>", ["a", "b"]),
    ("<<trigger.body.tags | unique | join(', ')>>", "new, vip"),
    ("<<'12' | number>>", 12),
    ("<<'1.50' | number>>", 1.5),
    ("<<'7.9' | int>>", 7),
    ("<<2.5 | round>>", 3),
    ("<<trigger.body.price | round(2)>>", 12.35),
    ("<<-1.2 | floor>>", -2),
    ("<<1.2 | ceil>>", 2),
    ("<<(1 - 4) | abs>>", 3),
    ("<<'yes' | boolean>>", True),
    ("<<trigger.body.items | length>>", 2),
    ("<<trigger.body.items | map('qty') | sum>>", 7),
    ("<<trigger.body.items | sort('sku') | map('sku')>>", ["a", "b"]),
    ("<<trigger.body.items | where('sku', 'a') | first>>", {"sku": "a", "qty": 5}),
    ("<<[3, 1, 2] | sort | reverse>>", [3, 2, 1]),
    ("<<[3, 1, 2] | max>>", 3),
    ("<<{'b': 1, 'a': 2} | keys>>", ["b", "a"]),
    ("<<{'a': 1} | merge({'b': 2})>>", {"a": 1, "b": 2}),
    ("<<{'a': 1, 'b': null} | compact>>", {"a": 1}),
    ("<<{'a': 1} | items>>", [{"key": "a", "value": 1}]),
    ("<<trigger.body.at | day('Europe/Berlin')>>", "2026-03-29"),
    ("<<trigger.body.at | date('%H:%M', 'Europe/Berlin')>>", "01:30"),
    ("<<trigger.body.at | add_time(2, 'hours') | date('%H:%M', 'Europe/Berlin')>>", "04:30"),
    ("<<trigger.body.at | timestamp>>", 1774744200),
    ("<<1774744200 | iso>>", "2026-03-29T00:30:00Z"),
    ("<<trigger.body.raw | from_json>>", {"a": [1, 2]}),
    ("<<{'a': 'ü'} | json>>", '{"a":"ü"}'),
    ("<<'a b&ü' | url>>", "a%20b%26%C3%BC"),
    ("<<{'q': 'a b', 'n': 1} | query>>", "q=a+b&n=1"),
    ("<<'ü' | base64>>", "w7w="),
    ("<<'w7w' | from_base64>>", "ü"),
    ("<<'a' | base64 | from_base64>>", "a"),
    ("<<'-_8' | replace('8', '') | length>>", 2),
    ("<<-0.001 | decimals(2)>>", "0.00"),
    ("<<1234567.005 | decimals(2, ' ', ',')>>", "1 234 567,01"),
    ("<<'abc' | truncate(2, '....')>>", ".."),
    ("<<'ab' | pad(4)>>", "  ab"),
    ("<<'a' | after('x')>>", ""),
    ("<<'a' | before('x')>>", "a"),
    ("<<'1e3' | number>>", 1000.0),
    ("<<'+.5' | number>>", 0.5),
    ("<<[] | sum>>", 0),
    ("<<[] | average | default(0)>>", 0),
    ("<<[[1], [true], [1.0]] | unique>>", [[1], [True], [1.0]]),
    ("<<[{'a': true}, {'a': 1}] | where('a', 1)>>", [{"a": 1}]),
    ("<<[1] == [true]>>", False),
    ("<<{'a': [1.0, null]} == {'a': [1, null]}>>", True),
    ("<<[1, 2] == [1]>>", False),
    ("<<{'a': 1} == [1]>>", False),
    ("<<[true] in [[1], [2]]>>", False),
    (
        "<<'2026-03-28T02:30:00+01:00' | add_time(1, 'day', 'Europe/Berlin')>>",
        "2026-03-29T03:30:00+02:00",
    ),
    (
        "<<'2026-03-28T01:30:00Z' | add_time(24, 'hours', 'Europe/Berlin')>>",
        "2026-03-29T03:30:00+02:00",
    ),
    ("<<'2026-03-28T12:00:00+05:00' | add_time(1, 'week')>>", "2026-04-04T12:00:00+05:00"),
    ("<<'2026-01-31' | add_time(1, 'quarter')>>", "2026-04-30T00:00:00Z"),
    ("<<'2026-10-25T03:30:00Z' | start_of('day', 'Europe/Berlin')>>", "2026-10-25T00:00:00+02:00"),
    ("<<'2026-03-08T12:00:00Z' | start_of('minute')>>", "2026-03-08T12:00:00Z"),
    ("<<'2026-06-15' | start_of('year') | day>>", "2026-01-01"),
    ("<<0 | time_until(90)>>", 90),
    ("<<0 | time_until('1970-01-01T00:00:01.5Z', 'seconds')>>", 1.5),
    (
        "<<0 | date('%Y-%y-%m-%d %H:%I:%M:%S.%f %p %z %Z %a %A %b %B %j %u %%')>>",
        "1970-70-01-01 00:12:00:00.000000 AM +0000 UTC Thu Thursday Jan January 001 4 %",
    ),
    (
        "<<'2026-03-01T14:05:09.25+01:00' | from_date('%Y-%m-%dT%H:%M:%S.%f%z')>>",
        "2026-03-01T14:05:09.250000+01:00",
    ),
    ("<<'1 mar 26 at 12 AM Z' | from_date('%d %b %y at %I %p %z')>>", "2026-03-01T00:00:00Z"),
    ("<<'2026' | from_date('%Y', 'Europe/Berlin')>>", "2026-01-01T00:00:00+01:00"),
    ("<<'a' | md5>>", "0cc175b9c0f1b6a831c399e269772661"),
    ("<<'a' | sha1>>", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_the_table_of_values(text: str, value: Any) -> None:
    found = parse(text).resolve(DATA)
    assert found == value
    assert type(found) is type(value)


def test_all_strings_of_a_document_are_resolved_and_its_keys_are_not() -> None:
    document = {"<<a>>": ["<<trigger.body.count>>", {"x": "n: <<trigger.body.count>>"}], "n": 1}
    assert resolve(document, DATA) == {"<<a>>": [3, {"x": "n: 3"}], "n": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "<<trigger.body['frist name']>>",
            "trigger.body has no 'frist name'. Did you mean 'first name'?",
        ),
        (
            "<<trigger.body.emial>>",
            "trigger.body.emial is missing: trigger.body has no 'emial'. Did you mean 'email'?",
        ),
        ("<<tigger.body>>", "the data has no 'tigger'. Did you mean 'trigger'?"),
        ("<<steps.look_up.body.x>>", "There is: id, name."),
        ("<<trigger.body.email.length>>", "trigger.body.email is text and has no 'length'"),
        ("<<trigger.body.tags[7]>>", "trigger.body.tags has 3 items, none at 7"),
        ("<<trigger.body.plan.name>>", "trigger.body.plan is null and has no 'name'"),
    ],
)
def test_a_missing_value_is_named_with_the_nearest(text: str, words: str) -> None:
    with pytest.raises(ValueMissing) as caught:
        parse(f"say {text}").resolve(DATA)
    assert words in caught.value.message
    assert text in caught.value.message
    assert caught.value.meta["expression"] == text[2:-2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<<trigger.body.email", "has no >>"),
        ("<<>>", "It is empty."),
        ("<<trigger.>>", "cannot be used"),
        ("<<a b>>", "'b' was not expected."),
        ("<<a | uper>>", "There is no filter 'uper'. Did you mean 'upper'?"),
        ("<<a is defned>>", "There is no test 'defned'. Did you mean 'defined'?"),
        ("<<a.b()>>", "Expressions call nothing."),
        ("<<a | replace('x')>>", "'replace' is written text | replace(old, new)."),
        ("<<a | join(d=',')>>", "have no names"),
        ("<<2 ** 8>>", "There is no ** operator."),
        ("<<1 if a>>", "An if needs an else."),
        ("<<" + "(" * 900 + "1" + ")" * 900 + ">>", "nested too deeply"),
        ("<<" + "1+" * 1500 + "1>>", "nested too deeply"),
        ("<<[" + "1," * 600 + "1]>>", "parts"),
        ("<<'" + "x" * 4001 + "'>>", "longer than"),
    ],
)
def test_what_cannot_be_understood_is_told_before_it_runs(text: str, words: str) -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        parse(text)
    assert words in caught.value.message
    assert "position" in caught.value.meta


@pytest.mark.parametrize(
    "text",
    [
        "<<1 / 0>>",
        "<<'a' * 9>>",
        "<<true + 1>>",
        "<<'1' + 1>>",
        "<<'a' < 1>>",
        "<<-'a'>>",
        "<<1e308 * 10>>",
        "<<9 | lower>>",
        "<<'x' | number>>",
        "<<'inf' | number>>",
        "<<'yesterday' | iso>>",
        "<<0 | iso('Mars/Olympus')>>",
        "<<0 | add_time(1, 'eon')>>",
        "<<0 | add_time(99999999999, 'weeks')>>",
        "<<'{' | from_json>>",
        "<<'?' | from_base64>>",
        "<<[1, 'a'] | sort>>",
        "<<'a' | replace('', 'b')>>",
        "<<'a' | split('')>>",
        "<<{1: 2}>>",
        "<<trigger.body.email['a':]>>",
        "<<trigger[null]>>",
        "<<'maybe' | boolean>>",
    ],
)
def test_an_operation_that_does_not_fit_fails_in_words(text: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        parse(text).resolve(DATA)
    assert text in caught.value.message


def test_references_are_known_without_data() -> None:
    (one,) = parse("<<steps.a.body['x y'][0] ~ trigger.b | default(user.id)>>").expressions
    assert [str(found) for found in one.references] == [
        'steps.a.body["x y"][0]',
        "trigger.b",
        "user.id",
    ]


def test_an_error_names_the_step_the_field_the_expression_and_the_nearest_key() -> None:
    document = {"body": [{"a/b": "ok"}, {"a/b": "to <<trigger.body.emial>>"}]}
    with pytest.raises(ValueMissing) as caught:
        resolve(document, DATA, step="send")
    assert caught.value.message == (
        "Step 'send', /body/1/a~1b: <<trigger.body.emial>>: trigger.body.emial is missing: "
        "trigger.body has no 'emial'. Did you mean 'email'?"
    )
    assert caught.value.meta == {
        "step": "send",
        "pointer": "/body/1/a~1b",
        "expression": "trigger.body.emial",
        "path": "trigger.body.emial",
        "nearest": "email",
    }


def test_an_expression_that_cannot_be_understood_names_the_step_too() -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        resolve(["<<a | uper>>"], DATA, step="send")
    assert caught.value.message.startswith("Step 'send', /0: <<a | uper>> cannot be used")


@pytest.mark.parametrize(
    "text",
    [
        "<<secrets.token | number>>",
        "<<secrets.token[:6] | iso>>",
        "<<0 | iso(secrets.token)>>",
        "<<trigger.body[secrets.token]>>",
        "<<secrets.token.length>>",
        "<<secrets['tokens']>>",
        "<<[1][secrets.token:]>>",
        "<<secrets.token | round>>",
    ],
)
def test_no_part_of_a_secret_is_in_an_error(text: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        parse(text).resolve({**DATA, "secrets": {"token": "canary-8d2f"}})
    assert "canar" not in caught.value.message
    assert "canar" not in str(caught.value.meta)


def test_a_secret_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueMissing, match="Did you mean 'token'"):
        parse("<<secrets.tokn>>").resolve({"secrets": {"token": "canary-8d2f"}})


@pytest.mark.parametrize("text", ["<<'\\d'>>", "<<'a\\/b'>>", "<<x | replace('\\N{DASH}', '')>>"])
def test_a_backslash_that_means_nothing_is_told_before_it_runs(text: str) -> None:
    with pytest.raises(ExpressionInvalid, match="is no escape"):
        parse(text)


def test_the_work_of_a_step_is_counted_over_all_its_fields() -> None:
    data = {"text": "x" * 1_000_000}
    fields = ["<<text | sha256>>"] * 10
    assert len(set(resolve(fields, data))) == 1
    with pytest.raises(ExpressionFailed, match="too much data"):
        resolve(fields * 3, data)
    assert len(set(resolve(fields, data))) == 1


def test_the_work_of_one_expression_leaves_none_to_the_next() -> None:
    data = {"text": "x" * 1_000_000}
    for _ in range(40):
        assert len(parse("<<text | sha256>>").resolve(data)) == 64


def test_a_document_nested_too_deeply_is_refused() -> None:
    deep: Any = "<<1>>"
    for _ in range(2_000):
        deep = [deep]
    with pytest.raises(ExpressionInvalid, match="nested too deeply"):
        resolve(deep, {})
