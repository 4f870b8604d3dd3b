"""A storm of awas: a phone gets five one by one in ten minutes, then digests every two minutes; nothing is dropped."""

import asyncio
import re
from itertools import pairwise

import msgspec
import pytest

from engine.core.alerting.alert import Notification
from engine.core.alerting.command import Answer
from engine.core.alerting.directory import Assignment
from engine.core.alerting.phone_list import callees
from engine.core.judging.instant import MINUTE, SECOND, Instant
from engine.delivery.send_budgets import budgets_of
from engine.gsm7 import parts
from engine.records.alert_repository import NOTIFICATIONS
from engine.records.statistics import take
from engine.settings_sections import BudgetSection
from engine.store.codec import decode
from engine.texts.answer_link_token import PLACEHOLDER, token_length
from engine.texts.sms_profile import Profile
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import GATEWAY, PEOPLE, SEKDA, Switchboard, person

REGENCIES = ("33.74", "73.15", "92.02", "96.01", "96.71")
SETTINGS = BudgetSection()
ONE_WAY = msgspec.structs.replace(GATEWAY, profile=Profile())
ROUTES = pytest.mark.parametrize("route", [ONE_WAY, GATEWAY], ids=["link", "code"])
LANGUAGES = pytest.mark.parametrize("language", ["id", "en"])


class Desk(Switchboard):
    """A desk whose one official is told of awas all over the country, with the shipped budgets."""

    def __init__(self, route=ONE_WAY, language: str = "id", people=None, **more) -> None:
        official = msgspec.structs.replace(PEOPLE[0], language=language)
        offices = [Assignment(region=code, role="sekda", person="sekda-7315") for code in REGENCIES]
        super().__init__(people=people or [official, *PEOPLE[1:]], offices=offices, gateway=route, **more)
        self.dispatcher = self.dispatcher_of(budgets=budgets_of(SETTINGS), sms=self.route)
        self.alerts: list[str] = []
        self.went: list[Instant] = []

    async def break_out(self, count: int, level: int = 4, space: str = "real") -> list[str]:
        """Open so many alerts, in all regencies in turn; return their ids."""
        before = len(self.alerts)
        for number in range(before, before + count):
            region = REGENCIES[number % len(REGENCIES)]
            self.alerts.append(await self.open(number + 1, level=level, region=region, space=space))
        return self.alerts[before:]

    async def later(self, wait: int) -> None:
        """Let so many ms pass and everything go that may; note when messages went."""
        self.clock.set(self.clock.now() + wait)
        for _ in range(100):
            if not await self.dispatcher.turn():
                break
        self.went += [self.clock.now()] * (len(self.route.accepted) - len(self.went))

    async def notices(self, alerts: list[str]) -> list[Notification]:
        cases = [await self.desk.case(alert) for alert in alerts]
        return [next(iter(case.notifications.values())) for case in cases]

    async def digests(self) -> list[Notification]:
        records = (await self.store.scan(NOTIFICATIONS)).values()
        found = [decode(record.value, Notification) for record in records]
        return sorted((n for n in found if n.kind == "digest"), key=lambda n: n.planned_at)

    async def to_call(self) -> list[str]:
        """Return the alerts of which the official stands on the phone list."""
        around = await self.books.surroundings()
        cases = [await self.desk.case(alert) for alert in self.alerts]
        return [
            callee.alert.id
            for case in cases
            for callee in callees(case.alert, case.notifications.values(), around, self.clock.now())
        ]


def travels(text: str) -> str:
    return text.replace(PLACEHOLDER, "x" * token_length("sms"))


@ROUTES
@LANGUAGES
async def test_five_go_one_by_one_and_the_others_as_one_digest_with_count_and_places(route, language):
    desk = Desk(route, language)
    alerts = await desk.break_out(17)
    await desk.later(SECOND)
    assert len(desk.route.accepted) == 5
    await desk.later(2 * MINUTE - 1)
    assert len(desk.route.accepted) == 5
    await desk.later(1)
    assert len(desk.route.accepted) == 6
    text = travels(desk.route.accepted[-1].text)
    assert parts(text) == 1
    assert text.startswith("AWAS, 12 hal: " if language == "id" else "AWAS, 12 matters: ")
    for code in REGENCIES:
        assert code in text
    assert [n.state for n in await desk.notices(alerts)] == ["sent"] * 17
    assert (await take(desk.store)).lost_notifications == set()


@ROUTES
async def test_in_a_storm_that_goes_on_the_bounds_hold_and_nobody_waits_longer_than_two_minutes(route):
    desk = Desk(route)
    opened: dict[str, Instant] = {}
    for _ in range(90):
        for alert in await desk.break_out(1):
            opened[alert] = desk.clock.now()
        await desk.later(10 * SECOND)
    for _ in range(12):
        await desk.later(10 * SECOND)
    digests = await desk.digests()
    singles = sorted(
        at
        for message, at in zip(desk.route.accepted, desk.went, strict=True)
        if message.id not in {digest.id for digest in digests}
    )
    for at in singles:
        assert sum(at - 10 * MINUTE < one <= at for one in singles) <= 5
    went = [digest.sent_at for digest in digests]
    assert len(went) > 5
    assert all(later - earlier >= 2 * MINUTE for earlier, later in pairwise(went))
    for alert, notice in zip(opened, await desk.notices(list(opened)), strict=True):
        assert notice.state == "sent"
        assert notice.sent_at - opened[alert] <= 2 * MINUTE + 10 * SECOND
    assert all(parts(travels(message.text)) == 1 for message in desk.route.accepted)
    assert sum(len(digest.items) for digest in digests) + len(singles) == 90


async def test_after_it_awas_comes_one_by_one_again():
    desk = Desk()
    await desk.break_out(9)
    await desk.later(SECOND)
    await desk.later(2 * MINUTE)
    await desk.later(10 * MINUTE)
    before = len(desk.route.accepted)
    await desk.break_out(2)
    await desk.later(SECOND)
    assert len(desk.route.accepted) == before + 2


async def test_one_that_is_alone_beyond_the_five_comes_as_a_digest_too():
    desk = Desk()
    await desk.break_out(6)
    await desk.later(SECOND)
    await desk.later(2 * MINUTE)
    (digest,) = await desk.digests()
    assert len(digest.items) == 1
    assert travels(desk.route.accepted[-1].text).startswith("AWAS, 1 hal: 1) ")


async def test_who_waits_stands_on_the_phone_list_until_the_digest_went():
    desk = Desk()
    alerts = await desk.break_out(8)
    await desk.later(SECOND)
    waiting = [n for n in await desk.notices(alerts) if n.state == "pending"]
    assert [n.held for n in waiting] == ["storm"] * 3
    assert sorted(await desk.to_call()) == sorted(n.alert for n in waiting)
    await desk.later(2 * MINUTE)
    assert await desk.to_call() == []


async def test_what_was_taken_meanwhile_falls_out_of_the_digest():
    desk = Desk()
    alerts = await desk.break_out(8)
    await desk.later(SECOND)
    *closed, last = [n.alert for n in await desk.notices(alerts) if n.state == "pending"]
    for alert in closed:
        await desk.desk.answer(
            alert,
            Answer(
                person="posko",
                says="resolved",
                via="console",
                is_operator=True,
                confirmed=True,
                note_digest="d",
            ),
            by=OPERATOR,
        )
    await desk.later(2 * MINUTE)
    (digest,) = await desk.digests()
    assert [item.alert for item in digest.items] == [last]


async def test_a_storm_digest_is_answered_by_the_numbers_in_it():
    desk = Desk(GATEWAY)
    await desk.break_out(17)
    await desk.later(SECOND)
    await desk.later(2 * MINUTE)
    (digest,) = await desk.digests()
    text = desk.route.accepted[-1].text
    code = text.split()[-1]
    span = re.search(r"(\d+-\d+)\) 73\.15", text)[1]
    assert await desk.inbound.hear(SEKDA, f"{span} terima {code}") == "recorded"
    taken = [one for one in desk.alerts if (await desk.alert(one)).acknowledged_by]
    assert {(await desk.alert(one)).region for one in taken} == {"73.15"}
    assert len(taken) == sum([(await desk.alert(i.alert)).region == "73.15" for i in digest.items])


async def test_what_is_not_awas_and_what_is_an_exercise_count_apart():
    desk = Desk()
    await desk.break_out(3, level=2)
    await desk.break_out(2, space="exercise")
    await desk.later(SECOND)
    before = len(desk.route.accepted)
    await desk.break_out(5)
    await desk.later(SECOND)
    assert len(desk.route.accepted) == before + 5
    assert await desk.digests() == []


async def test_two_people_on_one_phone_share_what_it_gets():
    second = person("bpbd-7315", SEKDA)
    desk = Desk(people=[PEOPLE[0], second, PEOPLE[2]])
    desk.contents = msgspec.structs.replace(
        desk.contents,
        assignments=(
            *desk.contents.assignments,
            Assignment(region="73.15", role="bpbd", person="bpbd-7315"),
        ),
    )
    for number in range(1, 5):
        await desk.open(number, "sekda", "bpbd", level=4)
    await desk.later(SECOND)
    assert len(desk.texts(SEKDA)) == 5


async def test_two_dispatchers_share_what_a_phone_gets():
    desk = Desk()
    alerts = await desk.break_out(17)
    other = desk.dispatcher_of(budgets=budgets_of(SETTINGS), sms=desk.route)
    desk.clock.set(desk.clock.now() + SECOND)
    for _ in range(10):
        await asyncio.gather(desk.dispatcher.turn(), other.turn())
    assert len(desk.route.accepted) == 5
    desk.clock.set(desk.clock.now() + 2 * MINUTE)
    for _ in range(10):
        await asyncio.gather(desk.dispatcher.turn(), other.turn())
    assert len(desk.route.accepted) == 6
    assert [n.state for n in await desk.notices(alerts)] == ["sent"] * 17


async def test_a_gateway_that_fails_in_a_storm_loses_nothing():
    desk = Desk()
    alerts = await desk.break_out(12)
    await desk.later(SECOND)
    desk.route.become("down")
    for _ in range(4):
        await desk.later(2 * MINUTE)
    desk.route.become("up")
    for _ in range(6):
        await desk.later(5 * MINUTE)
    assert {n.state for n in await desk.notices(alerts)} == {"sent"}
    assert (await take(desk.store)).lost_notifications == set()
