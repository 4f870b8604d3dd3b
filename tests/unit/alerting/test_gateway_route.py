"""Which gateway carries a message, and what its breaker does.

Specification: docs/specification/escalation.md#contact-choice, #breaker, #gateways.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.command import Attempted
from engine.core.alerting.gateway_route import (
    CLOSED,
    FAILURES_TO_OPEN,
    OPEN_FOR,
    Route,
    after_failure,
    begin_probe,
    cut_off,
    routes_to,
)
from tests.unit.alerting.cases import Course, contact, having, person, policy, step

NOW = 1_000_000
ALL = Route(gateway="semua", channel="sms", order=1)
INDONESIA = Route(gateway="nasional", channel="sms", order=2, prefixes=("+62",))
TELKOMSEL = Route(gateway="telkomsel", channel="sms", order=9, prefixes=("+62811", "+62812"))
SPARE = Route(gateway="cadangan", channel="sms", order=3, prefixes=("+62",))
MAIL = Route(gateway="surat", channel="email")
ROUTES = (SPARE, ALL, INDONESIA, MAIL, TELKOMSEL)


@pytest.mark.parametrize(
    ("address", "gateways"),
    [
        ("+628110000001", ["telkomsel", "nasional", "cadangan", "semua"]),
        ("+628210000001", ["nasional", "cadangan", "semua"]),
        ("+6591234567", ["semua"]),
    ],
)
def test_the_longest_prefix_and_then_the_order(address: str, gateways: list[str]):
    assert [route.gateway for route in routes_to(ROUTES, "sms", address)] == gateways


def test_a_route_serves_its_channel_alone():
    assert routes_to(ROUTES, "email", "a@b.example") == [MAIL]
    assert routes_to(ROUTES, "webhook", "https://a.example") == []


def test_a_contact_is_cut_off_when_every_gateway_that_serves_it_is_out_of_order():
    phone = contact("x", "sms")
    local = [route for route in ROUTES if route is not ALL]
    assert not cut_off(ROUTES, {"telkomsel", "nasional", "cadangan"}, phone)
    assert cut_off([ALL], {"semua"}, phone)
    assert not cut_off(
        local, {"telkomsel"}, contact("x", "webhook")
    )  # no gateway at all: the attempt says so


def test_the_fifth_failure_in_a_row_opens_the_breaker_for_half_a_minute():
    breaker = CLOSED
    for _ in range(FAILURES_TO_OPEN):
        assert not breaker.is_open(NOW)
        assert not breaker.probing
        breaker = after_failure(breaker, NOW)
    assert breaker.is_open(NOW + OPEN_FOR - 1)
    assert not breaker.is_open(NOW + OPEN_FOR)
    assert breaker.probing


def test_one_probe_at_a_time_and_a_failed_one_opens_it_again():
    breaker = CLOSED
    for _ in range(FAILURES_TO_OPEN):
        breaker = after_failure(breaker, NOW)
    probing = begin_probe(breaker, NOW + OPEN_FOR, "m")
    assert probing.is_open(NOW + OPEN_FOR)
    assert not probing.is_open(NOW + 2 * OPEN_FOR)  # the prober died: the next may try
    assert after_failure(probing, NOW + OPEN_FOR + 5).is_open(NOW + 2 * OPEN_FOR + 4)


@given(st.lists(st.booleans(), max_size=30))
def test_it_is_open_exactly_after_five_failures_in_a_row(outcomes: list[bool]):
    breaker, row = CLOSED, 0
    for good in outcomes:
        breaker, row = (CLOSED, 0) if good else (after_failure(breaker, NOW), row + 1)
        assert breaker.is_open(NOW) is (row >= FAILURES_TO_OPEN)


# --- what an open breaker does to the choice of a contact -------------------------------------------------------------

PHONE = Route(gateway="sms", channel="sms")
ROUTES_OF_TWO = (PHONE, MAIL)
BOTH = person("sekda", "sms", "email")


def course(interrupted: tuple[str, ...], *channels: str, who=BOTH) -> Course:
    return Course(
        policy(step("sekda", channels=channels)),
        having(who),
        routes=ROUTES_OF_TWO,
        interrupted=interrupted,
    )


def channels(course: Course) -> list[str]:
    return [notification.channel for notification in course.notifications.values()]


@pytest.mark.parametrize(
    ("interrupted", "wanted", "used"),
    [
        ((), ("sms", "email"), ["sms", "email"]),
        (("sms",), ("sms", "email"), ["email"]),
        (("sms",), ("sms",), ["email"]),
        (("sms", "surat"), ("sms",), ["sms"]),  # nothing serves: what was asked for is tried until it does
    ],
)
def test_contacts_without_a_gateway_are_passed_over(interrupted, wanted, used):
    assert channels(course(interrupted, *wanted)) == used


def test_a_fallback_goes_to_a_contact_that_a_gateway_serves():
    three = person("sekda", "sms", "email", "webhook")
    fallen = course(("surat",), "sms", who=three)
    fallen.claim()
    (first,) = fallen.notifications
    fallen.do(Attempted(notification=first, outcome="permanent", reason="recipient_refused"))
    assert channels(fallen) == ["sms", "webhook"]
