"""Signing in to the console and out of it, and what is seen without."""

from __future__ import annotations

import pytest
from flask import Flask

from connector.runtime import Runtime
from connector.web.console.sign_in import local_path

from ..operators import PASSWORD, Console, make_operator
from ..people import Host

#: Addresses that a browser would take for another place, or for none at all.
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "\n//evil.example",
    "javascript:alert(1)",
    "evil.example",
    " //evil.example",
    "",
]


@pytest.fixture
def visitor(app: Flask, host: Host) -> Console:
    """A browser that nobody has signed in with; olga may."""
    make_operator(host.runtime, "olga@example.com", host.project)
    return Console(app, host.project)


def test_without_an_operator_the_start_page_says_how_to_make_one(app: Flask) -> None:
    page = Console(app).get("/", follow=True)
    assert page.status == 200
    assert "heapline operators add you@example.com" in page.text
    assert not page.has_field("password")


def test_the_start_page_leads_to_the_form_and_on_to_the_first_project(visitor: Console) -> None:
    assert visitor.get("/", follow=True).has_field("password")
    answer = visitor.sign_in("olga@example.com").answer
    assert (answer.status_code, answer.location) == (303, "/")
    page = visitor.get("/", follow=True)
    assert (page.status, page.answer.request.path) == (200, visitor.path())


def test_an_operator_without_a_project_is_led_to_making_one(app: Flask, runtime: Runtime) -> None:
    make_operator(runtime, "nora@example.com")
    newcomer = Console(app)
    newcomer.sign_in("nora@example.com")
    assert "Your first project" in newcomer.get("/", follow=True).text


def test_the_address_counts_whatever_its_case_and_the_blanks_around_it(visitor: Console) -> None:
    assert visitor.sign_in("  Olga@Example.com ").status == 303


@pytest.mark.parametrize(
    ("email", "password"),
    [("olga@example.com", "not the password"), ("nobody@example.com", PASSWORD)],
)
def test_a_wrong_address_and_a_wrong_password_look_the_same(
    visitor: Console, email: str, password: str
) -> None:
    page = visitor.sign_in(email, password)
    assert page.status == 401
    assert "The e-mail address or the password is wrong." in page.text
    assert page.value("email") == email
    assert page.value("password") == ""
    assert password not in page.html
    assert visitor.get(visitor.path()).status == 303


def test_blank_fields_are_told_at_the_field(visitor: Console) -> None:
    page = visitor.sign_in("", "")
    assert page.status == 400
    assert page.at("email-error") == "Fill in your e-mail address."
    assert page.at("password-error") == "Fill in your password."


def test_the_sixth_attempt_in_a_minute_is_refused_even_with_the_right_password(
    visitor: Console,
) -> None:
    for _ in range(5):
        assert visitor.sign_in("olga@example.com", "a guess that is wrong").status == 401
    page = visitor.sign_in("olga@example.com")
    assert page.status == 429
    assert "Too many attempts to sign in. Wait a minute" in page.text
    assert visitor.get(visitor.path()).status == 303


def test_after_signing_in_a_person_is_where_they_wanted_to_be(visitor: Console) -> None:
    wanted = visitor.path("/users?status=connected")
    way = visitor.get(wanted).answer
    assert way.status_code == 303
    form = visitor.get(way.location)
    answer = visitor.sign_in("olga@example.com", next=form.value("next")).answer
    assert answer.location == wanted


def test_signing_in_never_leads_to_another_place(visitor: Console) -> None:
    form = visitor.get("/console/sign-in?next=//evil.example/")
    assert form.value("next") == "/"
    answer = visitor.sign_in("olga@example.com", next="//evil.example/").answer
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_address_of_another_place_is_taken_for_a_local_one(elsewhere: str) -> None:
    assert local_path(elsewhere) == "/"


def test_who_is_signed_in_is_not_led_to_another_place_either(console: Console) -> None:
    for elsewhere in ELSEWHERE:
        answer = console.client.get("/console/sign-in", query_string={"next": elsewhere})
        assert answer.location == "/", elsewhere


@pytest.mark.parametrize("path", ["/", "/console/projects/x/users?search=a%2Fb&status=", "/a:b//c"])
def test_a_path_of_this_server_is_kept(path: str) -> None:
    assert local_path(path) == path


def test_a_session_of_before_is_not_taken_over(visitor: Console) -> None:
    before = visitor.token()
    with visitor.client.session_transaction() as session:
        session["planted"] = "by someone else"
    visitor.sign_in("olga@example.com")
    with visitor.client.session_transaction() as session:
        assert "planted" not in session
    assert visitor.token() != before


def test_signing_out_ends_the_session(console: Console) -> None:
    assert console.get(console.path()).status == 200
    answer = console.post("/console/sign-out").answer
    assert (answer.status_code, answer.location) == (303, "/console/sign-in")
    assert console.get(console.path()).status == 303


def test_signing_out_needs_the_forms_token(console: Console) -> None:
    assert console.client.post("/console/sign-out").status_code == 400
    assert console.get(console.path()).status == 200


def test_a_new_password_ends_every_session(console: Console, runtime: Runtime) -> None:
    runtime.access.new_operator("olga@example.com", "another password entirely")
    answer = console.get(console.path()).answer
    assert answer.status_code == 303
    assert answer.location.startswith("/console/sign-in")


def test_the_cookie_ends_with_the_browser_and_is_out_of_reach_of_scripts(visitor: Console) -> None:
    answer = visitor.sign_in("olga@example.com").answer
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("heapline=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "expires" not in cookie.lower()
    assert "max-age" not in cookie.lower()


def test_a_cookie_that_was_altered_is_nobodys(console: Console) -> None:
    cookie = console.client.get_cookie("heapline")
    assert cookie
    payload, stamp, signature = cookie.value.rsplit(".", 2)
    console.client.set_cookie("heapline", f"{payload}.{stamp}.{signature[::-1]}")
    assert console.get(console.path()).status == 303


def test_the_password_is_never_kept_as_it_is(runtime: Runtime) -> None:
    operator = make_operator(runtime, "olga@example.com")
    assert PASSWORD not in operator.password_hash
