"""What people write: a need, the expression for it, and what it comes to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from workflow.expressions import parse
from workflow.filters import FILTERS, TESTS

from .test_expressions import VALUES

DATA: dict[str, Any] = {
    "trigger": {
        "body": {
            "order": {
                "number": 1042,
                "created_at": "2026-03-15T22:30:00Z",
                "currency": "EUR",
                "total_cents": 129950,
                "discount": None,
                "note": "  Please ring twice.\nThank you!  ",
                "coupon": "SPRING-2026-DE",
                "lines": [
                    {
                        "sku": "MUG-01",
                        "title": "Mug",
                        "price": 9.5,
                        "quantity": 4,
                        "tags": ["kitchen"],
                    },
                    {
                        "sku": "TEE-XL",
                        "title": "T-shirt",
                        "price": 24.9,
                        "quantity": 1,
                        "tags": ["wear", "sale"],
                    },
                    {"sku": "GIFT", "title": "Gift card", "price": 50, "quantity": 2, "tags": []},
                ],
                "shipping": {"method": "express", "price": "4.90"},
            },
            "customer": {
                "first name": "zoë",
                "last name": "O'NEIL",
                "email": "  Zoe.ONeil@Example.COM ",
                "phone": "+49 (0)30 1234-567",
                "birthday": "24/12/1990",
                "address": {"city": "Köln", "zip": "01067", "country": "de"},
                "marketing": "yes",
                "score": "87.5",
                "vip": True,
                "company": "",
            },
            "utm": "utm_source=news%20letter&utm_medium=email",
            "payload": '{"plan": {"name": "pro", "seats": 12}, "trial": false}',
            "events": [
                {"name": "login", "at": 1773500000, "props": {"os": "mac"}},
                {"name": "upgrade", "at": 1773600000, "props": {"os": "win", "plan": "pro"}},
                {"name": "login", "at": 1773700000, "props": {"os": "win"}},
            ],
            "fields": [
                {"key": "team size", "value": "11-50"},
                {"key": "role", "value": "founder"},
            ],
            "tz": "America/New_York",
        },
        "headers": {"x-request-id": "r-77", "content-type": "application/json; charset=utf-8"},
    },
    "steps": {
        "look_up": {
            "status": 200,
            "body": {
                "results": [
                    {"id": 501, "name": "Acme GmbH", "owner": None, "mrr": 1200},
                    {
                        "id": 502,
                        "name": "Beta Ltd",
                        "owner": {"email": "bo@beta.example"},
                        "mrr": 80,
                    },
                ],
                "next": None,
            },
        },
        "score": {"value": 0.8349},
        "each": [{"ok": True}, {"ok": False, "error": "429"}, {"ok": True}],
    },
    "user": {"id": "u-9", "email": "ann@host.example", "plan": "free"},
    "connection": {"account_key": "4a7d", "region": "eu"},
    "settings": {"currency": "EUR", "list_ids": ["a1", "b2"], "threshold": 100},
    "secrets": {"crm_token": "s3cr3t"},
    "run": {"id": "run-1", "started_at": "2026-03-31T08:15:30Z"},
    "item": {"email": "item@example.com"},
    "index": 4,
}

ROWS: list[tuple[str, str, Any]] = [
    # Names and greetings
    ("a first name", "<<trigger.body.customer['first name'] | title>>", "Zoë"),
    ("a last name", "<<trigger.body.customer['last name'] | title>>", "O'neil"),
    ("a greeting", "Hi <<trigger.body.customer['first name'] | capitalize>>!", "Hi Zoë!"),
    (
        "a full name",
        "<<trigger.body.customer['first name']>> <<trigger.body.customer['last name'] | lower>>",
        "zoë o'neil",
    ),
    (
        "initials",
        "<<trigger.body.customer['first name'][:1] | upper>>.<<user.id[:1] | upper>>.",
        "Z.U.",
    ),
    ("a name or a stand-in", "<<trigger.body.customer.nickname | default('there')>>", "there"),
    (
        "a company or none",
        "<<trigger.body.customer.company | default('Private', true)>>",
        "Private",
    ),
    ("the first word", "<<'Ann Mary Lee' | before(' ')>>", "Ann"),
    ("the last word", "<<'Ann Mary Lee' | split(' ') | last>>", "Lee"),
    ("middle names", "<<('Ann Mary Jo Lee' | split(' '))[1:-1] | join(' ')>>", "Mary Jo"),
    # E-mail, telephone, addresses
    ("a clean e-mail", "<<trigger.body.customer.email | trim | lower>>", "zoe.oneil@example.com"),
    (
        "the domain of an e-mail",
        "<<trigger.body.customer.email | trim | lower | after('@')>>",
        "example.com",
    ),
    ("the name in an e-mail", "<<user.email | before('@')>>", "ann"),
    (
        "whether it is a company's e-mail",
        "<<(user.email | after('@')) not in ['gmail.com', 'outlook.com']>>",
        True,
    ),
    (
        "an e-mail for an advertiser",
        "<<trigger.body.customer.email | trim | lower | sha256>>",
        "d596bb1d11f9bf91e7a7a183f3e26fc7d96a4860f64d87905b862817e6d34f58",
    ),
    (
        "an e-mail for Gravatar",
        "https://gravatar.com/avatar/<<user.email | trim | lower | md5>>",
        "https://gravatar.com/avatar/f5151315aa5015f0b014731c9847d471",
    ),
    (
        "a telephone number's digits",
        "<<trigger.body.customer.phone | replace('(0)', '') | digits>>",
        "49301234567",
    ),
    (
        "a telephone number in E.164",
        "+<<trigger.body.customer.phone | replace('(0)', '') | digits>>",
        "+49301234567",
    ),
    ("a country code", "<<trigger.body.customer.address.country | upper>>", "DE"),
    (
        "an address in a line",
        "<<trigger.body.customer.address.zip>> <<trigger.body.customer.address.city>>",
        "01067 Köln",
    ),
    ("a postcode stays text", "<<trigger.body.customer.address.zip>>", "01067"),
    ("a masked e-mail", "<<user.email[:1]>>***@<<user.email | after('@')>>", "a***@host.example"),
    # Text
    ("a trimmed note", "<<trigger.body.order.note | trim>>", "Please ring twice.\nThank you!"),
    (
        "a note in one line",
        "<<trigger.body.order.note | trim | replace('\\n', ' ')>>",
        "Please ring twice. Thank you!",
    ),
    ("a short note", "<<trigger.body.order.note | trim | truncate(12)>>", "Please ring…"),
    ("a short note, other ending", "<<'A long sentence' | truncate(9, '...')>>", "A long..."),
    ("a slug", "<<'Über uns: Crème Brûlée & Co.' | slug>>", "uber-uns-creme-brulee-co"),
    ("a slug of a name", "<<trigger.body.customer['last name'] | slug>>", "oneil"),
    (
        "an order number with zeros",
        "<<trigger.body.order.number | text | pad(8, '0')>>",
        "00001042",
    ),
    (
        "a label",
        "Order #<<trigger.body.order.number>> (<<trigger.body.order.currency>>)",
        "Order #1042 (EUR)",
    ),
    ("part of a code", "<<trigger.body.order.coupon | split('-') | first>>", "SPRING"),
    ("a code's year as a number", "<<(trigger.body.order.coupon | split('-'))[1] | int>>", 2026),
    ("whether a code is of spring", "<<trigger.body.order.coupon is starting('SPRING')>>", True),
    ("whether a code is German", "<<trigger.body.order.coupon is ending('-DE')>>", True),
    ("a type of content", "<<trigger.headers['content-type'] | before(';')>>", "application/json"),
    ("a header with hyphens", "<<trigger.headers['x-request-id']>>", "r-77"),
    ("a bearer header", "Bearer <<secrets.crm_token>>", "Bearer s3cr3t"),
    (
        "Basic authentication",
        "Basic <<(user.id ~ ':' ~ secrets.crm_token) | base64>>",
        "Basic dS05OnMzY3IzdA==",
    ),
    ("text in HTML", "<p><<'Fish & <chips>' | html>></p>", "<p>Fish &amp; &lt;chips&gt;</p>"),
    ("literal brackets", "\\<<name>> is <<user.id>>", "<<name>> is u-9"),
    # Numbers and money
    ("cents as euros", "<<trigger.body.order.total_cents / 100>>", 1299.5),
    (
        "euros with thousands",
        "<<(trigger.body.order.total_cents / 100) | decimals(2, ',')>> EUR",
        "1,299.50 EUR",
    ),
    (
        "euros as Germans write them",
        "<<(trigger.body.order.total_cents / 100) | decimals(2, '.', ',')>> €",
        "1.299,50 €",
    ),
    ("euros as cents", "<<(19.99 * 100) | round>>", 1999),
    ("a price with tax", "<<(trigger.body.order.lines[0].price * 1.19) | round(2)>>", 11.31),
    ("a text to a number", "<<trigger.body.order.shipping.price | number>>", 4.9),
    ("a text to add", "<<(trigger.body.order.shipping.price | number) + 10>>", 14.9),
    ("a score as a whole", "<<trigger.body.customer.score | int>>", 87),
    ("a share in per cent", "<<(steps.score.value * 100) | round(1)>> %", "83.5 %"),
    ("a discount or nothing", "<<trigger.body.order.discount | default(0, true)>>", 0),
    ("pages of twenty", "<<(95 / 20) | ceil>>", 5),
    ("an absolute difference", "<<(80 - 120) | abs>>", 40),
    ("rounded down", "<<4.99 | floor>>", 4),
    # Order lines
    ("the number of lines", "<<trigger.body.order.lines | length>>", 3),
    ("the sum of quantities", "<<trigger.body.order.lines | sum('quantity')>>", 7),
    (
        "the value of all lines",
        "<<trigger.body.order.lines | sum('price', 'quantity') | round(2)>>",
        162.9,
    ),
    ("the mean price", "<<trigger.body.order.lines | average('price') | round(2)>>", 28.13),
    ("the highest price", "<<trigger.body.order.lines | map('price') | max>>", 50),
    ("the lowest price", "<<trigger.body.order.lines | map('price') | min>>", 9.5),
    (
        "the dearest line's title",
        "<<(trigger.body.order.lines | sort('price') | last).title>>",
        "Gift card",
    ),
    ("the first line's title", "<<trigger.body.order.lines[0].title>>", "Mug"),
    ("the last line's SKU", "<<trigger.body.order.lines[-1].sku>>", "GIFT"),
    (
        "all titles",
        "<<trigger.body.order.lines | map('title') | join(', ')>>",
        "Mug, T-shirt, Gift card",
    ),
    (
        "SKUs in order",
        "<<trigger.body.order.lines | map('sku') | sort>>",
        ["GIFT", "MUG-01", "TEE-XL"],
    ),
    (
        "a line by its SKU",
        "<<(trigger.body.order.lines | where('sku', 'TEE-XL') | first).quantity>>",
        1,
    ),
    (
        "a line that is not there",
        "<<trigger.body.order.lines | where('sku', 'X') | first | default(null)>>",
        None,
    ),
    (
        "lines without the gift card",
        "<<trigger.body.order.lines | reject('sku', 'GIFT') | map('title')>>",
        ["Mug", "T-shirt"],
    ),
    (
        "every tag once",
        "<<trigger.body.order.lines | map('tags') | flatten | unique | sort>>",
        ["kitchen", "sale", "wear"],
    ),
    (
        "whether anything is on sale",
        "<<'sale' in (trigger.body.order.lines | map('tags') | flatten)>>",
        True,
    ),
    (
        "whether the gift card is bought",
        "<<'GIFT' in (trigger.body.order.lines | map('sku'))>>",
        True,
    ),
    ("the two first lines", "<<trigger.body.order.lines[:2] | map('sku')>>", ["MUG-01", "TEE-XL"]),
    ("batches of two", "<<trigger.body.order.lines | map('quantity') | chunk(2)>>", [[4, 1], [2]]),
    (
        "newest first",
        "<<trigger.body.events | sort('at') | reverse | map('at') | first>>",
        1773700000,
    ),
    ("events by name", "<<(trigger.body.events | group('name')).login | length>>", 2),
    ("how many failed", "<<steps.each | where('ok', false) | length>>", 1),
    ("whether all went well", "<<steps.each | where('ok', false) is empty>>", False),
    (
        "the systems in use",
        "<<trigger.body.events | map('props') | map('os') | unique>>",
        ["mac", "win"],
    ),
    # Objects
    ("a property by a key in another", "<<trigger.body.customer.address['ci' ~ 'ty']>>", "Köln"),
    ("an item by a loop's index", "<<settings.list_ids[index - 3]>>", "b2"),
    ("form fields as an object", "<<(trigger.body.fields | from_items)['team size']>>", "11-50"),
    (
        "an object to send",
        "<<{'id': user.id, 'city': trigger.body.customer.address.city}>>",
        {"id": "u-9", "city": "Köln"},
    ),
    (
        "some properties alone",
        "<<trigger.body.customer.address | pick(['city', 'zip'])>>",
        {"city": "Köln", "zip": "01067"},
    ),
    (
        "all properties but one",
        "<<trigger.body.customer.address | omit(['zip'])>>",
        {"city": "Köln", "country": "de"},
    ),
    (
        "properties and one more",
        "<<trigger.body.customer.address | merge({'source': 'shop'}) | keys>>",
        ["city", "zip", "country", "source"],
    ),
    (
        "no empty properties",
        "<<{'company': trigger.body.customer.company, 'id': user.id, 'x': null} | compact>>",
        {"id": "u-9"},
    ),
    ("values alone", "<<trigger.body.events[1].props | values>>", ["win", "pro"]),
    (
        "keys and values",
        "<<trigger.body.events[0].props | items>>",
        [{"key": "os", "value": "mac"}],
    ),
    ("whether a property is there", "<<'plan' in trigger.body.events[0].props>>", False),
    (
        "a property that may miss half its path",
        "<<steps.look_up.body.results[0].owner.email | default('nobody')>>",
        "nobody",
    ),
    (
        "the same where it is",
        "<<steps.look_up.body.results[1].owner.email | default('nobody')>>",
        "bo@beta.example",
    ),
    # Conditions
    ("yes or no", "<<'yes' if trigger.body.customer.vip else 'no'>>", "yes"),
    (
        "a tier",
        "<<'gold' if steps.score.value > 0.9 else 'silver' if steps.score.value > 0.7 else ''>>",
        "silver",
    ),
    (
        "whether an order is large",
        "<<trigger.body.order.total_cents / 100 >= settings.threshold>>",
        True,
    ),
    ("both of two", "<<user.plan == 'free' and trigger.body.customer.vip>>", True),
    ("one of several", "<<connection.region in ['eu', 'us']>>", True),
    ("not one of several", "<<user.plan not in ['pro', 'team']>>", True),
    ("whether there is a next page", "<<steps.look_up.body.next is not null>>", False),
    ("whether a request went well", "<<200 <= steps.look_up.status < 300>>", True),
    ("a consent in words", "<<trigger.body.customer.marketing | boolean>>", True),
    ("whether a company is given", "<<trigger.body.customer.company is not empty>>", False),
    ("whether a field came at all", "<<trigger.body.customer.title is defined>>", False),
    ("every second item", "<<index is even>>", True),
    # Dates
    ("a day", "<<trigger.body.order.created_at | day>>", "2026-03-15"),
    (
        "the customer's day",
        "<<trigger.body.order.created_at | day('Europe/Berlin')>>",
        "2026-03-15",
    ),
    ("the shop's day", "<<trigger.body.order.created_at | day('Asia/Tokyo')>>", "2026-03-16"),
    ("a German date", "<<run.started_at | date('%d.%m.%Y')>>", "31.03.2026"),
    (
        "an American date",
        "<<run.started_at | date('%-m/%-d/%Y %-I:%M %p', trigger.body.tz)>>",
        "3/31/2026 4:15 AM",
    ),
    ("a date in words", "<<run.started_at | date('%A, %-d %B %Y')>>", "Tuesday, 31 March 2026"),
    (
        "a time with its offset",
        "<<run.started_at | iso('Europe/Berlin')>>",
        "2026-03-31T10:15:30+02:00",
    ),
    ("seconds since 1970", "<<run.started_at | timestamp>>", 1774944930),
    ("milliseconds since 1970", "<<(run.started_at | timestamp) * 1000>>", 1774944930000),
    ("seconds as a date", "<<trigger.body.events[0].at | iso>>", "2026-03-14T14:53:20Z"),
    ("milliseconds as a date", "<<(1774944930000 / 1000) | iso>>", "2026-03-31T08:15:30Z"),
    ("in two weeks", "<<run.started_at | add_time(14, 'days') | day>>", "2026-04-14"),
    ("an hour ago", "<<run.started_at | add_time(-1, 'hour')>>", "2026-03-31T07:15:30Z"),
    ("in a month", "<<run.started_at | add_time(1, 'month') | day>>", "2026-04-30"),
    ("a year ago", "<<'2024-02-29' | add_time(-1, 'year') | day>>", "2023-02-28"),
    (
        "the same time tomorrow, clocks changing",
        "<<'2026-03-28T12:00:00Z' | add_time(1, 'day', 'Europe/Berlin')>>",
        "2026-03-29T13:00:00+02:00",
    ),
    ("the start of the month", "<<run.started_at | start_of('month')>>", "2026-03-01T00:00:00Z"),
    (
        "the start of the month, local",
        "<<run.started_at | start_of('month', 'Europe/Berlin')>>",
        "2026-03-01T00:00:00+01:00",
    ),
    ("the start of the week", "<<run.started_at | start_of('week') | day>>", "2026-03-30"),
    ("the start of the quarter", "<<'2026-05-20' | start_of('quarter') | day>>", "2026-04-01"),
    (
        "the end of the month",
        "<<run.started_at | start_of('month') | add_time(1, 'month') | add_time(-1, 'second')>>",
        "2026-03-31T23:59:59Z",
    ),
    ("the full hour", "<<run.started_at | start_of('hour')>>", "2026-03-31T08:00:00Z"),
    (
        "days since the order",
        "<<trigger.body.order.created_at | time_until(run.started_at, 'days') | floor>>",
        15,
    ),
    (
        "minutes between events",
        "<<trigger.body.events[0].at | time_until(trigger.body.events[1].at, 'minutes') | round>>",
        1667,
    ),
    (
        "a birthday from a form",
        "<<trigger.body.customer.birthday | from_date('%d/%m/%Y') | day>>",
        "1990-12-24",
    ),
    (
        "a local time from a form",
        "<<'5 Mar 2026, 3:30 pm' | from_date('%d %b %Y, %I:%M %p', 'America/New_York')>>",
        "2026-03-05T15:30:00-05:00",
    ),
    ("a year alone", "<<run.started_at | date('%Y') | int>>", 2026),
    ("the week of the year", "<<run.started_at | date('%G-W%V')>>", "2026-W14"),
    ("whether it is a weekend", "<<(run.started_at | date('%u') | int) > 5>>", False),
    (
        "whether it is later",
        "<<(run.started_at | timestamp) > (trigger.body.order.created_at | timestamp)>>",
        True,
    ),
    # JSON, addresses, ids
    ("data in a JSON text", "<<(trigger.body.payload | from_json).plan.seats>>", 12),
    (
        "an object as JSON text",
        "<<trigger.body.customer.address | json>>",
        '{"city":"Köln","zip":"01067","country":"de"}',
    ),
    (
        "a JSON text by hand",
        '{"id": <<user.id | json>>, "vip": <<trigger.body.customer.vip>>}',
        '{"id": "u-9", "vip": true}',
    ),
    (
        "part of an address",
        "https://api.example.com/users/<<user.email | url>>",
        "https://api.example.com/users/ann%40host.example",
    ),
    (
        "a query",
        "https://api.example.com/?<<{'q': 'name:' ~ user.id, 'limit': 5} | query>>",
        "https://api.example.com/?q=name%3Au-9&limit=5",
    ),
    (
        "a parameter from a query",
        "<<trigger.body.utm | after('utm_source=') | before('&') | from_url>>",
        "news letter",
    ),
    (
        "an id that stays the same",
        "<<('order-' ~ trigger.body.order.number) | uuid>>",
        "e85d2eb8-45d3-5d83-b804-a6b66800643f",
    ),
    ("a short key", "<<(run.id ~ '/' ~ index) | sha1 | truncate(12, '')>>", "1cf36598fb1c"),
    ("Base64 back to text", "<<'eyJhIjoxfQ' | from_base64 | from_json>>", {"a": 1}),
    ("a list as text", "<<settings.list_ids | join(',')>>", "a1,b2"),
    ("a list as it is", "<<settings.list_ids>>", ["a1", "b2"]),
    ("an object as it is", "<<steps.look_up.body.results[1].owner>>", {"email": "bo@beta.example"}),
    ("null as it is", "<<steps.look_up.body.next>>", None),
    ("an item of a loop", "<<item.email>>", "item@example.com"),
]


@pytest.mark.parametrize(
    ("source", "value"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_the_table_of_what_people_write(source: str, value: Any) -> None:
    found = parse(source).resolve(DATA)
    assert found == value
    assert type(found) is type(value)


def test_the_table_has_more_than_a_hundred_rows_and_each_need_once() -> None:
    assert (
        len({need for need, _, _ in ROWS}) == len({text for _, text, _ in ROWS}) == len(ROWS) > 130
    )


def test_every_filter_and_every_test_has_an_example() -> None:
    written = " ".join([text for _, text, _ in ROWS] + [text for text, _ in VALUES])
    assert [name for name in FILTERS if not re.search(rf"\| {name}\b", written)] == []
    assert [name for name in TESTS if not re.search(rf"\bis (not )?{name}\b", written)] == []
