"""Whatever people did and Siaga accepted, a backtest of the past does again: it closes, reopens and tells the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Alert
from engine.core.alerting.command import Answer, EscalateNow
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import DAY, MINUTE, SECOND, format_instant, parse_instant
from engine.escalation.notes import digest_of
from engine.evaluation.groups import GROUPS
from engine.intake.disowning import Disowning
from engine.operations.case_archiver import CaseArchiver
from engine.people.tokens import Scope
from engine.records.alert_repository import Case
from engine.runtime.keys import Keys
from engine.settings import Settings, load
from engine.settings_sections import RetentionSection
from engine.simulation.backtest import Backtest, Ledger
from engine.simulation.feed import Past
from engine.simulation.respondents import recalled
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Write
from tests.credentials import DUTY_DESK, OPERATOR
from tests.integration.cli.few_people import few_people

HOME = Path(__file__).parents[2]
START, _ = parse_instant("2024-11-20T09:00:00+08:00")
PLACE = "73.15"
FOR = 2 * DAY
"""So long each story is followed."""
BESIDE = 7 * SECOND
"""So long after a full minute people act: a backtest lets people act before what falls due at the same instant."""
FIRST = "      - to: [kepala_daerah, sekda, kesbangpol, satpolpp]\n"
"""The first step of the policy of deaths: two of these must take the matter here, and who took it is reminded."""

Deed = Callable[["Life"], Awaitable[object]]


@pytest.fixture(scope="module")
def settings():
    with tempfile.TemporaryDirectory() as home:
        people, policies = few_people(Path(home), PLACE), Path(home) / "policies.yaml"
        shipped = (HOME / "config/policies.yaml").read_text()
        assert FIRST in shipped
        policies.write_text(
            shipped.replace(FIRST, FIRST + "        need: 2\n").replace(
                "expires: 4h}", "expires: 4h, remind: [1h]}"
            )
        )
        yield load(
            HOME / "config/siaga.yaml",
            overrides=[
                f"paths.var={home}/var",
                f"paths.directory={people}",
                f"paths.policies={policies}",
                "clock.mode=lock_step",
            ],
        )


class Life:
    """An installation that lives through a story."""

    def __init__(self, siaga: Siaga) -> None:
        self.siaga = siaga

    async def report(self, id_: str, kind: str = "conflict.death", **more: object) -> None:
        """Let a report come in now; a grave one, by a token that may verify."""
        event = {
            "id": id_,
            "kind": kind,
            "severity": 4,
            "region": PLACE,
            "occurred_at": format_instant(self.siaga.clock.now(), "Asia/Makassar"),
            "source": {"desk": PLACE, "channel": "desk"},
            **more,
        }
        scope = Scope(desks=("*",), rights=frozenset(("submit", "verify")), region="00", token_id="t")
        done = await self.siaga.intake.submit(json.dumps(event).encode(), "application/json", scope)
        assert done.accepted == 1, done

    async def case(self, space: str = "real") -> Case:
        """Return the newest alert."""
        alert = next(a for a in await self.siaga.desk.alerts() if a.space == space)
        found = await self.siaga.desk.case(alert.id)
        assert found is not None
        return found

    async def told(self, place: int = 0, **of: str) -> tuple[str, str]:
        """Return who was told of the newest alert, in order, and the message that told them last."""
        case = await self.case(**of)
        sent = [n for n in case.notifications.values() if n.sent_at is not None and not n.informing]
        person = sorted({n.person for n in sent})[place]
        newest = max((n for n in sent if n.person == person), key=lambda n: (n.planned_at, n.id))
        return person, newest.id

    async def say(self, person: str, says: str, via: str, by: Credential, **more: object) -> None:
        """Let somebody answer, and be accepted."""
        space = str(more.pop("space", "real"))
        case = await self.case(space)
        reason = digest_of(case.alert.id, person, "selesai") if says == "resolved" and via != "sms" else ""
        answer = Answer(
            person=person, says=says, via=via, note_digest=reason, confirmed=says == "resolved", **more
        )
        done = await self.siaga.desk.answer(case.alert.id, answer, by=by)
        assert done is not None
        assert (done.refusal, done.repeated) == ("", False)


def by_link(says: str, place: int = 0, *, space: str = "real", to: int | None = None) -> Deed:
    async def do(life: Life) -> None:
        person, message = await life.told(place, space=space)
        more = {} if to is None else {"to": (await life.told(to))[0]}
        link = Credential("link", message, person)
        await life.say(person, says, "link", link, notification=message, space=space, **more)

    return do


def by_text(says: str, place: int = 0, *, coded: bool = True) -> Deed:
    async def do(life: Life) -> None:
        person, _ = await life.told(place)
        await life.say(person, says, "sms", Credential("phone", "c", person), coded=coded)

    return do


def by_operator(says: str) -> Deed:
    async def do(life: Life) -> None:
        await life.say("piket", says, "console", DUTY_DESK, is_operator=True)

    return do


def by_token(says: str, *, operates: bool, place: int = 0) -> Deed:
    async def do(life: Life) -> None:
        person, _ = await life.told(place)
        await life.say(person, says, "api", Credential("token", "t", person), is_operator=operates)

    return do


def by_proxy(says: str) -> Deed:
    async def do(life: Life) -> None:
        person, _ = await life.told()
        await life.say(person, says, "proxy", DUTY_DESK, operator="piket")

    return do


def next_step(*, texted: bool = False) -> Deed:
    async def do(life: Life) -> None:
        case, (person, _) = await life.case(), await life.told()
        command = EscalateNow(person=person if texted else "piket", is_operator=not texted)
        by = Credential("phone", "c", person) if texted else DUTY_DESK
        done = await life.siaga.desk.change(case.alert.id, command, "escalate", by=by)
        assert done is not None
        assert done.refusal == ""

    return do


def reported(id_: str, **more: object) -> Deed:
    async def do(life: Life) -> None:
        await life.report(id_, **more)

    return do


async def disowned(life: Life) -> None:
    """Take every event of the token out."""
    siaga = life.siaga
    done = await Disowning(siaga.store, EventHistory(siaga.store), siaga.clock).refute(
        "t", START, by=OPERATOR
    )
    assert done.refuted


STORIES: dict[str, list[tuple[int, Deed]]] = {
    "somebody_elses_is_closed": [(5, by_link("taken")), (30, by_link("resolved", 1))],
    "awas_is_closed_by_the_desk": [(30, by_operator("resolved"))],
    "a_closing_is_taken_back": [(30, by_link("resolved")), (40, by_link("reopened"))],
    "a_closing_is_taken_back_by_text": [
        (5, by_text("taken")),
        (6, by_text("taken", 1)),
        (30, by_text("resolved")),
        (40, by_text("reopened")),
    ],
    "the_desk_reopens_and_it_is_closed_again": [
        (30, by_operator("resolved")),
        (500, by_operator("reopened")),
        (600, by_operator("resolved")),
    ],
    "a_text_without_code_is_only_seen": [(5, by_text("seen", coded=False))],
    "an_operator_asks_for_the_next_step": [(5, next_step())],
    "somebody_texts_for_the_next_step": [(5, by_link("taken")), (9, next_step(texted=True))],
    "a_token_of_a_person": [(5, by_token("taken", operates=False))],
    "a_token_of_an_operator": [(5, by_token("taken", operates=True))],
    "a_token_of_another_person_takes_too": [
        (5, by_operator("taken")),
        (6, by_token("taken", operates=False)),
    ],
    "by_proxy": [(5, by_proxy("taken")), (50, by_proxy("resolved"))],
    "a_reminder_renews": [
        (5, by_link("taken")),
        (6, by_link("taken", 1)),
        (70, by_link("taken")),
    ],
    "passed_on": [(5, by_link("delegated", 0, to=1)), (9, by_link("taken", 1))],
    "taken_and_declined_at_one_instant": [(5, by_link("taken")), (5, by_link("declined"))],
    "closed_and_reopened_at_one_instant": [(30, by_operator("resolved")), (30, by_operator("reopened"))],
    "refuted_after_a_closing": [
        (30, by_operator("resolved")),
        (60, reported("e2", corrects="e1", verification="refuted")),
    ],
    "refuted_after_a_reopening": [
        (30, by_operator("resolved")),
        (60, by_operator("reopened")),
        (90, reported("e2", corrects="e1", verification="refuted")),
    ],
    "the_token_is_disowned": [(5, by_link("taken")), (30, disowned)],
    "an_exercise_beside_it": [
        (1, reported("x1", exercise=True)),
        (120, by_link("taken", space="exercise")),
        (150, by_link("resolved", space="exercise")),
    ],
}


async def live(siaga: Siaga, story: list[tuple[int, Deed]], until: int = START + FOR) -> None:
    life = Life(siaga)
    await siaga.advance(START)
    await life.report("e1")
    await siaga.advance(START)
    for minute, deed in story:
        at = START + minute * MINUTE + BESIDE
        if siaga.clock.now() < at:
            await siaga.advance(at)
        await deed(life)
    await siaga.advance(until)


async def again(settings: Settings, siaga: Siaga, until: int = START + FOR) -> Ledger:
    """Return what a backtest makes of what the installation went through."""
    run = Backtest(
        settings,
        await Past.survey(EventHistory(siaga.store)),
        until=until,
        answers=await recalled(siaga.store, siaga.past),
        directory=(await siaga.books.directory()).contents,
    )
    return await run.run(run.rule_set())


def ends(alerts: Iterable[Alert]) -> set[tuple[object, ...]]:
    """Return how the alerts of an installation ended."""
    return {
        (
            alert.rule.id,
            alert.group,
            alert.ordinal,
            alert.level,
            alert.resolved_at,
            alert.resolved_reason,
            bool(alert.undone) or alert.resolved_reason == "refuted",
        )
        for alert in alerts
    }


def ends_again(ledger: Ledger) -> set[tuple[object, ...]]:
    """Return how those of a backtest ended."""
    return {(c.rule, c.group, c.ordinal, c.level, c.closed_at, c.reason, c.undone) for c in ledger.courses}


@pytest.mark.parametrize("name", STORIES)
async def test_what_was_accepted_is_accepted_again(settings, name):
    """Alerts end at the same instants for the same reasons, and the same people are told the same.

    Law: docs/specification/rules.md#recorded-answers.
    """
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        await live(siaga, STORIES[name])
        cases = [await siaga.desk.case(alert.id) for alert in await siaga.desk.alerts()]
        ledger = await again(settings, siaga)
    assert ends_again(ledger) == ends(case.alert for case in cases)
    sent = [n for case in cases for n in case.notifications.values() if n.sent_at is not None]
    assert len(sent) > 2
    assert sorted((n.kind, n.person, n.channel, n.sent_at) for n in sent) == sorted(
        (one.kind, one.person, one.channel, one.sent_at) for one in ledger.told
    )


async def test_answers_of_an_alert_that_left_the_store_count_too(settings):
    """30 days after it was resolved an alert is in the archive alone."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        await live(siaga, STORIES["awas_is_closed_by_the_desk"])
        before = await siaga.desk.alerts()
        await siaga.advance(START + 40 * DAY)
        groups = tuple(Drop(GROUPS, member) for member in await siaga.store.scan(GROUPS))
        await siaga.store.write(Write(name="forget", drops=groups))  # as groups do once nothing can change
        archivist = CaseArchiver(
            siaga.store, siaga.clock, siaga.metrics, siaga.past, Keys(b"k"), RetentionSection()
        )
        while await archivist.turn():
            pass
        archivist.release()
        assert await siaga.desk.alerts() == []
        ledger = await again(settings, siaga)
    assert [reason for *_, reason, _ in ends(before)] == ["by_hand"]
    assert ends_again(ledger) == ends(before)


async def test_a_closing_is_withdrawn_weeks_later(settings, monkeypatch):
    """Though a backtest lets go of alerts that nothing changes any more, and has done so by then."""
    monkeypatch.setattr("engine.simulation.backtest.TIDIED", 1)
    story = [
        (30, by_operator("resolved")),
        (20 * 1440, reported("e9", kind="desk.readiness", severity=2)),
        (21 * 1440, by_operator("reopened")),
    ]
    until = START + 22 * DAY
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        await live(siaga, story, until)
        after = await siaga.desk.alerts()
        ledger = await again(settings, siaga, until)
    assert [alert.status for alert in after] == ["open"]
    assert ends_again(ledger) == ends(after)
